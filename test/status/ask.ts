// Asks a status server as a browser, a script or an attacker would: with any header, and with bytes that are no proper request.
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The loopback address to come from. Default 127.0.0.1. */
  readonly from?: string;
}

export interface Answer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export function ask(
  url: string,
  { method = 'GET', headers = {}, body, from = '127.0.0.1' }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method, headers, localAddress: from, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** Sends bytes as they are and answers everything that comes back until the server closes the connection. */
export function askRaw(url: string, pieces: Iterable<string>, everyMs = 0): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname);
    const source = pieces[Symbol.iterator]();
    const send = () => {
      const { done, value } = source.next();
      if (done || socket.destroyed) return;
      socket.write(value);
      setTimeout(send, everyMs);
    };
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    socket.on('connect', send);
    // A server that has enough of it may reset the connection.
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** The value of the cookie that an answer sets, as a request carries it back. */
export function cookieOf({ headers }: Answer): string {
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

export function login(url: string, token: string, more: Asked = {}): Promise<Answer> {
  return ask(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ token }).toString(),
    ...more,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...more.headers },
  });
}
