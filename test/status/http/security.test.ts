// Who gets in, and what the status server does with those who should not.
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Access } from '../../../src/status/http/access.js';
import { TrialSensor } from '../../trial-sensor.js';
import { until } from '../../until.js';
import { ask, askRaw, cookieOf, login } from '../ask.js';

const TOKEN = 'a-token-of-this-test';
const bearer = { authorization: `Bearer ${TOKEN}` };
const LAPTOP = { mac: '3c:22:fb:00:00:01', hostname: 'secret-laptop' };
const PATHS = [
  '/api/devices',
  '/api/outbox',
  '/api/health',
  '/api/events',
  '/metrics',
  '/page.js',
  '/devices.js',
  '/nothing',
];
const JSON_TYPE = { 'content-type': 'application/json' };

let trial: TrialSensor;
afterEach(async () => {
  vi.useRealTimers();
  await trial?.close();
});

/** A sensor with a device that nobody may hear of. */
async function startTrial(token?: string): Promise<void> {
  trial = await TrialSensor.start(token === undefined ? {} : { token });
  trial.show(LAPTOP);
  await until('the device is reported', () => trial.sandbox.failedCheckins.length === 1);
}

const retry = (headers: Record<string, string>, body = '{"id":null}') =>
  ask(`${trial.url}/api/outbox/retry`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });

test('every answer forbids scripts, styles and connections of others, framing, sniffing and caching', async () => {
  await startTrial(TOKEN);
  const answers = await Promise.all([
    ask(`${trial.url}/`, { headers: bearer }),
    ask(`${trial.url}/login`),
    ask(`${trial.url}/page.css`),
    ask(`${trial.url}/api/devices`, { headers: bearer }),
    ask(`${trial.url}/api/devices`),
    ask(`${trial.url}/healthz`),
    ask(`${trial.url}/nothing`, { headers: bearer }),
  ]);
  expect(answers.map(({ code }) => code)).toEqual([200, 200, 200, 200, 401, 200, 404]);
  for (const { headers } of answers) {
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  }
});

test('without the token nothing tells of anybody', async () => {
  await startTrial(TOKEN);
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { cookie: 'wifi-monitor-session=wrong' }]) {
    for (const path of PATHS) {
      const { code, text } = await ask(`${trial.url}${path}`, { headers, from: `127.0.0.${2 + PATHS.indexOf(path)}` });
      expect([code, text], path).toEqual([401, '{"error":"STATUS_TOKEN is needed"}']);
    }
  }
  expect((await retry({})).code).toBe(401);
  expect(JSON.parse((await ask(`${trial.url}/healthz`)).text)).toEqual({ status: 'ok' });
  const { code, text } = await ask(`${trial.url}/login`);
  expect(code).toBe(200);
  expect(text).not.toContain(LAPTOP.mac);
});

test('who opens the page without a session is sent to the login form', async () => {
  await startTrial(TOKEN);
  const { code, headers } = await ask(`${trial.url}/`, { headers: { accept: 'text/html,*/*' } });
  expect([code, headers.location]).toEqual([303, '/login']);
});

test('the bearer header opens everything to scripts', async () => {
  await startTrial(TOKEN);
  for (const path of ['/', '/api/devices', '/api/outbox', '/api/health', '/metrics']) {
    expect((await ask(`${trial.url}${path}`, { headers: bearer })).code, path).toBe(200);
  }
  expect((await ask(`${trial.url}/api/devices`, { headers: bearer })).text).toContain(LAPTOP.mac);
  expect(await retry(bearer)).toMatchObject({ code: 200, text: '{"retried":0}' });
});

test('a login gives a session whose cookie scripts cannot read and other sites cannot use, until logout', async () => {
  await startTrial(TOKEN);
  const answer = await login(trial.url, TOKEN);
  expect([answer.code, answer.headers.location]).toEqual([303, '/']);
  expect(answer.headers['set-cookie']).toEqual([
    expect.stringMatching(/^wifi-monitor-session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/),
  ]);
  const cookie = cookieOf(answer);
  expect((await ask(`${trial.url}/api/devices`, { headers: { cookie: `other=1; ${cookie}` } })).code).toBe(200);
  expect((await ask(`${trial.url}/login`, { headers: { cookie } })).headers.location).toBe('/');
  const out = await ask(`${trial.url}/logout`, { method: 'POST', headers: { cookie } });
  expect(out.headers['set-cookie']).toEqual([expect.stringContaining('wifi-monitor-session=; Path=/; Max-Age=0')]);
  expect((await ask(`${trial.url}/api/devices`, { headers: { cookie } })).code).toBe(401);
});

test('behind HTTPS the cookie is never sent over plain HTTP', async () => {
  await startTrial(TOKEN);
  const answer = await login(trial.url, TOKEN, { headers: { 'x-forwarded-proto': 'https' } });
  expect(answer.headers['set-cookie']?.[0]).toMatch(/; Secure$/);
});

test('a wrong token is said to be wrong, and after ten from one address nobody there gets in for a minute', async () => {
  await startTrial(TOKEN);
  const cookie = cookieOf(await login(trial.url, TOKEN));
  for (let guess = 0; guess < 5; guess++) {
    const { code, text } = await login(trial.url, `guess-${guess}`);
    expect(code).toBe(401);
    expect(text).toContain('This is not the token.');
    expect(text).not.toContain('guess');
    // Guessing by header counts as well.
    expect((await ask(`${trial.url}/metrics`, { headers: { authorization: `Bearer guess-${guess}` } })).code).toBe(401);
  }
  const held = await login(trial.url, TOKEN);
  expect(held.code).toBe(429);
  expect(held.headers['retry-after']).toBe('60');
  expect(held.headers).not.toHaveProperty('set-cookie');
  expect((await ask(`${trial.url}/metrics`, { headers: bearer })).code).toBe(429);
  expect(JSON.parse((await ask(`${trial.url}/healthz`, { headers: bearer })).text)).toEqual({ status: 'ok' });
  // Those who are in stay in, and other addresses are not concerned.
  expect((await ask(`${trial.url}/metrics`, { headers: { cookie } })).code).toBe(200);
  expect((await login(trial.url, TOKEN, { from: '127.0.0.2' })).code).toBe(303);
});

test('logins are limited over all addresses too; waiting helps; sessions end after twelve hours and are not too many', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const access = new Access(TOKEN);
  const asker = (ip: string, cookie?: string) => ({ ip, headers: cookie === undefined ? {} : { cookie } });
  const begin = () => {
    const begun = access.login(asker('10.0.0.1'), TOKEN);
    return begun.kind === 'begun' ? asker('10.0.0.1', begun.setCookie.split(';')[0]) : null;
  };
  for (let address = 0; address < 100; address++) {
    expect(access.login(asker(`10.1.0.${address}`), 'wrong').kind).toBe('wrong');
  }
  expect(access.login(asker('10.2.0.1'), TOKEN).kind).toBe('too-many');
  vi.advanceTimersByTime(60_000);
  const first = begin();
  const second = begin();
  if (first === null || second === null) throw new Error('no session');
  expect(access.isAuthorised(first)).toBe(true);
  // One hundred at most: the oldest goes.
  for (let more = 0; more < 99; more++) begin();
  expect([access.isAuthorised(first), access.isAuthorised(second)]).toEqual([false, true]);
  vi.advanceTimersByTime(12 * 3_600_000 - 1);
  expect(access.isAuthorised(second)).toBe(true);
  vi.advanceTimersByTime(1);
  expect(access.isAuthorised(second)).toBe(false);
});

test('a page of another site can neither send nor read anything, nor use up the event streams', async () => {
  await startTrial();
  const { host, origin } = new URL(trial.url);
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.example' },
    { origin: `http://evil.example:${host.split(':')[1]}` },
    { origin: 'null' },
  ]) {
    expect((await retry(headers)).code, JSON.stringify(headers)).toBe(403);
  }
  for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { origin }]) {
    expect((await retry(headers)).code, JSON.stringify(headers)).toBe(200);
  }
  const embedding = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
  for (const path of ['/api/events', '/api/devices', '/page.js']) {
    expect((await ask(`${trial.url}${path}`, { headers: embedding })).code).toBe(403);
  }
  // Following a link is no crime.
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  expect((await ask(`${trial.url}/`, { headers: link })).code).toBe(200);
});

test('a form or plain text of another site is not taken for JSON', async () => {
  await startTrial();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    expect((await retry({ 'content-type': type })).code, type).toBe(415);
  }
  for (const body of ['', '{}', 'null', '{"id":1}', '{"id":null,"more":1}', '{"id":', '[]']) {
    expect((await retry({}, body)).code, body).toBe(400);
  }
});

test('a name that was pointed at this machine sees nothing where there is no token', async () => {
  await startTrial();
  for (const path of ['/', '/api/devices', '/api/events', '/healthz', '/metrics', '/login']) {
    const { code, text } = await ask(`${trial.url}${path}`, { headers: { host: 'rebound.evil.example:9467' } });
    expect(code, path).toBe(403);
    expect(text).not.toContain(LAPTOP.mac);
  }
  expect((await retry({ host: 'rebound.evil.example', origin: 'http://rebound.evil.example' })).code).toBe(403);
  expect((await ask(`${trial.url}/api/devices`, { headers: { host: 'localhost:9467' } })).code).toBe(200);
});

test('no path leads to a file that is not part of the page', async () => {
  await startTrial();
  for (const path of [
    '/../../../../etc/passwd',
    '/..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/package.json',
    '/page/../../server.ts',
    '/page.css/../page.html/../../page.ts',
    '/page.css%00.html',
    '//etc/passwd',
    '/%',
    '/page.html',
    '/login.html',
    '/./page.ts',
  ]) {
    const answer = await askRaw(trial.url, [`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`]);
    expect(answer, path).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(answer).not.toMatch(/root:|"dependencies"|import |<html/);
  }
});

test('huge requests are refused', async () => {
  await startTrial();
  expect((await retry({}, JSON.stringify({ id: 'x'.repeat(20_000) }))).code).toBe(413);
  expect((await retry({}, JSON.stringify({ id: 'x'.repeat(1_000) }))).code).toBe(400);
  expect((await ask(`${trial.url}/`, { headers: { 'x-long': 'x'.repeat(40_000) } })).code).toBe(431);
  expect((await ask(`${trial.url}/${'x'.repeat(10_000)}`)).code).toBe(404);
});

test('requests that come byte by byte are cut off, and others are served meanwhile', async () => {
  await startTrial();
  const drip = function* (start: string) {
    yield start;
    for (;;) yield 'x';
  };
  const slow = [
    askRaw(trial.url, drip('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '), 500),
    askRaw(
      trial.url,
      drip(
        'POST /api/outbox/retry HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n',
      ),
      500,
    ),
    // Says nothing at all.
    askRaw(trial.url, []),
  ];
  expect((await ask(`${trial.url}/api/health`)).code).toBe(200);
  const answers = await Promise.all(slow);
  for (const answer of answers) expect(answer).toMatch(/^$|^HTTP\/1\.1 408 /);
});

test('there are never more than two hundred connections', async () => {
  await startTrial();
  const { port } = new URL(trial.url);
  let closed = 0;
  const sockets = Array.from({ length: 230 }, () =>
    connect(Number(port), '127.0.0.1')
      .on('error', () => {})
      .on('close', () => closed++),
  );
  // Those that say nothing for ten seconds are closed too, so on a slow machine there may be more.
  await until('those above the limit are turned away', () => closed >= 30);
  for (const socket of sockets) socket.destroy();
  await until('there is room again', () =>
    ask(`${trial.url}/healthz`).then(
      ({ code }) => code === 200,
      () => false,
    ),
  );
});

test('connections that are held open without a request shut nobody out, and what is being answered goes on', async () => {
  await startTrial();
  const { port } = new URL(trial.url);
  const stop = new AbortController();
  const stream = await fetch(`${trial.url}/api/events`, { signal: stop.signal });
  const reader = stream.body?.getReader();
  let connected = 0;
  // Half of them say nothing; the others began a request, or have sent half a body.
  const beginnings = [
    '',
    '',
    'GET / HTTP/1.1\r\nX-Slow: ',
    'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nt',
  ];
  const sockets = Array.from({ length: 260 }, (_, index) =>
    connect(Number(port), '127.0.0.1', () => connected++)
      .on('error', () => {})
      .on('connect', function (this: Socket) {
        this.write(beginnings[index % beginnings.length] ?? '');
      }),
  );
  try {
    await until('all have connected', () => connected === 260);
    for (let times = 0; times < 3; times++) expect((await ask(`${trial.url}/healthz`)).code).toBe(200);
    // The events of before all of this, and those of after it.
    trial.show({ mac: '3c:22:fb:00:00:99' });
    let text = '';
    await until('the stream has the new device', async () => {
      text += Buffer.from((await reader?.read())?.value ?? []).toString();
      return text.includes('3c:22:fb:00:00:99');
    });
  } finally {
    stop.abort();
    for (const socket of sockets) socket.destroy();
  }
});

test('there are never more than sixteen event streams; one that closes makes room', async () => {
  await startTrial();
  const open = async () => {
    const stop = new AbortController();
    const answer = await fetch(`${trial.url}/api/events`, { signal: stop.signal });
    return { code: answer.status, stop };
  };
  const streams = await Promise.all(Array.from({ length: 16 }, open));
  expect(streams.map(({ code }) => code)).toEqual(new Array(16).fill(200));
  expect((await open()).code).toBe(503);
  streams[0]?.stop.abort();
  await until('there is room', async () => {
    const { code, stop } = await open();
    stop.abort();
    return code === 200;
  });
  for (const { stop } of streams) stop.abort();
});

test('an event stream ends with the session that opened it', async () => {
  await startTrial(TOKEN);
  const cookie = cookieOf(await login(trial.url, TOKEN));
  const { body } = await fetch(`${trial.url}/api/events`, { headers: { cookie } });
  let text = '';
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const isFirst = !text.includes(LAPTOP.mac);
    text += piece;
    if (isFirst && text.includes(LAPTOP.mac)) {
      await ask(`${trial.url}/logout`, { method: 'POST', headers: { cookie } });
    }
  }
  expect(text).toContain(LAPTOP.mac);
});
