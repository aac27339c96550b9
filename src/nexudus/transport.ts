// An HTTP exchange: limited in time and size, without following redirects. A failure says whether the request may have arrived.
import { Agent, buildConnector, errors } from 'undici';
import { NexudusError } from './failure.js';
import { oneLine } from './one-line.js';

/** Milliseconds for each phase of an exchange. */
export interface Timeouts {
  /** Name resolution, TCP and TLS. */
  readonly connectMs: number;
  /** From sending the request to the last header of the answer. */
  readonly headersMs: number;
  /** Between two pieces of the answer's body. */
  readonly bodyMs: number;
  /** The whole exchange, so that an answer that comes very slowly ends. */
  readonly totalMs: number;
}

export interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | null;
  readonly signal: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

export interface Transport {
  /**
   * Throws NexudusError `unavailable` when no whole answer came, `unexpected` when it was too large or not HTTP, and the reason of the
   * signal when that was aborted.
   */
  exchange(outgoing: Outgoing): Promise<Answer>;
  /** Breaks off the exchanges that are under way. */
  close(): Promise<void>;
}

const MAX_ANSWER = 16 * 1024 * 1024;

/** The connection could not be made, so nothing was sent. */
class NotConnected extends Error {
  constructor(cause: Error) {
    super(reason(cause));
  }
}

export function createTransport(timeouts: Timeouts): Transport {
  const connector = buildConnector({ timeout: timeouts.connectMs });
  const agent = new Agent({
    connect: (options, callback) =>
      connector(options, (...[error, socket]: [Error, null] | [null, import('node:net').Socket]) =>
        error === null ? callback(null, socket) : callback(new NotConnected(error), null),
      ),
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyMs,
    maxResponseSize: MAX_ANSWER,
  });

  async function exchange({ method, url, headers, body, signal }: Outgoing): Promise<Answer> {
    signal?.throwIfAborted();
    // On Node 20, AbortSignal.any leaves a listener for each call on a signal that lives as long as the process.
    const ending = new AbortController();
    const onAbort = () => ending.abort();
    const deadline = setTimeout(onAbort, timeouts.totalMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const answer = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        body,
        signal: ending.signal,
      });
      const text = await answer.body.text();
      return {
        status: answer.statusCode,
        text,
        header(name) {
          const value = answer.headers[name];
          return (Array.isArray(value) ? value[0] : value) ?? null;
        },
      };
    } catch (error) {
      signal?.throwIfAborted();
      throw failureOf(error, `${method} ${url.pathname}`, ending.signal.aborted ? timeouts.totalMs : null);
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  return { exchange, close: () => agent.destroy() };
}

function failureOf(error: unknown, where: string, deadlineMs: number | null): unknown {
  if (!(error instanceof Error)) return error;
  const code = codeOf(error);
  // This is a defect of the program. It must not look like a failure of the network.
  if (code === 'UND_ERR_INVALID_ARG' || error instanceof TypeError) return error;
  if (error instanceof NotConnected) {
    return new NexudusError({
      kind: 'unavailable',
      message: `${where}: cannot connect: ${error.message}`,
      mayHaveArrived: false,
    });
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new NexudusError({ kind: 'unexpected', message: `${where}: the answer is too large`, mayHaveArrived: true });
  }
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return new NexudusError({ kind: 'unexpected', message: `${where}: the answer is not HTTP`, mayHaveArrived: true });
  }
  const why = deadlineMs === null ? reason(error) : `no whole answer within ${Math.ceil(deadlineMs / 1000)} s`;
  return new NexudusError({
    kind: 'unavailable',
    message: `${where}: ${why}`,
    mayHaveArrived: true,
    isUnanswered: true,
  });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was broken',
  UND_ERR_CONNECT_TIMEOUT: 'connecting took too long',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half-way',
  UND_ERR_SOCKET: 'the connection was closed before the answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer was cut short',
  UND_ERR_DESTROYED: 'the client was closed',
  UND_ERR_CLOSED: 'the client was closed',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'a self-signed certificate is in the chain',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server certificate cannot be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server certificate comes from an unknown issuer',
  CERT_HAS_EXPIRED: 'the server certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the server certificate is for another host',
};

function reason(error: Error): string {
  const code = codeOf(error);
  const known = REASONS[code];
  if (known !== undefined) return `${known} (${code})`;
  return oneLine(error.message === '' ? code : error.message, 200) || 'unknown network error';
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
