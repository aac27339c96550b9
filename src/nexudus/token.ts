// The access token: got with the password, refreshed in time, and by one request at a time however many wait.
// API: POST /api/token, form-encoded; a new token for the same client id invalidates the older refresh token.
import type { z } from 'zod';
import { beforeSending, NexudusError } from './failure.js';
import type { tokenAnswer } from './schemas.js';
import { totpCode, totpStep } from './totp.js';
import { totpSecret } from './totp-secret.js';

/** How to log in. `totpSecret` is base32, null without two-factor login. */
export type Login =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly password: string;
      readonly totpSecret: string | null;
    }
  | { readonly kind: 'token'; readonly accessToken: string };

export type TokenAnswer = z.infer<typeof tokenAnswer>;

export interface Tokens {
  /** A token that is good by what is known, waiting for a login or refresh where needed. */
  bearer(signal: AbortSignal | undefined): Promise<string>;
  /** Another token than the one that was answered with 401; null when there can be none. */
  insteadOf(refused: string, signal: AbortSignal | undefined): Promise<string | null>;
  /** A token just got was refused too: the next call starts from the password, in case refreshing kept old rights alive. */
  distrust(refused: string): void;
  /** What must not appear in any message. */
  secrets(): string[];
}

interface Held {
  readonly access: string;
  readonly refresh: string | null;
  /** From when on it is replaced before use; Infinity when its life is not known. */
  readonly renewAtMs: number;
}

/** A token is replaced this long before it expires, or with a tenth of its life left if that is shorter. */
const MARGIN_MS = 60_000;

/**
 * `ask` posts a form to /api/token. `now` is Unix time in ms. Throws RangeError when the secret for one-time codes is not base32.
 * Failures of `bearer` and `insteadOf` are NexudusErrors that never claim that anything may have arrived.
 */
export function createTokens(
  login: Login,
  ask: (form: URLSearchParams) => Promise<TokenAnswer>,
  now: () => number,
): Tokens {
  return login.kind === 'token' ? fixedToken(login.accessToken) : loggedIn(login, ask, now);
}

function fixedToken(accessToken: string): Tokens {
  return {
    bearer: async () => accessToken,
    insteadOf: async () => null,
    distrust() {},
    secrets: () => [accessToken],
  };
}

function loggedIn(
  { username, password, totpSecret: base32 }: Extract<Login, { kind: 'password' }>,
  ask: (form: URLSearchParams) => Promise<TokenAnswer>,
  now: () => number,
): Tokens {
  const secret = base32 === null ? null : totpSecret(base32);
  let held: Held | null = null;
  let renewal: Promise<string> | null = null;
  let refusal: { step: number; error: NexudusError } | null = null;

  function keep({ access_token, expires_in, refresh_token }: TokenAnswer, formerRefresh: string | null): string {
    const lifeMs = (expires_in ?? Number.POSITIVE_INFINITY) * 1000;
    held = {
      access: access_token,
      refresh: refresh_token ?? formerRefresh,
      renewAtMs: now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 10),
    };
    return access_token;
  }

  async function obtain(): Promise<string> {
    try {
      const refresh = held?.refresh ?? null;
      return (refresh === null ? null : await refreshWith(refresh)) ?? (await logIn());
    } catch (error) {
      throw error instanceof NexudusError ? new NexudusError(beforeSending(error.failure)) : error;
    }
  }

  /** Null when the refresh token is refused: it lives 15 days, and only as long as nobody else logs in with this client id. */
  async function refreshWith(refresh: string): Promise<string | null> {
    try {
      return keep(await ask(new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh })), refresh);
    } catch (error) {
      if (refusedBecause(error) === null) throw error;
      held = null;
      return null;
    }
  }

  async function logIn(): Promise<string> {
    const form = new URLSearchParams({ grant_type: 'password', username, password });
    const step = totpStep(now());
    if (secret !== null) {
      // A code that was refused once is refused again; the next step brings another.
      if (refusal?.step === step) throw refusal.error;
      form.set('totp', totpCode(secret, step));
    }
    try {
      return keep(await ask(form), null);
    } catch (error) {
      const message = refusedBecause(error);
      if (message === null) throw error;
      held = null;
      refusal = { step, error: new NexudusError({ kind: 'login-refused', message }) };
      throw refusal.error;
    }
  }

  async function renew(signal: AbortSignal | undefined): Promise<string> {
    renewal ??= obtain().finally(() => {
      renewal = null;
    });
    return unlessAborted(renewal, signal);
  }

  return {
    bearer: async (signal) => (held !== null && now() < held.renewAtMs ? held.access : renew(signal)),
    insteadOf: async (refused, signal) => (held !== null && held.access !== refused ? held.access : renew(signal)),
    distrust(refused) {
      if (held?.access === refused) held = null;
    },
    secrets: () => [password, base32 ?? '', held?.access ?? '', held?.refresh ?? ''].filter((text) => text !== ''),
  };
}

/** What Nexudus says when it refuses a grant (400, or 401); null for every other failure. */
function refusedBecause(error: unknown): string | null {
  if (!(error instanceof NexudusError)) return null;
  const { failure } = error;
  if (failure.kind === 'rejected') return failure.messages.join('; ');
  return failure.kind === 'unauthorised' ? failure.message : null;
}

/** Waiting for a login that others wait for too ends with the signal; the login goes on. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
