// Who may log in to the sandbox: password and refresh grants, bearer tokens, Basic authentication, roles.
import { createHmac, randomBytes } from 'node:crypto';

export type Account = {
  username: string;
  password: string;
  /** Base32. When there is one, a login needs the current one-time code (RFC 6238). */
  totpSecret?: string | undefined;
  /** Such as `User-List`. Left out: a full unrestricted administrator. */
  roles?: string[] | undefined;
};

type Session = { account: Account; expiresAt: number };

export type TokenAnswer =
  | { status: 200; body: { access_token: string; token_type: 'bearer'; expires_in: number; refresh_token: string } }
  | { status: 400; body: { error: string; error_description?: string } };

const REFRESH_TOKEN_LIFE_MS = 15 * 24 * 3600 * 1000;

export class Accounts {
  /** Seconds an access token lives. Changing it affects later tokens. */
  expiresIn: number;
  readonly #accounts: Account[];
  readonly #access = new Map<string, Session>();
  /** One refresh token lives for each login and client id. */
  readonly #refresh = new Map<string, { token: string; session: Session }>();

  constructor(accounts: Account[], expiresIn: number) {
    this.#accounts = accounts;
    this.expiresIn = expiresIn;
  }

  /** POST /api/token. `form` is null when the body was not form-encoded. */
  token(form: URLSearchParams | null, clientId: string | null): TokenAnswer {
    switch (form?.get('grant_type')) {
      case 'password': {
        const account = this.#login(form.get('username') ?? '', form.get('password') ?? '');
        if (account === undefined) return refused('The user name or password is incorrect.');
        if (account.totpSecret !== undefined && !isCurrentCode(account.totpSecret, form.get('totp') ?? '')) {
          return refused('The two-factor authentication code is missing or incorrect.');
        }
        return this.#issue(account, clientId);
      }
      case 'refresh_token': {
        const wanted = form.get('refresh_token') ?? '';
        for (const [key, { token, session }] of this.#refresh) {
          if (token !== wanted || session.expiresAt < Date.now()) continue;
          if (key !== refreshKey(session.account, clientId)) continue;
          return this.#issue(session.account, clientId);
        }
        return refused('The refresh token is invalid.');
      }
      default:
        return { status: 400, body: { error: 'unsupported_grant_type' } };
    }
  }

  /** Whether this Authorization header opens an endpoint that wants `role`. */
  allows(authorization: string | undefined, role: string): boolean {
    const account = this.#whoIs(authorization);
    return account !== undefined && (account.roles === undefined || account.roles.includes(role));
  }

  /** Makes every access token expire now. With `refreshTokens` only a login with the password works afterwards. */
  revokeAll({ refreshTokens = false } = {}): void {
    this.#access.clear();
    if (refreshTokens) this.#refresh.clear();
  }

  #whoIs(authorization = ''): Account | undefined {
    const [scheme, credentials = ''] = authorization.split(' ');
    if (scheme?.toLowerCase() === 'basic') {
      const [, username = '', password = ''] =
        /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? [];
      return this.#login(username, password);
    }
    if (scheme?.toLowerCase() !== 'bearer') return undefined;
    const session = this.#access.get(credentials);
    return session !== undefined && session.expiresAt > Date.now() ? session.account : undefined;
  }

  #login(username: string, password: string): Account | undefined {
    return this.#accounts.find((account) => account.username === username && account.password === password);
  }

  #issue(account: Account, clientId: string | null): TokenAnswer {
    const access = randomBytes(24).toString('base64url');
    const refresh = randomBytes(24).toString('base64url');
    this.#access.set(access, { account, expiresAt: Date.now() + this.expiresIn * 1000 });
    this.#refresh.set(refreshKey(account, clientId), {
      token: refresh,
      session: { account, expiresAt: Date.now() + REFRESH_TOKEN_LIFE_MS },
    });
    const body = {
      access_token: access,
      token_type: 'bearer',
      expires_in: this.expiresIn,
      refresh_token: refresh,
    } as const;
    return { status: 200, body };
  }
}

function refused(why: string): TokenAnswer {
  return { status: 400, body: { error: 'invalid_grant', error_description: why } };
}

function refreshKey(account: Account, clientId: string | null): string {
  return JSON.stringify([account.username, clientId ?? account.username]);
}

/** RFC 6238, where the codes of the step before and after are valid too, as on most servers. */
function isCurrentCode(base32: string, code: string): boolean {
  const step = Math.floor(Date.now() / 30_000);
  return [step - 1, step, step + 1].some((at) => codeAt(base32, at) === code);
}

function codeAt(base32: string, step: number): string {
  let bits = '';
  for (const letter of base32.toUpperCase().replace(/[^A-Z2-7]/g, '')) {
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
  }
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', key).update(counter).digest();
  const truncated = digest.readUInt32BE((digest.at(-1) ?? 0) & 0x0f) & 0x7fffffff;
  return String(truncated % 1_000_000).padStart(6, '0');
}
