// The error of every failed call to Nexudus, and the kinds of failure.

/**
 * Why a call has no value. Every text is a single line of limited length, without secrets and control characters.
 *
 * - `throttled`: 409 or 429. `retryAfterMs` is how long Nexudus asks to wait (1 s to 24 h), null when it does not say.
 * - `login-refused`: POST /api/token refuses the user name, password or one-time code.
 * - `unauthorised`: 401 with a token just got, or 403: the account lacks a role, or a fixed token has expired.
 * - `rejected`: Nexudus refused the request (4xx, or a body with WasSuccessful false). Trying again cannot help.
 * - `unavailable`: 5xx, 408, a web page instead of an answer, or no (whole) answer at all.
 * - `unexpected`: the answer is not as documented: empty, not JSON, of another shape, a redirect.
 *
 * `mayHaveArrived` is false only when it is certain that the request was not processed.
 */
export type NexudusFailure =
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }
  | { readonly kind: 'login-refused'; readonly message: string }
  | { readonly kind: 'unauthorised'; readonly message: string }
  | { readonly kind: 'rejected'; readonly status: number; readonly messages: readonly string[] }
  | {
      readonly kind: 'unavailable';
      readonly message: string;
      readonly mayHaveArrived: boolean;
      /** The request was sent, but no whole answer came. Nexudus may still be working on it. */
      readonly isUnanswered?: true;
    }
  | { readonly kind: 'unexpected'; readonly message: string; readonly mayHaveArrived: boolean };

/** Every failed call rejects with this, or with the reason of the signal that aborted it. */
export class NexudusError extends Error {
  override readonly name = 'NexudusError';
  readonly failure: NexudusFailure;

  constructor(failure: NexudusFailure) {
    super(describe(failure));
    this.failure = failure;
  }
}

function describe(failure: NexudusFailure): string {
  switch (failure.kind) {
    case 'throttled':
      return failure.retryAfterMs === null
        ? 'Nexudus asks to wait before the next request'
        : `Nexudus asks to wait ${Math.ceil(failure.retryAfterMs / 1000)} s before the next request`;
    case 'login-refused':
      return `Nexudus refuses the login: ${failure.message}`;
    case 'rejected':
      return failure.messages.join('; ');
    default:
      return failure.message;
  }
}

/** Whether a failure of `checkLogin` says that the login is wrong, and not only that nobody can tell now. */
export function isLoginRefusal(error: unknown): boolean {
  return error instanceof NexudusError && ['login-refused', 'unauthorised'].includes(error.failure.kind);
}

/** Returns the failure of a request that had to come before the real one. The real one was not sent. */
export function beforeSending(failure: NexudusFailure): NexudusFailure {
  return 'mayHaveArrived' in failure ? { ...failure, mayHaveArrived: false } : failure;
}
