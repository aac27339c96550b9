// What an attacker can do to a hub, with no token, a revoked one, or that of a stolen box. The source is no secret.

import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { ask, askRaw } from '../status/ask.js';
import { until } from '../until.js';
import { message, TrialHub, visit } from './trial-hub.js';

const MAC = '3c:22:fb:00:00:01';
let sandbox: Sandbox;
let redis: RedisServer;
let hub: TrialHub;
let token: string;
let logged = '';
let sensors = 0;

beforeAll(async () => {
  sandbox = await startSandbox();
  redis = await startRedis();
  const lines = new PassThrough();
  lines.on('data', (line) => {
    logged += String(line);
  });
  hub = await TrialHub.start({
    sandbox,
    redisUrl: redis.url,
    log: pino({ level: 'debug' }, lines),
    environment: { HUB_VISITS_PER_MINUTE: '60', HUB_VISITS_PER_DAY: '400' },
  });
});
afterAll(async () => {
  await hub.close();
  await redis.stop();
  await sandbox.close();
});
beforeEach(async () => {
  sensors++;
  token = await hub.token(`sensor-${sensors}`, 76 + sensors);
});
afterEach(() => {
  expect(logged).not.toContain(token);
  expect(logged).not.toContain('3c:22:fb:00:00:01');
});

const business = () => 76 + sensors;

test('without a token, or with a wrong one, nothing is read and nothing is told', async () => {
  for (const given of [null, 'x', 'A'.repeat(43), `${token}x`, token.toLowerCase(), 'a'.repeat(100_000)]) {
    const answer = await hub.post(given, message([visit(MAC)])).catch(() => null);
    // A header that is too long for HTTP is refused before anything of ours.
    expect([401, 431, undefined]).toContain(answer?.code);
    expect(answer?.text ?? '').not.toContain('registered');
  }
  expect(await redis.cli('KEYS', `*{nwm:${business()}}*`)).toBe('');
});

test('Redis holds no token, and a stolen Redis gives none', async () => {
  const dump = await redis.cli('HGETALL', '{nwm:hub}:sensors');
  expect(dump).toContain(`sensor-${sensors}`);
  expect(dump + (await redis.cli('HGETALL', '{nwm:hub}:tokens'))).not.toContain(token);
});

test('a revoked token is worth nothing with the next request, and its name can be given again', async () => {
  expect((await hub.post(token, message([]))).code).toBe(200);
  expect(await hub.revoke(`sensor-${sensors}`)).toBe(true);
  expect((await hub.post(token, message([visit(MAC)]))).code).toBe(401);
  expect(await hub.revoke(`sensor-${sensors}`)).toBe(false);
  const next = await hub.token(`sensor-${sensors}`, 5);
  expect((await hub.post(next, message([]))).code).toBe(200);
  expect((await hub.post(token, message([]))).code).toBe(401);
});

test('a token is for its location: a message that claims another is refused, and no field in a visit changes it', async () => {
  const claimed = await hub.post(token, message([visit(MAC)], { businessId: 1 }));
  expect([claimed.code, claimed.text]).toEqual([403, expect.stringContaining(`for business ${business()}, not 1`)]);
  const before = sandbox.failedCheckins.length;
  const smuggled = visit(MAC, { businessId: 1, BusinessId: 1, id: `1-3c22fb000001-${Date.now()}` });
  expect((await hub.post(token, message([smuggled], { businessId: business() }))).code).toBe(200);
  await until('it is reported', () => sandbox.failedCheckins.length === before + 1);
  expect(sandbox.failedCheckins.at(-1)?.BusinessId).toBe(business());
});

test('a request that is replayed changes nothing', async () => {
  const before = sandbox.failedCheckins.length;
  const body = message([visit(MAC)]);
  for (let round = 0; round < 5; round++) expect((await hub.post(token, body)).code).toBe(200);
  await until('it is reported', () => sandbox.failedCheckins.length > before);
  await hub.post(token, body);
  expect(sandbox.failedCheckins.length).toBe(before + 1);
});

test("a sensor's token reads nothing: no path but the hand-over answers, the status page does not take it", async () => {
  const headers = { authorization: `Bearer ${token}` };
  for (const path of ['/', '/v1/hand-over', '/v1/label', '/api/locations', '/metrics', '/api/labels'])
    expect((await ask(`${hub.url}${path}`, { headers })).code, path).toBe(404);
  expect(JSON.parse((await ask(`${hub.url}/healthz`, { headers })).text)).toEqual({ status: 'ok' });
  for (const path of ['/', '/v1/hand-over', '/api/locations', '/metrics'])
    expect((await ask(`${hub.url}${path}`)).code, path).toBe(401);
});

test.each([
  ['not JSON', '{"protocol":1', 400],
  ['nothing', '', 400],
  ['another thing', '[]', 400],
  ['a MAC that is none', message([visit('ff:ff:ff:ff:ff:ff')]), 400],
  ['a multicast MAC', message([visit('01:00:5e:00:00:01')]), 400],
  ['101 visits', message(Array.from({ length: 101 }, () => visit(MAC))), 400],
  ['a visit that ends before it begins', message([visit(MAC, { firstMs: 2, lastMs: 1 })]), 400],
  ['times that are none', message([visit(MAC, { firstMs: -1 })]), 400],
  ['infinite times', '{"protocol":1,"version":"1","sentAtMs":1e400,"visits":[]}', 400],
  ['a host name without end', message([visit(MAC, { hostname: 'x'.repeat(256) })]), 400],
  ['an address that is none', message([visit(MAC, { ipv6: '<script>' })]), 400],
  ['a prototype', '{"__proto__":{"protocol":1},"visits":[]}', 400],
  ['a body that is too large', message([], { version: 'x'.repeat(200_000) }), 413],
])('%s is refused in one line, and nothing is kept', async (_what, body, code) => {
  const answer = await hub.post(token, body);
  expect(answer.code).toBe(code);
  expect(JSON.parse(answer.text)).toEqual({ error: expect.stringMatching(/^.{5,300}$/) });
  expect(answer.text).not.toMatch(/\bat \w+ \(|node_modules/);
  expect(await redis.cli('KEYS', `*{nwm:${business()}}*`)).toBe('');
});

test('visits of long ago and of the future are refused one by one, and the others are taken', async () => {
  const old = Date.now() - 40 * 86_400_000;
  const answer = await hub.post(
    token,
    message([
      visit(MAC, { id: 'old', firstMs: old, lastMs: old }),
      visit(MAC, { id: 'soon', lastMs: Date.now() + 86_400_000 }),
      visit('3c:22:fb:00:00:02', { id: 'now' }),
    ]),
  );
  expect(JSON.parse(answer.text).visits).toMatchObject([
    { id: 'old', outcome: 'refused', reason: expect.stringContaining('31 days') },
    { id: 'soon', outcome: 'refused', reason: expect.stringContaining('future') },
    { id: 'now', outcome: 'taken' },
  ]);
});

test('a host name cannot forge the report', async () => {
  const before = sandbox.failedCheckins.length;
  const hostname = 'phone\r\nMacAddresses: 00:00:00:00:00:00\u202e"}';
  await hub.post(token, message([visit(MAC, { hostname })]));
  await until('it is reported', () => sandbox.failedCheckins.length > before);
  const description = sandbox.failedCheckins.at(-1)?.Description ?? '';
  expect(description).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(description.length).toBeLessThanOrEqual(250);
});

test('who sends more than its share in a minute is told to wait, and the others go on', async () => {
  const other = await hub.token(`other-${sensors}`, 900);
  const many = () =>
    message(
      Array.from({ length: 100 }, (_, device) => visit(`3c:22:fb:00:01:${device.toString(16).padStart(2, '0')}`)),
    );
  const codes: number[] = [];
  for (let round = 0; round < 6; round++) codes.push((await hub.post(token, many())).code);
  // Five minutes' worth are 300.
  expect(codes).toEqual([200, 200, 200, 429, 429, 429]);
  const refused = await hub.post(token, many());
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await hub.post(other, message([visit(MAC)]))).code).toBe(200);
});

test("a location's number of visits a day is bounded over all its sensors", async () => {
  const location = business();
  const tokens = [token, await hub.token(`more-${sensors}`, location), await hub.token(`third-${sensors}`, location)];
  let taken = 0;
  const codes: number[] = [];
  for (const [index, one] of tokens.entries())
    for (let round = 0; round < 3; round++) {
      const devices = Array.from({ length: 100 }, (_, device) => {
        const number = index * 300 + round * 100 + device;
        return visit(
          `3c:22:fb:01:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`,
        );
      });
      const { code } = await hub.post(one, message(devices));
      if (code === 200) taken += 100;
      codes.push(code);
    }
  expect(taken).toBe(400);
  expect(codes.slice(4)).toEqual([429, 429, 429, 429, 429]);
});

test('a body that never comes does not hold the hub up', async () => {
  const head = `POST /v1/hand-over HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const slow = Array.from({ length: 20 }, () => askRaw(hub.url, [head]));
  expect((await hub.post(token, message([]))).code).toBe(200);
  // The server ends each after its time limit.
  for (const text of await Promise.all(slow)) expect(text).toMatch(/^(HTTP\/1\.1 408|$)/);
});

test('two lengths in one request, and bytes that are no request, are refused', async () => {
  const smuggling = `POST /v1/hand-over HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  expect(await askRaw(hub.url, [smuggling])).toMatch(/^HTTP\/1\.1 400/);
  expect(await askRaw(hub.url, ['\u0016\u0003\u0001 hello\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400/);
});
