// Who may ask: whoever carries STATUS_TOKEN, or the cookie of a session that the login form began with it.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { LoginAttempts } from './login-attempts.js';

const COOKIE = 'wifi-monitor-session';
const SESSION_MS = 12 * 3_600_000;
/** The oldest goes when there is one more. */
const MAX_SESSIONS = 100;

/** What is known of who asks. */
export interface Asker {
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
}

export type LoginResult =
  | { readonly kind: 'begun'; readonly setCookie: string }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'too-many' };

export class Access {
  /** When each session ends, steady time, by the digest of its id; the oldest first. */
  private readonly sessions = new Map<string, number>();
  private readonly attempts = new LoginAttempts();

  /** Without a token everybody may see everything: only the address that is listened on protects. */
  constructor(private readonly token: string | null) {}

  get isOpen(): boolean {
    return this.token === null;
  }

  /** Whether this request may see everything. */
  isAuthorised(asker: Asker): boolean {
    if (this.token === null || this.hasSession(asker)) return true;
    const given = bearerOf(asker);
    return given !== null && !this.attempts.isHeldBack(asker.ip) && isSame(given, this.token);
  }

  /**
   * Why a request is not authorised. To be asked once for each, because wrong tokens are counted: guessing must not be quicker by
   * header than by form. After too many of them from one address not even the right one is taken there.
   */
  refuse(asker: Asker): 'unknown' | 'too-many' {
    if (bearerOf(asker) === null) return 'unknown';
    if (this.attempts.isHeldBack(asker.ip)) return 'too-many';
    this.attempts.failed(asker.ip);
    return 'unknown';
  }

  /** Begins a session for whoever gives the token. */
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

/** Secure only where a proxy says that it speaks HTTPS with the browser: over plain HTTP the cookie would not come back. */
function cookie(value: string, maxAgeSeconds: number, { headers }: Asker): string {
  const secure = headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** In constant time, whatever the lengths. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
