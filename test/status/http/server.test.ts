import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type StatusRoutes, type StatusServer, startStatusServer } from '../../../src/status/http/server.js';

const TOKEN = 'a-token-of-this-test';
let server: StatusServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const routes: StatusRoutes = (fastify, access) => {
  fastify.get('/open', { config: { open: true } }, (asked) => ({ all: access.isAuthorised(asked) }));
  fastify.get('/closed', () => ({ secret: 'told' }));
  fastify.get('/broken', () => {
    throw new Error('a detail nobody should read');
  });
};

async function start(token: string | null): Promise<string> {
  server = await startStatusServer({ host: '127.0.0.1', port: 0, token, routes: [routes] });
  return server.url;
}

async function get(url: string, headers: Record<string, string> = {}): Promise<[code: number, body: unknown]> {
  return await new Promise((resolve, reject) => {
    request(url, { headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      answer.on('end', () => resolve([answer.statusCode ?? 0, JSON.parse(text)]));
    })
      .on('error', reject)
      .end();
  });
}

test('without a token whoever reaches the server is told everything', async () => {
  const url = await start(null);
  expect(await get(`${url}/closed`)).toEqual([200, { secret: 'told' }]);
  expect(await get(`${url}/open`)).toEqual([200, { all: true }]);
});

test('without a token a web page that calls this machine by a name of its own is refused', async () => {
  const url = await start(null);
  const { port } = new URL(url);
  const as = async (host: string) => (await get(`${url}/closed`, { host }))[0];
  expect(await as(`attacker.example:${port}`)).toBe(403);
  expect(await as(`127.0.0.1.attacker.example:${port}`)).toBe(403);
  expect(await as(`localhost:${port}`)).toBe(200);
  expect(await as(`[::1]:${port}`)).toBe(200);
});

test.each([
  ['none', {}],
  ['another', { authorization: 'Bearer another-token' }],
  ['a longer one', { authorization: `Bearer ${TOKEN}x` }],
  ['an empty one', { authorization: 'Bearer ' }],
  ['it as a password', { authorization: `Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}` }],
])(
  'with a token, a request with %s is refused, and open routes know it',
  async (_what, headers: Record<string, string>) => {
    const url = await start(TOKEN);
    expect((await get(`${url}/closed`, headers))[0]).toBe(401);
    expect(await get(`${url}/open`, headers)).toEqual([200, { all: false }]);
    expect((await get(`${url}/nowhere`, headers))[0]).toBe(401);
  },
);

test('with a token, the bearer of it is told everything', async () => {
  const url = await start(TOKEN);
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect(await get(`${url}/closed`, headers)).toEqual([200, { secret: 'told' }]);
  expect(await get(`${url}/open`, headers)).toEqual([200, { all: true }]);
  expect((await get(`${url}/nowhere`, headers))[0]).toBe(404);
});

test('an error inside is not told', async () => {
  const url = await start(null);
  expect(await get(`${url}/broken`)).toEqual([500, { error: 'unexpected error' }]);
});

test('an address that is taken is refused with the reason', async () => {
  const { port } = new URL(await start(null));
  const second = startStatusServer({ host: '127.0.0.1', port: Number(port), token: null, routes: [] });
  await expect(second).rejects.toThrow(/EADDRINUSE/);
});

test.each([
  ['127.0.0.1', '127.0.0.1', false],
  ['::1', '[::1]', false],
  ['0.0.0.0', '0.0.0.0', true],
  ['::', '[::]', true],
])('a server on %s says so, and whether that is every address', async (host, inUrl, isOnAllAddresses) => {
  server = await startStatusServer({ host, port: 0, token: TOKEN, routes: [routes] });
  const { port } = new URL(server.url);
  expect(server).toMatchObject({ url: `http://${inUrl}:${port}`, isOnAllAddresses });
});

test('a connection that is held open does not hold the end up', async () => {
  const { hostname, port } = new URL(await start(null));
  const socket = connect(Number(port), hostname);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET /closed HTTP/1.1\r\nHost: 127.0.0.1\r\n');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  await server?.close();
  server = undefined;
  await closed;
});
