// The access token: got with the password, and refreshed in time. However many calls need it, there is one request for it at a time.
// API: POST /api/token, form-encoded. A new token for the same client id makes the older refresh token invalid.
import type { z } from 'zod';
import { beforeSending, NexudusError } from './failure.js';
import type { tokenAnswer } from './schemas.js';
import { totpCode, totpStep } from './totp.js';
import { totpSecret } from './totp-secret.js';

/** How to log in. `totpSecret` is base32, null without two-factor login. */
export type Login = PasswordLogin | { readonly kind: 'token'; readonly accessToken: string };

interface PasswordLogin {
  readonly kind: 'password';
  readonly username: string;
  readonly password: string;
  readonly totpSecret: string | null;
}

export type TokenAnswer = z.infer<typeof tokenAnswer>;

export interface Tokens {
  /** Returns a token that should be valid. Logs in or refreshes first if needed. */
  bearer(signal: AbortSignal | undefined): Promise<string>;
  /** Returns another token than `refused`, which was answered with 401; null when there is no other. */
  insteadOf(refused: string, signal: AbortSignal | undefined): Promise<string | null>;
  /** The new token was refused too. The next call logs in with the password, because refreshing may keep old rights. */
  distrust(refused: string): void;
  /** Returns what must not appear in any message. */
  secrets(): string[];
}

interface Held {
  readonly access: string;
  readonly refresh: string | null;
  /** After this time it is renewed before use; Infinity when its life is not known. */
  readonly renewAtMs: number;
}

/** A token is renewed this long before it expires, or when a tenth of its life is left if that is shorter. */
const MARGIN_MS = 60_000;

/**
 * `request` posts a form to /api/token. `now` is Unix time in ms. Throws RangeError when the secret for one-time codes is not base32.
 * `bearer` and `insteadOf` reject with NexudusErrors whose `mayHaveArrived` is false.
 */
export function createTokens(
  login: Login,
  request: (form: URLSearchParams) => Promise<TokenAnswer>,
  now: () => number,
): Tokens {
  return login.kind === 'token' ? fixedToken(login.accessToken) : new PasswordTokens(login, request, now);
}

function fixedToken(accessToken: string): Tokens {
  return {
    bearer: async () => accessToken,
    insteadOf: async () => null,
    distrust() {},
    secrets: () => [accessToken],
  };
}

/** Tokens that are got with a password, and refreshed. */
class PasswordTokens implements Tokens {
  private readonly secret: Uint8Array | null;
  private held: Held | null = null;
  private renewal: Promise<string> | null = null;
  private refusal: { step: number; error: NexudusError } | null = null;

  constructor(
    private readonly login: PasswordLogin,
    private readonly request: (form: URLSearchParams) => Promise<TokenAnswer>,
    private readonly now: () => number,
  ) {
    this.secret = login.totpSecret === null ? null : totpSecret(login.totpSecret);
  }

  async bearer(signal: AbortSignal | undefined): Promise<string> {
    const { held } = this;
    return held !== null && this.now() < held.renewAtMs ? held.access : this.renew(signal);
  }

  async insteadOf(refused: string, signal: AbortSignal | undefined): Promise<string> {
    const { held } = this;
    return held !== null && held.access !== refused ? held.access : this.renew(signal);
  }

  distrust(refused: string): void {
    if (this.held?.access === refused) this.held = null;
  }

  secrets(): string[] {
    const { password, totpSecret: base32 } = this.login;
    return [password, base32 ?? '', this.held?.access ?? '', this.held?.refresh ?? ''].filter((text) => text !== '');
  }

  private renew(signal: AbortSignal | undefined): Promise<string> {
    this.renewal ??= this.obtain().finally(() => {
      this.renewal = null;
    });
    return unlessAborted(this.renewal, signal);
  }

  private async obtain(): Promise<string> {
    try {
      const refresh = this.held?.refresh ?? null;
      return (refresh === null ? null : await this.refreshWith(refresh)) ?? (await this.logIn());
    } catch (error) {
      throw error instanceof NexudusError ? new NexudusError(beforeSending(error.failure)) : error;
    }
  }

  /**
   * Returns null when the refresh token is refused. It lives 15 days, and becomes invalid when somebody else logs in with this client
   * id.
   */
  private async refreshWith(refresh: string): Promise<string | null> {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh });
    try {
      return this.keep(await this.request(form), refresh);
    } catch (error) {
      if (refusedBecause(error) === null) throw error;
      this.held = null;
      return null;
    }
  }

  private async logIn(): Promise<string> {
    const { username, password } = this.login;
    const form = new URLSearchParams({ grant_type: 'password', username, password });
    const step = totpStep(this.now());
    if (this.secret !== null) {
      // A code that was refused once would be refused again. The next step has another code.
      if (this.refusal?.step === step) throw this.refusal.error;
      form.set('totp', totpCode(this.secret, step));
    }
    try {
      return this.keep(await this.request(form), null);
    } catch (error) {
      const message = refusedBecause(error);
      if (message === null) throw error;
      this.held = null;
      this.refusal = { step, error: new NexudusError({ kind: 'login-refused', message }) };
      throw this.refusal.error;
    }
  }

  private keep({ access_token, expires_in, refresh_token }: TokenAnswer, formerRefresh: string | null): string {
    const lifeMs = (expires_in ?? Number.POSITIVE_INFINITY) * 1000;
    this.held = {
      access: access_token,
      refresh: refresh_token ?? formerRefresh,
      renewAtMs: this.now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 10),
    };
    return access_token;
  }
}

/** Returns what Nexudus says when it refuses a grant (400 or 401); null for every other failure. */
function refusedBecause(error: unknown): string | null {
  if (!(error instanceof NexudusError)) return null;
  const { failure } = error;
  if (failure.kind === 'rejected') return failure.messages.join('; ');
  return failure.kind === 'unauthorised' ? failure.message : null;
}

/** Ends the waiting with the signal. The login goes on, because others may wait for it too. */
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
