// The one error a caller of Nexudus meets, and the kinds of failure it tells apart.

/**
 * Why a call did not give a value. Every text in it is one line, bounded, free of secrets and of control characters.
 *
 * - `throttled`: 409 or 429. `retryAfterMs` is what Nexudus asks for (1 s to 24 h), null when it does not say.
 * - `login-refused`: POST /api/token says no to the user name, password or one-time code.
 * - `unauthorised`: 401 with a token just got, or 403: the account lacks a role, or a fixed token has expired.
 * - `rejected`: Nexudus understood and refused (4xx, or a body with WasSuccessful false). Trying again cannot help.
 * - `unavailable`: 5xx, 408, a web page instead of an answer, or no (whole) answer at all.
 * - `unexpected`: an answer that is none of the API's: empty, not JSON, not of the documented shape, a redirect.
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
      /** The request went out, but no whole answer came back: it may still be worked on. */
      readonly isUnanswered?: true;
    }
  | { readonly kind: 'unexpected'; readonly message: string; readonly mayHaveArrived: boolean };

/** What every call throws, besides the reason of the signal that aborted it. */
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

/** The same failure of a request that was needed before the real one, which therefore was not sent. */
export function beforeSending(failure: NexudusFailure): NexudusFailure {
  return 'mayHaveArrived' in failure ? { ...failure, mayHaveArrived: false } : failure;
}
