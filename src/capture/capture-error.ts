// Why an interface cannot be captured on, in words for operators.

export type CaptureProblem = 'no-permission' | 'no-such-interface' | 'interface-down' | 'unsupported' | 'failed';

/** Capturing could not begin, or broke off. The message is for operators. */
export class CaptureError extends Error {
  constructor(
    readonly problem: CaptureProblem,
    message: string,
  ) {
    super(message);
    this.name = 'CaptureError';
  }
}

/** Returns the error for operators. `error` is what libpcap threw when `name` was opened. */
export function captureErrorOf(name: string, error: unknown): CaptureError {
  const detail = error instanceof Error ? error.message : String(error);
  const problem = problemOf(detail);
  return new CaptureError(problem, messageFor(problem, name, detail));
}

function problemOf(message: string): CaptureProblem {
  if (/permi(tted|ssion)|EPERM|EACCES/i.test(message)) return 'no-permission';
  if (/no such device|doesn't exist|ENODEV/i.test(message)) return 'no-such-interface';
  if (/not up|went down|ENETDOWN/i.test(message)) return 'interface-down';
  return 'failed';
}

function messageFor(problem: CaptureProblem, name: string, detail: string): string {
  switch (problem) {
    case 'no-permission':
      return `cannot capture on ${name}: permission denied. Run as root or grant CAP_NET_RAW (see README, "Permissions")`;
    case 'no-such-interface':
      return `cannot capture on ${name}: there is no such interface. "wifi-monitor interfaces" lists what there is`;
    case 'interface-down':
      return `cannot capture on ${name}: the interface is down`;
    default:
      return `cannot capture on ${name}: ${detail}`;
  }
}
