// The Nexudus REST API: calls with a token. Each returns a value that fits a schema, or fails in a known way.
import { z } from 'zod';
import { readAnswer } from './answer.js';
import { NexudusError, type NexudusFailure } from './failure.js';
import { tokenAnswer } from './schemas.js';
import { createTokens, type Login, type TokenAnswer, type Tokens } from './token.js';
import { type Answer, createTransport, type Timeouts, type Transport } from './transport.js';

export { isLoginRefusal, NexudusError, type NexudusFailure } from './failure.js';
export type { Login } from './token.js';
export type { Timeouts } from './transport.js';

export interface NexudusClientOptions {
  /** Such as https://spaces.nexudus.com. If it has a path, the API's paths come behind it. */
  readonly url: string;
  readonly auth: Login;
  /** Sensors that share a login need different ids. Null: Nexudus uses the e-mail. */
  readonly clientId?: string | null;
  readonly userAgent?: string;
  readonly timeouts?: Partial<Timeouts>;
  readonly observer?: NexudusObserver;
  /** Unix time in ms; for tests. */
  readonly now?: () => number;
}

/** Called for each exchange and each call, for health and metrics. Must not throw. */
export interface NexudusObserver {
  /**
   * An exchange took `ms`. `status` is null when no whole answer came. `skewMs` is how far this machine's clock is ahead of Nexudus's
   * by this answer; null when the answer has no time.
   */
  onAnswer(status: number | null, ms: number, skewMs: number | null): void;
  /** A call has ended. `failure` is null when it succeeded. */
  onCall(method: 'GET' | 'POST', failure: NexudusFailure | null): void;
}

export interface CallOptions {
  /** The role that the call needs, for the message when it is missing. */
  readonly role: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every call resolves to a value that fits the schema. It rejects with a NexudusError, or with the reason of its signal. A request is
 * sent once. Only after a 401 it is sent a second time, with another token.
 */
export interface NexudusClient {
  get<T>(path: string, schema: z.ZodType<T>, options: CallOptions): Promise<T>;
  post<T>(path: string, body: object, schema: z.ZodType<T>, options: CallOptions): Promise<T>;
  /**
   * Resolves when Nexudus takes the login. Rejects with a NexudusError: `login-refused` (user name and password) or `unauthorised` (an
   * access token) when Nexudus refuses it, another kind when nobody can tell now.
   */
  checkLogin(signal?: AbortSignal): Promise<void>;
  /**
   * How far this machine's clock is ahead of Nexudus's by the latest answer, in ms, precise to a second or two; null before the
   * first.
   */
  clockSkewMs(): number | null;
  /** Breaks off the calls that are under way, and closes the connections. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: 30_000, bodyMs: 30_000, totalMs: 120_000 };
const ANYTHING = z.unknown();

/** Throws TypeError or RangeError, naming what is wrong, when the options cannot work. */
export function createNexudusClient(options: NexudusClientOptions): NexudusClient {
  return new HttpClient(options);
}

class HttpClient implements NexudusClient {
  private readonly base: URL;
  private readonly transport: Transport;
  private readonly tokens: Tokens;
  private readonly now: () => number;
  private skewMs: number | null = null;

  constructor(private readonly options: NexudusClientOptions) {
    const { auth, clientId = null, url, timeouts, now = Date.now } = options;
    this.base = new URL(url);
    if (clientId !== null) headerSafe(clientId, 'the client id');
    if (auth.kind === 'token') headerSafe(auth.accessToken, 'the access token');
    this.now = now;
    this.transport = createTransport({ ...DEFAULT_TIMEOUTS, ...timeouts });
    this.tokens = createTokens(auth, (form) => this.requestToken(form), now);
  }

  get<T>(path: string, schema: z.ZodType<T>, options: CallOptions): Promise<T> {
    return this.call('GET', path, null, schema, options);
  }

  post<T>(path: string, body: object, schema: z.ZodType<T>, options: CallOptions): Promise<T> {
    return this.call('POST', path, body, schema, options);
  }

  async checkLogin(signal?: AbortSignal): Promise<void> {
    if (this.options.auth.kind === 'password') {
      await this.tokens.bearer(signal);
      return;
    }
    try {
      await this.get('/api/sys/users', ANYTHING, { role: 'User-List', query: { size: 1 }, signal });
    } catch (error) {
      // A request that Nexudus rejects came with a good token.
      if (!(error instanceof NexudusError && error.failure.kind === 'rejected')) throw error;
    }
  }

  clockSkewMs(): number | null {
    return this.skewMs;
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  private async call<T>(...[method, path, body, schema, options]: CallArguments<T>): Promise<T> {
    const { observer } = this.options;
    try {
      const value = await this.attempt(method, path, body, schema, options);
      observer?.onCall(method, null);
      return value;
    } catch (error) {
      if (error instanceof NexudusError) observer?.onCall(method, error.failure);
      throw error;
    }
  }

  private async attempt<T>(...[method, path, body, schema, options]: CallArguments<T>): Promise<T> {
    const { tokens } = this;
    const json = body === null ? null : JSON.stringify(body);
    const sendAs = (bearer: string) => {
      const contentType = json === null ? {} : { 'content-type': 'application/json' };
      return this.send(method, path, { authorization: `Bearer ${bearer}`, ...contentType }, json, options);
    };
    let bearer = await tokens.bearer(options.signal);
    let answer = await sendAs(bearer);
    if (answer.status === 401) {
      const other = await tokens.insteadOf(bearer, options.signal);
      if (other !== null) {
        bearer = other;
        answer = await sendAs(bearer);
        if (answer.status === 401) tokens.distrust(bearer);
      }
    }
    const secrets = [...tokens.secrets(), bearer];
    return this.read(answer, schema, `${method} ${path}`, secrets, options.role);
  }

  private async requestToken(form: URLSearchParams): Promise<TokenAnswer> {
    const { clientId = null } = this.options;
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      ...(clientId === null ? {} : { client_id: clientId }),
    };
    const answer = await this.send('POST', '/api/token', headers, form.toString());
    const secrets = [...this.tokens.secrets(), ...['refresh_token', 'totp'].map((name) => form.get(name) ?? '')];
    return this.read(answer, tokenAnswer, 'POST /api/token', secrets, null);
  }

  private read<T>(answer: Answer, schema: z.ZodType<T>, where: string, secrets: string[], role: string | null): T {
    const mayHaveExpired = this.options.auth.kind === 'token';
    return readAnswer(answer, schema, { where, secrets, role, mayHaveExpired, nowMs: this.now() });
  }

  /** Sends a request, and notes how long the answer took and what time it has. */
  private async send(
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: string | null,
    options?: CallOptions,
  ): Promise<Answer> {
    const { userAgent = 'nexudus-wifi-monitor', observer } = this.options;
    const url = new URL(this.base.pathname.replace(/\/$/, '') + path, this.base.origin);
    for (const [name, value] of Object.entries(options?.query ?? {})) url.searchParams.set(name, String(value));
    const began = performance.now();
    const exchange = this.transport.exchange({
      method,
      url,
      headers: { accept: 'application/json', 'user-agent': userAgent, ...headers },
      body,
      signal: options?.signal,
    });
    const answer = await exchange.catch((error: unknown) => {
      if (error instanceof NexudusError) observer?.onAnswer(null, performance.now() - began, null);
      throw error;
    });
    const serverMs = Date.parse(answer.header('date') ?? '');
    // The header has whole seconds, so on average half a second has passed.
    const byThisAnswer = Number.isNaN(serverMs) ? null : Math.round(this.now() - serverMs - 500);
    this.skewMs = byThisAnswer ?? this.skewMs;
    observer?.onAnswer(answer.status, performance.now() - began, byThisAnswer);
    return answer;
  }
}

type CallArguments<T> = [
  method: 'GET' | 'POST',
  path: string,
  body: object | null,
  schema: z.ZodType<T>,
  options: CallOptions,
];

function headerSafe(value: string, what: string): void {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) throw new RangeError(`${what} must be printable ASCII`);
}
