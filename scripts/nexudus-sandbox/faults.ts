// Faults that a test can make the sandbox have, and how often.
import { z } from 'zod';

const answer = z.object({
  kind: z.literal('answer'),
  status: z.number().int(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Text is sent as it is, anything else as JSON. */
  body: z.unknown().optional(),
  /** Process the request before this answer. */
  commit: z.boolean().optional(),
});
const delayHeaders = z.object({ kind: z.literal('delay-headers'), ms: z.number() });
const delayBody = z.object({ kind: z.literal('delay-body'), ms: z.number() });
const reset = z.object({
  kind: z.literal('reset'),
  /** Break the connection after processing the request (so that the client does not know the outcome) instead of before. */
  commit: z.boolean().optional(),
  /** Wait for so long before. */
  afterMs: z.number().optional(),
});
const refuseLogin = z.object({ kind: z.literal('refuse-login') });

/**
 * What happens to the next `count` requests (default 1) that match: `path` is compared with the path without its query, exactly, or as
 * a prefix when it ends in `*`. Left out, `method` and `path` match everything under /api.
 *
 * `answer` replies without processing the request. `delay-headers` and `delay-body` process it, and answer late.
 * `refuse-login` answers POST /api/token with 400 invalid_grant.
 */
export const faultSchema = z.object({
  method: z.string().optional(),
  path: z.string().optional(),
  count: z.number().optional(),
  action: z.discriminatedUnion('kind', [answer, delayHeaders, delayBody, reset, refuseLogin]),
});

export type Fault = z.infer<typeof faultSchema>;
export type FaultAction = Fault['action'];

export class Faults {
  readonly #armed: Array<{ fault: Fault; left: number }> = [];

  add(fault: Fault): void {
    this.#armed.push({ fault, left: fault.count ?? 1 });
  }

  clear(): void {
    this.#armed.length = 0;
  }

  /** Returns the action of the oldest fault that matches and is not used up, and counts the use. */
  take(method: string, path: string): FaultAction | null {
    for (const armed of this.#armed) {
      if (armed.left <= 0 || !matches(armed.fault, method, path)) continue;
      armed.left--;
      return armed.fault.action;
    }
    return null;
  }
}

function matches(fault: Fault, method: string, path: string): boolean {
  if (fault.action.kind === 'refuse-login') return method === 'POST' && path === '/api/token';
  if (fault.method !== undefined && fault.method.toUpperCase() !== method) return false;
  if (fault.path === undefined) return path.startsWith('/api/');
  return fault.path.endsWith('*') ? path.startsWith(fault.path.slice(0, -1)) : path === fault.path;
}
