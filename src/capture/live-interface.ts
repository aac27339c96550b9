// Frames from one live interface, through libpcap in immediate mode, with the filter in the kernel.
import { createRequire } from 'node:module';
import type { PcapSession } from 'pcap';
import { captureFilter } from './bpf-filter.js';
import type { FrameHandler } from './frame-source.js';
import { linkTypeOf } from './link-type.js';

/** Enough for a DHCP message with all its options behind any tags; the rest of a longer frame is not needed. */
const SNAPLEN = 1600;
/** Kernel buffer: thousands of frames of this size, where libpcap's default would be 10 MB. */
const BUFFER_BYTES = 2 * 1024 * 1024;
const HEADER_BYTES = 16;

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

export interface LiveCaptureOptions {
  readonly promiscuous: boolean;
  readonly ipv6: boolean;
}

/** What libpcap counted since the capture was opened. */
export interface CaptureStats {
  readonly received: number;
  /** Dropped by the kernel because we were too slow. */
  readonly dropped: number;
  readonly droppedByInterface: number;
}

export interface LiveCapture {
  /** False once libpcap reported an error: nothing will ever arrive again, only opening anew helps. */
  readonly isAlive: boolean;
  /** Null when the interface is gone. */
  stats(): CaptureStats | null;
  close(): void;
}

/** What pcap's session has inside and its types do not show. */
interface NativeSession {
  dispatch(buffer: Buffer | null, header: Buffer | null): number;
}

/**
 * Native sessions that were closed. Their poll handles stay in libuv's list, but pcap 3.1 frees the memory they lie in as
 * soon as the session is collected: so they are never collected. One is a few hundred bytes, and made once a reopening.
 */
const closedSessions: NativeSession[] = [];

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

/** The pcap package is a native addon: loaded only by who captures. */
function loadPcap(): typeof import('pcap') {
  const pcap: typeof import('pcap') & { warningHandler?: (text: string) => void } = createRequire(import.meta.url)(
    'pcap',
  );
  // By default it prints to stderr that an interface has no IPv4 address, which a mirror port never has.
  pcap.warningHandler = () => {};
  return pcap;
}

/**
 * Opens `name` and calls `onFrame` for each frame that the filter lets through, until `close`.
 * @throws CaptureError when the interface cannot be captured on.
 */
export function captureLive(name: string, options: LiveCaptureOptions, onFrame: FrameHandler): LiveCapture {
  const session = open(name, options);
  const linkType = linkTypeOf(session.link_type);
  if (linkType === null) {
    release(session);
    throw new CaptureError(
      'unsupported',
      `cannot capture on ${name}: its link type (${session.link_type}) is not supported`,
    );
  }
  session.on('packet', (packet: { buf: Buffer; header: Buffer }) => {
    const { buf, header } = packet;
    const eventMs = header.readUInt32LE(0) * 1_000 + Math.floor(header.readUInt32LE(4) / 1_000);
    onFrame(buf, Math.min(header.readUInt32LE(8), buf.length), eventMs, linkType);
  });
  let isOpen = true;
  let isAlive = true;
  const { session: native } = session as unknown as { session: NativeSession };
  const dispatch = native.dispatch.bind(native);
  // pcap ignores what dispatch answers; -1 is libpcap's error, such as an interface that went down.
  native.dispatch = (buffer, header) => {
    const answer = dispatch(buffer, header);
    if (answer === -1) isAlive = false;
    return answer;
  };
  return {
    get isAlive() {
      return isAlive;
    },
    stats() {
      if (!isOpen) return null;
      try {
        const { ps_recv, ps_drop, ps_ifdrop } = session.stats();
        return { received: ps_recv >>> 0, dropped: ps_drop >>> 0, droppedByInterface: ps_ifdrop >>> 0 };
      } catch {
        return null;
      }
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      release(session);
    },
  };
}

function open(name: string, options: LiveCaptureOptions): PcapSession {
  const pcap = loadPcap();
  try {
    return pcap.createSession(name, {
      filter: captureFilter('ethernet', { ipv6: options.ipv6 }),
      buffer_size: BUFFER_BYTES,
      buffer_timeout: 0, // immediate mode
      snap_length: SNAPLEN,
      promiscuous: options.promiscuous,
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const problem = problemOf(detail);
    throw new CaptureError(problem, messageFor(problem, name, detail));
  }
}

/** Closes the session at once: pcap's own `close` only asks, and the asking is heard when the next frame arrives. */
function release(session: PcapSession): void {
  const { session: native } = session as unknown as { session: NativeSession };
  session.close();
  native.dispatch(Buffer.alloc(SNAPLEN), Buffer.alloc(HEADER_BYTES));
  closedSessions.push(native);
}
