// Labels through the API: who may, what is refused, what the log tells of it, and what is said where there is no Redis.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { LabelJson } from '../../../src/presenters/label-json.js';
import { type RedisServer, startRedis } from '../../redis-server.js';
import { type TrialOptions, TrialSensor } from '../../trial-sensor.js';
import { until } from '../../until.js';
import { type Answer, ask } from '../ask.js';

const TOKEN = 'a-token-of-this-test';
const PHONE = 'da:a1:19:00:00:01';
const JSON_TYPE = { 'content-type': 'application/json' };

let trial: TrialSensor | undefined;
let redis: RedisServer | undefined;
let logged = '';
afterEach(async () => {
  redis?.resume();
  await trial?.close();
  await redis?.stop();
  trial = redis = undefined;
});

async function startTrial(options: TrialOptions = {}): Promise<void> {
  logged = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk);
      done();
    },
  });
  trial = await TrialSensor.start({ ...options, log: pino({ level: 'trace' }, sink) });
}

async function startWithRedis(options: TrialOptions = {}): Promise<void> {
  redis = await startRedis();
  await startTrial({ ...options, redis });
}

function api(method: string, mac: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
  return ask(`${trial?.url}/api/labels${mac === '' ? '' : `/${mac}`}`, {
    method,
    headers: { ...(text === undefined ? {} : JSON_TYPE), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
}

const all = async () =>
  JSON.parse((await api('GET', '')).text) as { labels: readonly LabelJson[]; notice: string | null };

test('a label is set, listed, in force at once, changed and removed; the log tells of it, masked and without the name', async () => {
  await startWithRedis();
  trial?.show({ mac: PHONE });
  await until('it is reported', () => trial?.sandbox.failedCheckins.length === 1);
  expect(await all()).toEqual({ labels: [], notice: null });

  const put = await api('PUT', 'DA-A1-19-00-00-01', { as: 'known', name: 'Ana Secret' });
  const label = {
    type: 'label',
    mac: PHONE,
    as: 'known',
    name: 'Ana Secret',
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  };
  expect([put.code, JSON.parse(put.text)]).toEqual([200, { ...label, notice: null }]);
  expect(await all()).toEqual({ labels: [label], notice: null });
  await until('it is recognised', async () =>
    (await ask(`${trial?.url}/api/devices`)).text.includes('"reason":"labelled as Ana Secret"'),
  );

  expect((await api('PUT', PHONE, { as: 'equipment' })).code).toBe(200);
  expect((await all()).labels).toEqual([{ ...label, as: 'equipment', name: null }]);
  const removed = await api('DELETE', PHONE);
  expect([removed.code, removed.text]).toEqual([200, '{"removed":true}']);
  expect((await all()).labels).toEqual([]);
  const missing = await api('DELETE', PHONE);
  expect([missing.code, missing.text]).toEqual([404, '{"error":"this device has no label"}']);
  await until('it is decided anew', () => logged.split('decided anew').length > 3);

  const lines = logged.split('\n').filter((line) => line.includes('through the API'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { stage: 'labels', mac: 'da:a1:19:**:**:01', as: 'known', from: '127.0.0.1', msg: 'label set through the API' },
    { stage: 'labels', mac: 'da:a1:19:**:**:01', as: 'equipment', msg: 'label set through the API' },
    { stage: 'labels', mac: 'da:a1:19:**:**:01', msg: 'label removed through the API' },
  ]);
  expect(logged).not.toMatch(/da:a1:19:00:00:01|daa119000001|Secret/i);
});

test.each([
  ['no JSON', '{"as":'],
  ['an empty body', ''],
  ['null', null],
  ['nothing', {}],
  ['an unknown kind', { as: 'friend' }],
  ['more than is known', { as: 'known', sinceMs: 5 }],
  ['a name that is no text', { as: 'known', name: 5 }],
  ['an empty name', { as: 'known', name: ' ' }],
  ['a name of 65 characters', { as: 'known', name: 'x'.repeat(65) }],
  ['a name of two lines', { as: 'known', name: 'a\nb' }],
  ['a name that turns the line around', { as: 'known', name: 'a\u202eb' }],
  ['a name with half a character', { as: 'known', name: 'a\ud83d' }],
])('%s is refused with 400 and words', async (_what, body) => {
  await startTrial();
  const { code, text } = await api('PUT', PHONE, body);
  expect(code).toBe(400);
  expect(JSON.parse(text)).toEqual({ error: expect.stringMatching(/./) });
  expect((await all()).labels).toEqual([]);
});

test('a name with markup is kept as it is, for whoever shows it to escape it', async () => {
  await startTrial();
  const name = '<img src=x onerror=alert(1)>"\'&';
  expect((await api('PUT', PHONE, { as: 'known', name })).code).toBe(200);
  expect((await all()).labels).toMatchObject([{ name }]);
});

test.each(['nonsense', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '..%2f..%2fhealth', '%00'])(
  'what is no address of a device is refused: %s',
  async (mac) => {
    await startTrial();
    for (const method of ['PUT', 'DELETE']) {
      const answer = await api(method, mac, method === 'PUT' ? { as: 'equipment' } : undefined);
      expect([answer.code, answer.text]).toEqual([
        400,
        '{"error":"write a device\'s MAC address, such as 3c:22:fb:00:00:01"}',
      ]);
    }
  },
);

test('without the token nobody reads or changes labels', async () => {
  await startTrial({ token: TOKEN });
  const authorization = `Bearer ${TOKEN}`;
  expect((await api('PUT', PHONE, { as: 'equipment' }, { authorization })).code).toBe(200);
  expect((await api('GET', '')).code).toBe(401);
  expect((await api('PUT', PHONE, { as: 'known' })).code).toBe(401);
  expect((await api('DELETE', PHONE)).code).toBe(401);
  expect((await api('GET', '', undefined, { authorization })).text).toContain('"as":"equipment"');
});

test('what a page of another site sends is refused', async () => {
  await startTrial();
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
  ] as Record<string, string>[]) {
    expect((await api('PUT', PHONE, { as: 'equipment' }, headers)).code, JSON.stringify(headers)).toBe(403);
    expect((await api('DELETE', PHONE, undefined, headers)).code, JSON.stringify(headers)).toBe(403);
  }
  expect((await all()).labels).toEqual([]);
  expect((await api('PUT', PHONE, { as: 'equipment' }, { 'sec-fetch-site': 'same-origin' })).code).toBe(200);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    expect((await api('PUT', PHONE, { as: 'known' }, { 'content-type': type })).code, type).toBe(415);
  }
});

test('without Redis a label is in force for this run, and the answer says how to keep it', async () => {
  await startTrial({ environment: { IGNORE_MACS: '00:11:22' } });
  trial?.show({ mac: PHONE });
  expect((await all()).notice).toBe('REDIS_URL is not set: labels are forgotten when this monitor ends.');
  await api('PUT', '3c:22:fb:00:00:02', { as: 'known', name: 'Ana "A", B' });
  const { text } = await api('PUT', PHONE, { as: 'equipment' });
  const notice =
    'REDIS_URL is not set: labels are forgotten when this monitor ends. To keep them, set REDIS_URL, or set ' +
    `IGNORE_MACS=00:11:22,${PHONE} and add to KNOWN_DEVICES_FILE: 3c:22:fb:00:00:02,"Ana ""A"", B"`;
  expect(JSON.parse(text)).toMatchObject({ notice });
  expect((await all()).notice).toBe(notice);
  await until('it is ignored', async () =>
    (await ask(`${trial?.url}/api/devices`)).text.includes('"reason":"labelled as equipment"'),
  );
  expect((await api('DELETE', PHONE)).code).toBe(200);
  await until('it is reported', () => trial?.sandbox.failedCheckins.length === 1);
});

test('while Redis hangs, labels are said not to be readable, and no answer is awaited for long', async () => {
  await startWithRedis();
  redis?.pause();
  const answers = await Promise.all([
    api('GET', ''),
    api('PUT', PHONE, { as: 'equipment' }),
    api('DELETE', '3c:22:fb:00:00:02'),
  ]);
  for (const { code, text } of answers) {
    expect([code, text]).toEqual([503, '{"error":"the labels cannot be read or changed (Redis does not answer)"}']);
  }
});
