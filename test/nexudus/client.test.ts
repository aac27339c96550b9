// The client against the sandbox over loopback HTTP, and against raw servers for what no HTTP server does on purpose.
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Fault } from '../../scripts/nexudus-sandbox/faults.js';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import {
  createNexudusClient,
  type NexudusClient,
  type NexudusClientOptions,
  NexudusError,
  type NexudusFailure,
} from '../../src/nexudus/client.js';
import type { FailedCheckin } from '../../src/nexudus/failed-checkin.js';
import { postFailedCheckin } from '../../src/nexudus/failed-checkin-records.js';
import { until } from '../until.js';
import { CERTIFICATE, KEY } from './self-signed.js';

const HOUR_MS = 3_600_000;
/** Longer than any test goes on. */
const NEVER_MS = HOUR_MS;

const PASSWORD = 'pä ss+w&rd=%41/"\\é';
const AUTH = { kind: 'password', username: 'sensor+1@example.com', password: PASSWORD, totpSecret: null } as const;
const CHECKIN: FailedCheckin = {
  BusinessId: 77,
  CheckinAttemptTime: '2025-01-15T10:30:00Z',
  Source: 3,
  MacAddresses: '3C:22:FB:00:00:01',
  Description: 'Unrecognised device.',
};

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function sandboxWith(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ accounts: [{ username: AUTH.username, password: PASSWORD }], ...options });
  cleanups.push(() => sandbox.close());
  return sandbox;
}

function clientFor(url: string, options: Partial<NexudusClientOptions> = {}): NexudusClient {
  const client = createNexudusClient({ url, auth: AUTH, ...options });
  cleanups.push(() => client.close());
  return client;
}

async function rawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failureOf(promise: Promise<unknown>): Promise<NexudusFailure> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NexudusError)) throw new Error('expected a NexudusError', { cause: error });
  return error.failure;
}

/** A client with a token in hand, so that what follows is about the request itself. */
async function loggedInClient(sandbox: Sandbox, options: Partial<NexudusClientOptions> = {}): Promise<NexudusClient> {
  const client = clientFor(sandbox.url, options);
  await readUsers(client);
  return client;
}

/** An access token, got without the client. */
async function tokenOf(sandbox: Sandbox): Promise<string> {
  const login = await fetch(`${sandbox.url}/api/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'password', username: AUTH.username, password: PASSWORD }),
  });
  return ((await login.json()) as { access_token: string }).access_token;
}

function readUsers(client: NexudusClient, signal?: AbortSignal): Promise<unknown> {
  return client.get('/api/sys/users', z.object({ TotalItems: z.number() }), { role: 'User-List', signal });
}

function tokenRequests(sandbox: Sandbox): number {
  return sandbox.requests.filter(({ path }) => path === '/api/token').length;
}

describe('every fault becomes a failure of its kind', () => {
  const VALIDATION = {
    Message: 'CheckinAttemptTime: is a required field',
    Value: null,
    Errors: [{ AttemptedValue: null, Message: 'is a required field', PropertyName: 'CheckinAttemptTime' }],
    WasSuccessful: false,
  };
  const answer = (status: number, body?: unknown, headers?: Record<string, string>): Fault['action'] => ({
    kind: 'answer',
    status,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });
  const matrix: Array<[string, Fault['action'], object, committed: number]> = [
    [
      '500 with JSON',
      answer(500, { Message: 'An error has occurred.' }),
      { kind: 'unavailable', mayHaveArrived: true },
      0,
    ],
    [
      '500 after committing',
      { ...answer(500, {}), commit: true } as Fault['action'],
      { kind: 'unavailable', mayHaveArrived: true },
      1,
    ],
    ['502', answer(502), { kind: 'unavailable', mayHaveArrived: true }, 0],
    [
      '503 with a maintenance page',
      answer(503, '<!DOCTYPE html><h1>Maintenance'),
      { kind: 'unavailable', mayHaveArrived: true },
      0,
    ],
    ['504', answer(504, 'Gateway Timeout'), { kind: 'unavailable', mayHaveArrived: true }, 0],
    ['408', answer(408), { kind: 'unavailable', mayHaveArrived: true }, 0],
    [
      '200 with a web page',
      answer(200, '<html>Sign in to the Wi-Fi</html>'),
      { kind: 'unavailable', mayHaveArrived: true },
      0,
    ],
    [
      '403 with a web page',
      answer(403, '<html>Blocked by the firewall</html>'),
      { kind: 'unavailable', mayHaveArrived: true },
      0,
    ],
    ['200 with an empty body', answer(200), { kind: 'unexpected', mayHaveArrived: true }, 0],
    ['204', answer(204), { kind: 'unexpected', mayHaveArrived: true }, 0],
    ['200 with broken JSON', answer(200, '{"Status":200,"Val'), { kind: 'unexpected', mayHaveArrived: true }, 0],
    ['200 with plain text', answer(200, 'OK'), { kind: 'unexpected', mayHaveArrived: true }, 0],
    [
      '200 with JSON of another shape',
      answer(200, { WasSuccessful: true, Value: null }),
      { kind: 'unexpected', mayHaveArrived: true, message: expect.stringContaining(' at Value: ') },
      0,
    ],
    [
      '200 with an Id that is no number',
      answer(200, { WasSuccessful: true, Value: { Id: 'x' } }),
      { kind: 'unexpected', mayHaveArrived: true, message: expect.stringContaining(' at Value.Id: ') },
      0,
    ],
    ['200 with null', answer(200, null), { kind: 'unexpected', mayHaveArrived: true }, 0],
    [
      '200 with WasSuccessful false',
      answer(200, VALIDATION),
      { kind: 'rejected', status: 200, messages: ['CheckinAttemptTime: is a required field'] },
      0,
    ],
    [
      '400 with messages',
      answer(400, VALIDATION),
      { kind: 'rejected', status: 400, messages: ['CheckinAttemptTime: is a required field'] },
      0,
    ],
    [
      '400 with only a Message',
      answer(400, { Message: 'No.' }),
      { kind: 'rejected', status: 400, messages: ['No.'] },
      0,
    ],
    [
      '400 with nothing',
      answer(400),
      { kind: 'rejected', status: 400, messages: ['POST /api/spaces/failedcheckins: answered 400'] },
      0,
    ],
    ['404 with JSON', answer(404, { Message: 'Gone.' }), { kind: 'rejected', status: 404, messages: ['Gone.'] }, 0],
    [
      '403',
      answer(403, { Message: 'Forbidden.' }),
      { kind: 'unauthorised', message: expect.stringContaining('FailedCheckin-Create') },
      0,
    ],
    [
      '409 with Retry-After in seconds',
      answer(409, 'You must wait before accessing this url again.', { 'retry-after': '7' }),
      { kind: 'throttled', retryAfterMs: 7_000 },
      0,
    ],
    ['409 with an empty body and no Retry-After', answer(409), { kind: 'throttled', retryAfterMs: null }, 0],
    [
      '429 with a Retry-After date',
      answer(429, '', { date: 'Wed, 15 Jan 2025 10:30:00 GMT', 'retry-after': 'Wed, 15 Jan 2025 10:32:00 GMT' }),
      { kind: 'throttled', retryAfterMs: 120_000 },
      0,
    ],
    [
      '429 with a Retry-After in the past',
      answer(429, '', { 'retry-after': 'Wed, 15 Jan 2020 10:30:00 GMT' }),
      { kind: 'throttled', retryAfterMs: 1_000 },
      0,
    ],
    [
      '409 with a Retry-After of years',
      answer(409, '', { 'retry-after': '999999999999' }),
      { kind: 'throttled', retryAfterMs: 86_400_000 },
      0,
    ],
    [
      '409 with a Retry-After that is nonsense',
      answer(409, '', { 'retry-after': 'soon' }),
      { kind: 'throttled', retryAfterMs: null },
      0,
    ],
    [
      'a redirect elsewhere',
      answer(302, '', { location: 'https://portal.example/login?token=abc' }),
      {
        kind: 'unexpected',
        mayHaveArrived: true,
        message: expect.stringMatching(/302, a redirect to https:\/\/portal\.example\/login$/),
      },
      0,
    ],
    [
      'a redirect on the same host',
      answer(301, '', { location: '/elsewhere' }),
      { kind: 'unexpected', mayHaveArrived: true },
      0,
    ],
    ['a reset before committing', { kind: 'reset' }, { kind: 'unavailable', mayHaveArrived: true }, 0],
    ['a reset after committing', { kind: 'reset', commit: true }, { kind: 'unavailable', mayHaveArrived: true }, 1],
  ];

  test.each(matrix)('%s', async (_name, action, failure, committed) => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.fault({ method: 'POST', path: '/api/spaces/failedcheckins', action });
    expect(await failureOf(postFailedCheckin(client, CHECKIN))).toMatchObject(failure);
    expect(sandbox.failedCheckins).toHaveLength(committed);
    const posts = sandbox.requests.filter(({ method, path }) => method === 'POST' && path !== '/api/token');
    expect(posts, 'a request is sent once').toHaveLength(1);
    await postFailedCheckin(client, CHECKIN);
    expect(sandbox.failedCheckins, 'the next request works').toHaveLength(committed + 1);
  });

  test.each([
    ['headers that do not come', { kind: 'delay-headers', ms: NEVER_MS }, { headersMs: 300 }, 'no answer in time'],
    ['a body that does not come', { kind: 'delay-body', ms: NEVER_MS }, { bodyMs: 300 }, 'stopped half-way'],
  ] as const)('%s', async (_name, action, timeouts, why) => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url, { timeouts });
    // On a busy machine a request that nothing delays may be given up as well.
    const works = () =>
      readUsers(client).then(
        () => true,
        () => false,
      );
    await until('there is a token', works);
    sandbox.fault({ method: 'POST', path: '/api/spaces/failedcheckins', action });
    expect(await failureOf(postFailedCheckin(client, CHECKIN))).toMatchObject({
      kind: 'unavailable',
      mayHaveArrived: true,
      message: expect.stringContaining(why),
    });
    await until('it has arrived', () => sandbox.failedCheckins.length === 1);
    await until('the next request works', works);
    const posts = sandbox.requests.filter(({ path }) => path === '/api/spaces/failedcheckins');
    expect(posts, 'a request is sent once').toHaveLength(1);
  });

  test.each<[string, Fault['action'], object]>([
    ['a refused login', { kind: 'refuse-login' }, { kind: 'login-refused', message: 'invalid_grant: Refused.' }],
    ['401 at login', answer(401, { Message: 'Denied.' }), { kind: 'login-refused' }],
    ['409 at login', answer(409, '', { 'retry-after': '30' }), { kind: 'throttled', retryAfterMs: 30_000 }],
    ['503 at login', answer(503), { kind: 'unavailable', mayHaveArrived: false }],
    ['a reset at login', { kind: 'reset', commit: true }, { kind: 'unavailable', mayHaveArrived: false }],
    ['an empty answer at login', answer(200), { kind: 'unexpected', mayHaveArrived: false }],
    [
      'a login without a token',
      answer(200, { token_type: 'bearer' }),
      { kind: 'unexpected', mayHaveArrived: false, message: expect.stringContaining(' at access_token: ') },
    ],
    [
      'a token that would break a header',
      answer(200, { access_token: 'a\r\nx: y' }),
      { kind: 'unexpected', mayHaveArrived: false },
    ],
  ])('%s keeps its kind, and nothing has arrived', async (_name, action, failure) => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url);
    sandbox.fault({ path: '/api/token', action });
    expect(await failureOf(postFailedCheckin(client, CHECKIN))).toMatchObject(failure);
    expect(sandbox.requests).toHaveLength(1);
    await postFailedCheckin(client, CHECKIN);
    expect(sandbox.failedCheckins, 'it goes on by itself').toHaveLength(1);
  });
});

describe('connections that are not made', () => {
  const nothingArrived = { kind: 'unavailable', mayHaveArrived: false };

  test('a refused connection', async () => {
    const sandbox = await startSandbox();
    await sandbox.close();
    expect(await failureOf(readUsers(clientFor(sandbox.url)))).toEqual({
      ...nothingArrived,
      message: 'POST /api/token: cannot connect: connection refused (ECONNREFUSED)',
    });
  });

  test('a refused connection after the login does not count as sent', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    await sandbox.close();
    // The kept connection is noticed to be closed at some point; whatever is not refused outright may have arrived.
    await expect
      .poll(async () => failureOf(postFailedCheckin(client, CHECKIN)))
      .toEqual({
        ...nothingArrived,
        message: expect.stringContaining('POST /api/spaces/failedcheckins: cannot connect'),
      });
  });

  test('a host name that does not exist', async () => {
    // A label longer than DNS has room for: the resolver refuses it without asking the network, which might be slow or away.
    const failure = await failureOf(readUsers(clientFor(`http://${'x'.repeat(64)}.invalid`)));
    expect(failure).toMatchObject(nothingArrived);
    expect(failure).toMatchObject({ message: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) });
  });

  test('a server that does not speak TLS', async () => {
    const url = await rawServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await failureOf(readUsers(clientFor(url.replace('http:', 'https:'))))).toMatchObject(nothingArrived);
  });

  test('a connection that breaks off during the TLS handshake', async () => {
    const url = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await failureOf(readUsers(clientFor(url.replace('http:', 'https:'))))).toMatchObject(nothingArrived);
  });

  test('a TLS handshake that never ends', async () => {
    const url = await rawServer(() => {});
    const client = clientFor(url.replace('http:', 'https:'), { timeouts: { connectMs: 500 } });
    expect(await failureOf(readUsers(client))).toMatchObject({
      ...nothingArrived,
      message: expect.stringContaining('connecting took too long'),
    });
  });

  test('a certificate that nobody trusts', async () => {
    let requests = 0;
    const server = createTlsServer({ key: KEY, cert: CERTIFICATE }, (_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const client = clientFor(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await failureOf(readUsers(client))).toEqual({
      ...nothingArrived,
      message: 'POST /api/token: cannot connect: the server certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)',
    });
    expect(requests).toBe(0);
  });
});

describe('answers that are hardly HTTP', () => {
  const TOKEN = { auth: { kind: 'token', accessToken: 'fixed' } } as const;
  const respond = (head: string, body = '') =>
    rawServer((socket) => socket.once('data', () => socket.write(`${head}\r\n\r\n${body}`)));

  test('something that is not HTTP is unexpected', async () => {
    const url = await respond('SSH-2.0-OpenSSH_9.2');
    expect(await failureOf(readUsers(clientFor(url, TOKEN)))).toMatchObject({
      kind: 'unexpected',
      mayHaveArrived: true,
    });
  });

  test('a body that is cut short is unavailable', async () => {
    const url = await rawServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"Tot')),
    );
    expect(await failureOf(readUsers(clientFor(url, TOKEN)))).toMatchObject({
      kind: 'unavailable',
      mayHaveArrived: true,
    });
  });

  test('a body without end is given up when it is too large', async () => {
    const url = await rawServer((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`;
        const pour = () => {
          while (!socket.destroyed && socket.write(chunk));
        };
        socket.on('drain', pour);
        pour();
      }),
    );
    expect(await failureOf(readUsers(clientFor(url, TOKEN)))).toEqual({
      kind: 'unexpected',
      mayHaveArrived: true,
      message: 'GET /api/sys/users: the answer is too large',
    });
  });

  test('a body that drips is given up in the end', async () => {
    const url = await rawServer((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const drip = setInterval(() => socket.write('1\r\n \r\n'), 50);
        socket.on('close', () => clearInterval(drip));
      }),
    );
    expect(await failureOf(readUsers(clientFor(url, { ...TOKEN, timeouts: { totalMs: 900 } })))).toEqual({
      kind: 'unavailable',
      mayHaveArrived: true,
      isUnanswered: true,
      message: 'GET /api/sys/users: no whole answer within 1 s',
    });
  });

  test('a token in a redirect is not carried anywhere', async () => {
    let heard = '';
    const elsewhere = await rawServer((socket) =>
      socket.on('data', (data) => {
        heard += data;
      }),
    );
    const url = await respond(
      `HTTP/1.1 307 Temporary Redirect\r\nlocation: ${elsewhere}/api/sys/users\r\ncontent-length: 0`,
    );
    expect(await failureOf(readUsers(clientFor(url, TOKEN)))).toMatchObject({ kind: 'unexpected' });
    expect(heard).toBe('');
  });
});

describe('the token', () => {
  test('is got with the password, whatever characters that holds, and used from then on', async () => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url);
    await readUsers(client);
    await readUsers(client);
    expect(sandbox.requests.map(({ path, status }) => [path, status])).toEqual([
      ['/api/token', 200],
      ['/api/sys/users', 200],
      ['/api/sys/users', 200],
    ]);
  });

  test('is got once however many requests wait for it', async () => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url);
    await Promise.all(Array.from({ length: 50 }, () => readUsers(client)));
    expect(tokenRequests(sandbox)).toBe(1);
  });

  test('is refreshed once when 50 requests meet a 401, and every request succeeds', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.revokeTokens();
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => postFailedCheckin(client, { ...CHECKIN, BusinessId: i + 1 })),
    );
    expect(tokenRequests(sandbox)).toBe(2);
    expect(sandbox.failedCheckins).toHaveLength(50);
  });

  test('is refreshed before it expires, on a clock of hours as on one of days', async () => {
    for (const expiresIn of [600, 604_799]) {
      let now = Date.now();
      const sandbox = await sandboxWith({ expiresIn });
      const client = await loggedInClient(sandbox, { now: () => now });
      now += (expiresIn - 70) * 1000;
      await readUsers(client);
      expect(tokenRequests(sandbox)).toBe(1);
      now += 20_000;
      await readUsers(client);
      expect(tokenRequests(sandbox)).toBe(2);
      expect(sandbox.requests.filter(({ status }) => status === 401)).toEqual([]);
    }
  });

  test('of a few seconds is used, not fetched for ever', async () => {
    const sandbox = await sandboxWith();
    const body = { access_token: await tokenOf(sandbox), token_type: 'bearer', expires_in: 1 };
    sandbox.fault({ path: '/api/token', action: { kind: 'answer', status: 200, body } });
    const before = tokenRequests(sandbox);
    await readUsers(clientFor(sandbox.url));
    expect(tokenRequests(sandbox)).toBe(before + 1);
  });

  test('is got with the password again when the refresh token is refused', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.revokeTokens({ refreshTokens: true });
    await readUsers(client);
    const statuses = sandbox.requests.slice(2).map(({ path, status }) => [path, status]);
    expect(statuses).toEqual([
      ['/api/sys/users', 401],
      ['/api/token', 400],
      ['/api/token', 200],
      ['/api/sys/users', 200],
    ]);
  });

  test('is not asked for with the password when Nexudus is merely busy at refresh', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.revokeTokens();
    sandbox.fault({ path: '/api/token', action: { kind: 'answer', status: 503 } });
    expect(await failureOf(postFailedCheckin(client, CHECKIN))).toMatchObject({
      kind: 'unavailable',
      mayHaveArrived: false,
    });
    expect(tokenRequests(sandbox)).toBe(2);
    await postFailedCheckin(client, CHECKIN);
    expect(tokenRequests(sandbox)).toBe(3);
  });

  test('sensors that share a login do not disturb each other with client ids of their own', async () => {
    const sandbox = await sandboxWith();
    const clients = await Promise.all(
      ['sensor-1', 'sensor-2'].map((clientId) => loggedInClient(sandbox, { clientId })),
    );
    sandbox.revokeTokens();
    for (const client of clients) await readUsers(client);
    expect(sandbox.requests.filter(({ path, status }) => path === '/api/token' && status === 400)).toEqual([]);
  });

  test('that is refused although it is fresh means that a role is missing, which the message names', async () => {
    const roles = ['User-List'];
    const sandbox = await sandboxWith({ accounts: [{ username: AUTH.username, password: PASSWORD, roles }] });
    const client = await loggedInClient(sandbox);
    expect(await failureOf(postFailedCheckin(client, CHECKIN))).toEqual({
      kind: 'unauthorised',
      message:
        'POST /api/spaces/failedcheckins: answered 401, the account lacks the role FailedCheckin-Create: Authorization has been denied for this request.',
    });
    roles.push('FailedCheckin-Create');
    await postFailedCheckin(client, CHECKIN);
  });

  test('after a missing role is got with the password, not from a refresh token with the old rights', async () => {
    const sandbox = await sandboxWith({ accounts: [{ username: AUTH.username, password: PASSWORD, roles: [] }] });
    const client = clientFor(sandbox.url);
    await failureOf(readUsers(client));
    sandbox.revokeTokens({ refreshTokens: true });
    const before = sandbox.requests.length;
    await failureOf(readUsers(client));
    expect(sandbox.requests[before]).toMatchObject({ path: '/api/token', status: 200 });
  });

  test('can be a fixed one, which is never exchanged', async () => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url, { auth: { kind: 'token', accessToken: await tokenOf(sandbox) } });
    await readUsers(client);
    sandbox.revokeTokens();
    expect(await failureOf(readUsers(client))).toMatchObject({
      kind: 'unauthorised',
      message: expect.stringContaining('the access token has expired'),
    });
    expect(tokenRequests(sandbox)).toBe(1);
  });

  test('of an account with two factors is got with a one-time code', async () => {
    const totpSecret = 'JBSW Y3DP EHPK 3PXP';
    const sandbox = await sandboxWith({ accounts: [{ username: AUTH.username, password: PASSWORD, totpSecret }] });
    await readUsers(clientFor(sandbox.url, { auth: { ...AUTH, totpSecret } }));
    expect(await failureOf(readUsers(clientFor(sandbox.url)))).toMatchObject({ kind: 'login-refused' });
  });

  test('a refused one-time code is not tried again before the next one', async () => {
    const sandbox = await sandboxWith();
    let now = 1_790_000_000_000;
    const client = clientFor(sandbox.url, { auth: { ...AUTH, totpSecret: 'JBSWY3DPEHPK3PXP' }, now: () => now });
    sandbox.fault({ action: { kind: 'refuse-login' } });
    for (let i = 0; i < 3; i++) expect(await failureOf(readUsers(client))).toMatchObject({ kind: 'login-refused' });
    expect(tokenRequests(sandbox)).toBe(1);
    now += 30_000;
    await readUsers(client);
    expect(tokenRequests(sandbox)).toBe(2);
  });
});

describe('a signal', () => {
  test('breaks off a request that is under way, with its own reason', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.fault({ action: { kind: 'delay-headers', ms: NEVER_MS } });
    const controller = new AbortController();
    const pending = readUsers(client, controller.signal);
    await expect.poll(() => sandbox.requests.length).toBe(3);
    const reason = new Error('stopping');
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
  });

  test('stops waiting for a login that others go on waiting for', async () => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url);
    sandbox.fault({ path: '/api/token', action: { kind: 'delay-headers', ms: 300 } });
    const controller = new AbortController();
    const impatient = readUsers(client, controller.signal);
    const patient = readUsers(client);
    controller.abort(new Error('stopping'));
    await expect(impatient).rejects.toThrow('stopping');
    await patient;
    expect(tokenRequests(sandbox)).toBe(1);
  });

  test('closing the client ends what is under way', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    sandbox.fault({ action: { kind: 'delay-headers', ms: NEVER_MS } });
    const pending = failureOf(postFailedCheckin(client, CHECKIN));
    await expect.poll(() => sandbox.requests.length).toBe(3);
    await client.close();
    expect(await pending).toMatchObject({ kind: 'unavailable', mayHaveArrived: true });
  });
});

describe('what people read', () => {
  /** Answers every request with `status` and everything it was sent, as a careless debugging proxy would. */
  const echo = (status: number, form: (request: string) => string) =>
    rawServer((socket) =>
      socket.on('data', (data) => {
        const body = form(data.toString());
        socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }),
    );
  const TOTP = 'JBSWY3DPEHPK3PXP';

  test.each([400, 401, 500])('holds no password even when the server echoes it with %i', async (status) => {
    for (const form of [
      (text: string) => text,
      (text: string) => JSON.stringify({ Message: `${PASSWORD} ${encodeURIComponent(PASSWORD)} ${text}` }),
    ]) {
      const client = clientFor(await echo(status, form), { auth: { ...AUTH, totpSecret: TOTP } });
      const error = await postFailedCheckin(client, CHECKIN).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NexudusError);
      const shown = JSON.stringify(error) + String(error) + ((error as Error).stack ?? '');
      const encoded = new URLSearchParams({ password: PASSWORD }).toString();
      for (const secret of [
        PASSWORD,
        JSON.stringify(PASSWORD).slice(1, -1),
        encodeURIComponent(PASSWORD),
        encoded,
        TOTP,
      ])
        expect(shown).not.toContain(secret);
      expect(shown).not.toMatch(/totp=\d/);
    }
  });

  test.each([400, 401, 503])('holds no token even when the server echoes it with %i', async (status) => {
    const client = clientFor(await echo(status, (text) => text), {
      auth: { kind: 'token', accessToken: 'tok-123456' },
    });
    const error = await postFailedCheckin(client, CHECKIN).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NexudusError);
    expect(JSON.stringify(error) + String(error)).not.toContain('tok-123456');
  });

  test('is one bounded line without control characters, whatever the answer holds', async () => {
    const sandbox = await sandboxWith();
    const client = await loggedInClient(sandbox);
    const nasty = `\u001b[31mred\u202e\r\nsecond line\u0000 ${'x'.repeat(5_000)}`;
    const errors = Array.from({ length: 500 }, () => ({ PropertyName: 'Field', Message: nasty }));
    sandbox.fault({ method: 'POST', action: { kind: 'answer', status: 400, body: { Errors: errors } } });
    const failure = await failureOf(postFailedCheckin(client, CHECKIN));
    if (failure.kind !== 'rejected') throw new Error(failure.kind);
    expect(failure.messages.length).toBeLessThanOrEqual(20);
    for (const message of failure.messages) {
      expect(message).toMatch(/^Field: \[31mred second line x+…$/);
      expect(message.length).toBeLessThanOrEqual(300);
    }
    sandbox.fault({ method: 'POST', action: { kind: 'answer', status: 503, body: nasty } });
    expect((await failureOf(postFailedCheckin(client, CHECKIN))) as { message: string }).toMatchObject({
      message: expect.stringMatching(/^[^\p{Cc}\p{Cf}]{1,300}$/u),
    });
  });
});

describe('the client', () => {
  test('knows how far the local clock is ahead of the server', async () => {
    const sandbox = await sandboxWith();
    const client = clientFor(sandbox.url);
    expect(client.clockSkewMs()).toBeNull();
    sandbox.clockOffsetMs = -HOUR_MS;
    await readUsers(client);
    expect(client.clockSkewMs()).toBeGreaterThan(HOUR_MS / 2);
    sandbox.clockOffsetMs = HOUR_MS;
    await readUsers(client);
    expect(client.clockSkewMs()).toBeLessThan(-HOUR_MS / 2);
  });

  test('keeps a path in front of the API, and its connections for calls in a row', async () => {
    const requests: string[] = [];
    let connections = 0;
    const url = await rawServer((socket) => {
      connections++;
      socket.on('data', (data) => {
        requests.push(data.toString().split('\r\n')[0] ?? '');
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"TotalItems":0}');
      });
    });
    const client = clientFor(`${url}/proxy/nexudus/`, { auth: { kind: 'token', accessToken: 'fixed' } });
    for (let i = 0; i < 20; i++) await readUsers(client);
    expect(requests).toEqual(Array(20).fill('GET /proxy/nexudus/api/sys/users HTTP/1.1'));
    // One would do, but one that was idle for some seconds on a busy machine is not used again.
    expect(connections).toBeLessThan(requests.length);
  });

  test.each([
    ['a client id with a line break', { clientId: 'a\nb' }],
    ['an access token with a line break', { auth: { kind: 'token', accessToken: 'secret-token\n' } }],
    ['a secret for one-time codes that is not base32', { auth: { ...AUTH, totpSecret: 'secret-018' } }],
  ] as Array<[string, Partial<NexudusClientOptions>]>)('refuses %s at once, without repeating it', (_name, options) => {
    let message = '';
    try {
      clientFor('http://127.0.0.1:9', options);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/must be|is not/);
    expect(message).not.toContain('secret-');
  });
});
