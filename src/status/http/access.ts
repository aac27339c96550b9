// Who is authorised: a request with STATUS_TOKEN, or with the cookie of a session, which begins with a login.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { LoginAttempts } from './login-attempts.js';

const COOKIE = 'wifi-monitor-session';
const SESSION_MS = 12 * 3_600_000;
/** The oldest session ends when there is another. */
const MAX_SESSIONS = 100;

/** The sender of a request. */
export interface Asker {
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
}

export type LoginResult =
  | { readonly kind: 'begun'; readonly setCookie: string }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'too-many' };

export class Access {
  /** The steady time when each session ends, by the digest of its id; the oldest first. */
  private readonly sessions = new Map<string, number>();
  private readonly attempts = new LoginAttempts();

  /** Without a token every request is authorised. Only the address of the server protects it. */
  constructor(private readonly token: string | null) {}

  get isOpen(): boolean {
    return this.token === null;
  }

  /** Whether this request is authorised. */
  isAuthorised(asker: Asker): boolean {
    if (this.token === null || this.hasSession(asker)) return true;
    const given = bearerOf(asker);
    return given !== null && !this.attempts.isHeldBack(asker.ip) && isSame(given, this.token);
  }

  /**
   * Returns why a request is not authorised. To be called once for each, because wrong tokens are counted, so that guessing by header
   * is not quicker than by form. After too many wrong tokens from an address, even the right one is refused there.
   */
  refuse(asker: Asker): 'unknown' | 'too-many' {
    if (bearerOf(asker) === null) return 'unknown';
    if (this.attempts.isHeldBack(asker.ip)) return 'too-many';
    this.attempts.failed(asker.ip);
    return 'unknown';
  }

  /** Begins a session if the token is right. */
  login(asker: Asker, given: string): LoginResult {
    if (this.attempts.isHeldBack(asker.ip) || this.attempts.areTooMany()) return { kind: 'too-many' };
    if (this.token === null || !isSame(given, this.token)) {
      this.attempts.failed(asker.ip);
      return { kind: 'wrong' };
    }
    const id = randomBytes(32).toString('base64url');
    const [oldest] = this.sessions.keys();
    if (this.sessions.size >= MAX_SESSIONS && oldest !== undefined) this.sessions.delete(oldest);
    this.sessions.set(digest(id).toString('base64'), performance.now() + SESSION_MS);
    return { kind: 'begun', setCookie: cookie(id, SESSION_MS / 1_000, asker) };
  }

  /** Ends the session of this request. Returns the cookie that makes the browser forget it. */
  logout(asker: Asker): string {
    this.sessions.delete(sessionKey(asker) ?? '');
    return cookie('', 0, asker);
  }

  hasSession(asker: Asker): boolean {
    const key = sessionKey(asker);
    if (key === null) return false;
    const endsMs = this.sessions.get(key);
    if (endsMs !== undefined && endsMs > performance.now()) return true;
    this.sessions.delete(key);
    return false;
  }
}

function bearerOf({ headers }: Asker): string | null {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

function sessionKey({ headers }: Asker): string | null {
  const prefix = `${COOKIE}=`;
  const found = (headers.cookie ?? '').split(/; */).find((pair) => pair.startsWith(prefix));
  return found === undefined ? null : digest(found.slice(prefix.length)).toString('base64');
}

/** The cookie is `Secure` only behind a proxy with HTTPS, because over plain HTTP browsers do not send such cookies. */
function cookie(value: string, maxAgeSeconds: number, { headers }: Asker): string {
  const secure = headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** Compares in constant time, for any lengths. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
