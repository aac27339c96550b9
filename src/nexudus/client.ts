// The Nexudus REST API: calls with a token, answers checked against a schema, and failures of a known kind.
import type { z } from 'zod';
import { NexudusError, type NexudusFailure } from './failure.js';
import { oneLine } from './one-line.js';
import { problemAnswer, tokenAnswer } from './schemas.js';
import { createTokens, type Login, type TokenAnswer } from './token.js';
import { type Answer, createTransport, type Timeouts } from './transport.js';

export { NexudusError, type NexudusFailure } from './failure.js';
export type { Login } from './token.js';
export type { Timeouts } from './transport.js';

export interface NexudusClientOptions {
  /** Such as https://spaces.nexudus.com; a path is kept in front of the API's own. */
  readonly url: string;
  readonly auth: Login;
  /** Sensors that share a login need different ones. Null: Nexudus takes the e-mail. */
  readonly clientId?: string | null;
  readonly userAgent?: string;
  readonly timeouts?: Partial<Timeouts>;
  readonly observer?: NexudusObserver;
  /** Unix time in ms; for tests. */
  readonly now?: () => number;
}

/** Hears how the API does, for health and metrics. Must not throw. */
export interface NexudusObserver {
  /**
   * One exchange: the HTTP status, or null when no whole answer came, after `ms`. `skewMs`: how far this machine's clock is ahead of
   * Nexudus's by this answer; null when it does not tell.
   */
  onAnswer(status: number | null, ms: number, skewMs: number | null): void;
  /** One call has come to its end; `failure` is null when it succeeded. */
  onCall(method: 'GET' | 'POST', failure: NexudusFailure | null): void;
}

export interface CallOptions {
  /** The role that the call needs, for the message when it is missing. */
  readonly role: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every call resolves to a value that fits the schema, or throws a NexudusError, or the reason of its signal. A request is sent once;
 * only a 401 is followed by a second one with another token.
 */
export interface NexudusClient {
  get<T>(path: string, schema: z.ZodType<T>, options: CallOptions): Promise<T>;
  post<T>(path: string, body: object, schema: z.ZodType<T>, options: CallOptions): Promise<T>;
  /** How far this machine's clock is ahead of Nexudus's, in ms, to within a second or two, by the latest answer; null before the first. */
  clockSkewMs(): number | null;
  /** Breaks off what is under way, and closes the connections. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: 30_000, bodyMs: 30_000, totalMs: 120_000 };
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 24 * 3_600_000;
const MAX_MESSAGE = 300;
const MAX_MESSAGES = 20;

/** Throws TypeError or RangeError, naming what is wrong, when the options cannot work. */
export function createNexudusClient(options: NexudusClientOptions): NexudusClient {
  const { auth, clientId = null, userAgent = 'nexudus-wifi-monitor', observer, now = Date.now } = options;
  const base = new URL(options.url);
  if (clientId !== null) headerSafe(clientId, 'the client id');
  if (auth.kind === 'token') headerSafe(auth.accessToken, 'the access token');
  const transport = createTransport({ ...DEFAULT_TIMEOUTS, ...options.timeouts });
  const tokens = createTokens(auth, askForToken, now);
  let skewMs: number | null = null;

  async function send(
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: string | null,
    options?: CallOptions,
  ) {
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base.origin);
    for (const [name, value] of Object.entries(options?.query ?? {})) url.searchParams.set(name, String(value));
    const began = performance.now();
    const exchange = transport.exchange({
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
    // The header has whole seconds: on average half of one has passed.
    const byThisAnswer = Number.isNaN(serverMs) ? null : Math.round(now() - serverMs - 500);
    skewMs = byThisAnswer ?? skewMs;
    observer?.onAnswer(answer.status, performance.now() - began, byThisAnswer);
    return answer;
  }

  async function askForToken(form: URLSearchParams): Promise<TokenAnswer> {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      ...(clientId === null ? {} : { client_id: clientId }),
    };
    const answer = await send('POST', '/api/token', headers, form.toString());
    const secrets = [...tokens.secrets(), ...['refresh_token', 'totp'].map((name) => form.get(name) ?? '')];
    return read(answer, tokenAnswer, 'POST /api/token', secrets, null);
  }

  async function call<T>(...[method, path, body, schema, options]: Parameters<typeof attempt<T>>): Promise<T> {
    try {
      const value = await attempt(method, path, body, schema, options);
      observer?.onCall(method, null);
      return value;
    } catch (error) {
      if (error instanceof NexudusError) observer?.onCall(method, error.failure);
      throw error;
    }
  }

  async function attempt<T>(
    method: 'GET' | 'POST',
    path: string,
    body: object | null,
    schema: z.ZodType<T>,
    options: CallOptions,
  ): Promise<T> {
    const json = body === null ? null : JSON.stringify(body);
    const sendAs = (bearer: string) =>
      send(
        method,
        path,
        { authorization: `Bearer ${bearer}`, ...(json === null ? {} : { 'content-type': 'application/json' }) },
        json,
        options,
      );

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
    return read(answer, schema, `${method} ${path}`, [...tokens.secrets(), bearer], options.role);
  }

  /** The answer's value, or the failure that its status, its body or its shape mean. */
  function read<T>(answer: Answer, schema: z.ZodType<T>, where: string, secrets: string[], role: string | null): T {
    const safe = (text: string) => oneLine(withoutSecrets(text, secrets), MAX_MESSAGE);
    const unavailable = (what: string) =>
      new NexudusError({ kind: 'unavailable', message: safe(`${where}: ${what}`), mayHaveArrived: true });
    const unexpected = (what: string) =>
      new NexudusError({ kind: 'unexpected', message: safe(`${where}: ${what}`), mayHaveArrived: true });

    const { status, text } = answer;
    if (status === 409 || status === 429) {
      throw new NexudusError({ kind: 'throttled', retryAfterMs: retryAfterMs(answer, now()) });
    }
    if (status >= 300 && status < 400) throw unexpected(`answered ${status}, a redirect to ${target(answer)}`);
    const json = parsed(text);
    const verdict = json === undefined ? undefined : problemAnswer.safeParse(json).data;
    const said = messagesOf(verdict, text).map(safe);
    const saying = said.length === 0 ? '' : `: ${said.join('; ')}`;
    if (status >= 500 || status === 408)
      throw unavailable(`answered ${status}${isWebPage(answer) ? ' with a web page' : saying}`);
    // Between us and the API sits something that speaks for it: maintenance, a firewall, a captive portal.
    if (isWebPage(answer)) throw unavailable(`answered ${status} with a web page`);
    if (status === 401 || status === 403) {
      const cause =
        role === null
          ? ''
          : `, the account lacks the role ${role}${auth.kind === 'token' ? ' or the access token has expired' : ''}`;
      throw new NexudusError({ kind: 'unauthorised', message: safe(`${where}: answered ${status}${cause}${saying}`) });
    }
    if (status >= 400 || verdict?.WasSuccessful === false) {
      throw new NexudusError({
        kind: 'rejected',
        status,
        messages: said.length > 0 ? said : [safe(`${where}: answered ${status}`)],
      });
    }
    if (text.trim() === '') throw unexpected(`answered ${status} with an empty body`);
    if (json === undefined) throw unexpected(`answered ${status} with something that is not JSON`);
    const value = schema.safeParse(json);
    if (!value.success) {
      const [issue] = value.error.issues;
      throw unexpected(
        `answered in another shape than documented, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? ''}`,
      );
    }
    return value.data;
  }

  return {
    get: (path, schema, options) => call('GET', path, null, schema, options),
    post: (path, body, schema, options) => call('POST', path, body, schema, options),
    clockSkewMs: () => skewMs,
    close: () => transport.close(),
  };
}

function headerSafe(value: string, what: string): void {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) throw new RangeError(`${what} must be printable ASCII`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What Nexudus says is wrong: `CheckinAttemptTime: is a required field`. Untrusted text. */
function messagesOf(verdict: z.infer<typeof problemAnswer> | undefined, text: string): string[] {
  if (verdict === undefined) return text.trimStart().startsWith('<') || text.trim() === '' ? [] : [text];
  const errors = verdict.Errors.map(({ PropertyName, Message }) =>
    [PropertyName, Message].filter((part) => part).join(': '),
  );
  const oauth = [verdict.error, verdict.error_description].filter((part) => part).join(': ');
  const messages = errors.length > 0 ? errors : [verdict.Message ?? oauth];
  return messages.filter((message) => message !== '').slice(0, MAX_MESSAGES);
}

function isWebPage(answer: Answer): boolean {
  return /^\s*<(?:!doctype|html)/i.test(answer.text) || (answer.header('content-type') ?? '').includes('text/html');
}

function target(answer: Answer): string {
  const location = answer.header('location') ?? '';
  const base = 'relative://here';
  if (!URL.canParse(location, base)) return 'nowhere';
  // Without the query: portals put addresses and tokens there.
  const { protocol, host, pathname } = new URL(location, base);
  return protocol === 'relative:' ? pathname : `${protocol}//${host}${pathname}`;
}

/** RFC 9110 section 10.2.3: seconds or a date, which is judged by the server's own clock where it tells the time. */
function retryAfterMs(answer: Answer, nowMs: number): number | null {
  const value = answer.header('retry-after')?.trim() ?? '';
  const serverMs = Date.parse(answer.header('date') ?? '');
  const waitMs = /^\d+(?:\.\d+)?$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Number.isNaN(serverMs) ? nowMs : serverMs);
  return Number.isNaN(waitMs) ? null : Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, waitMs));
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) {
    for (const form of new Set([
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      formEncoded(secret),
    ])) {
      if (form !== '') safe = safe.replaceAll(form, '***');
    }
  }
  return safe;
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
