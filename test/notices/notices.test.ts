// What the operator's webhook is told, by the sensor that ships: signed, once, through outages and restarts, and nothing by default.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { ConfigError } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read.js';
import { MAX_NOTICES, MemoryNotices } from '../../src/notices/notice-queue.js';
import { cli } from '../commands/cli.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { type TrialOptions, TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';
import { WebhookReceiver } from './webhook-receiver.js';

const SECRET = 'a secret of the operator';
const PHONE = '3c:22:fb:00:00:01';
const TABLET = '3c:22:fb:00:00:02';

let redis: RedisServer;
let direct: Redis;
beforeAll(async () => {
  redis = await startRedis();
  direct = new Redis(redis.url);
});
afterAll(async () => {
  direct.disconnect();
  await redis.stop();
});

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  await direct.flushall();
});

async function receiver(secret = SECRET, port = 0): Promise<WebhookReceiver> {
  const started = await WebhookReceiver.start(secret, port);
  open.push(started);
  return started;
}

async function sensor(url: string, { environment, ...options }: TrialOptions = {}): Promise<TrialSensor> {
  const started = await TrialSensor.start({
    environment: { NOTIFY_URL: url, NOTIFY_SECRET: SECRET, ...environment },
    ...options,
  });
  open.push(started);
  return started;
}

/** A sensor that tells of its health at once, but not of the moment in which it started and had not read the directory. */
async function sensorOfHealth(url: string, options: TrialOptions): Promise<TrialSensor> {
  const healthPatience = { lookEveryMs: 20, lastsMs: Number.POSITIVE_INFINITY };
  const started = await sensor(url, { ...options, healthPatience });
  healthPatience.lastsMs = 50;
  return started;
}

async function keysOf(pattern: string): Promise<string[]> {
  return await direct.keys(pattern);
}

test.each(['in memory', 'in Redis'])(
  'an unrecognised device is told, signed and once; a known one is not: %s',
  async (where) => {
    const hook = await receiver();
    const trial = await sensor(hook.url, {
      known: { [TABLET]: 'Anna' },
      environment: { VISIT_GAP: '1s' },
      ...(where === 'in Redis' ? { redis } : {}),
    });
    trial.show({ mac: TABLET, ip: '10.0.0.8' });
    trial.show({ mac: PHONE, hostname: 'bens-phone', ip: '10.0.0.9' });
    await hook.took(1);
    // Its next visit is spaced: nobody is reported, and nobody told.
    await until('its visit is over', () => trial.pipeline.tracker.size === 0);
    trial.show({ mac: PHONE, ip: '10.0.0.9' });
    trial.show({ mac: '3c:22:fb:00:00:03', ip: '10.0.0.7' });
    const [first, second, ...more] = await hook.took(2);
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      isSigned: true,
      id: expect.stringMatching(/^77-3c22fb000001-\d{13}$/),
      body: {
        type: 'device.unrecognised',
        data: {
          business: 77,
          mac: PHONE,
          vendor: 'Apple, Inc.',
          randomised: false,
          hostname: 'bens-phone',
          ips: ['10.0.0.9'],
          vlan: null,
        },
      },
    });
    expect(second).toMatchObject({ isSigned: true, body: { data: { mac: '3c:22:fb:00:00:03' } } });
  },
);

test('a receiver with another secret sees that the signature is wrong; a secret may be whsec_ and base64', async () => {
  const whsec = `whsec_${Buffer.from('twenty-four octets of it').toString('base64')}`;
  const [other, same] = [await receiver('another secret of somebody'), await receiver(whsec)];
  const wrong = await sensor(other.url);
  wrong.show({ mac: PHONE });
  expect(await other.took(1)).toMatchObject([{ isSigned: false }]);
  const right = await sensor(same.url, { environment: { NOTIFY_SECRET: whsec } });
  right.show({ mac: PHONE });
  expect(await same.took(1)).toMatchObject([{ isSigned: true }]);
});

test.each(['in memory', 'in Redis'])(
  'a receiver that fails is tried again with the same id, in order; what it refuses is given up: %s',
  async (where) => {
    const hook = await receiver();
    hook.answers.push(503, 429, 200, 422);
    const trial = await sensor(hook.url, where === 'in Redis' ? { redis } : {});
    trial.show({ mac: PHONE });
    await hook.took(1);
    trial.show({ mac: TABLET });
    await until('the second was refused', () => hook.received.some(({ status }) => status === 422));
    trial.show({ mac: '3c:22:fb:00:00:03' });
    await hook.took(2);
    const macs = hook.received.map(({ body, status }) => [body.data.mac, status]);
    expect(macs).toEqual([
      [PHONE, 503],
      [PHONE, 429],
      [PHONE, 200],
      [TABLET, 422],
      ['3c:22:fb:00:00:03', 200],
    ]);
    expect(new Set(hook.received.slice(0, 3).map(({ id }) => id)).size).toBe(1);
    expect(hook.received.every(({ isSigned }) => isSigned)).toBe(true);
  },
);

test('through an outage of the receiver and a restart of the sensor a notice is kept, and two sensors tell it once', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/hooks/0123456789`;
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const sandbox = await startSandbox();
  open.push(sandbox);
  const before = await sensor(url, { redis, sandbox, log });
  before.show({ mac: PHONE });
  await until('the sensor has tried', () => lines.some((line) => line.includes('ECONNREFUSED')));
  open.splice(open.indexOf(before), 1);
  await before.close();
  // The URL may hold a secret, and the id names the device.
  expect(lines.join()).not.toMatch(/0123456789|3c22fb000001|3c:22:fb:00:00:01|a secret of the operator/);

  const hook = await receiver(SECRET, port);
  const [one, two] = [await sensor(url, { redis, sandbox }), await sensor(url, { redis, sandbox })];
  one.show({ mac: TABLET });
  two.show({ mac: TABLET });
  await hook.took(2);
  one.show({ mac: '3c:22:fb:00:00:03' });
  await hook.took(3);
  const macs = hook.taken.map(({ body }) => body.data.mac);
  // Two sensors deliver at the same time, so the order may differ.
  expect(macs.sort()).toEqual([PHONE, TABLET, '3c:22:fb:00:00:03']);
});

test('degraded health is told with its reasons, and then that all is well again, also by the process after a restart', async () => {
  const hook = await receiver();
  const sandbox = await startSandbox();
  open.push(sandbox);
  const before = await sensorOfHealth(hook.url, { redis, sandbox });
  before.interface.isSilent = true;
  const [degraded] = await hook.took(1);
  expect(degraded).toMatchObject({
    isSigned: true,
    body: { type: 'health.degraded', data: { business: 77, reasons: [expect.stringMatching(/eth0: no frame for/)] } },
  });
  expect(await direct.pttl((await keysOf('*told-degraded*'))[0] ?? '')).toBeGreaterThan(0);
  open.splice(open.indexOf(before), 1);
  await before.close();
  await sensorOfHealth(hook.url, { redis, sandbox });
  const [, well] = await hook.took(2);
  expect(well).toMatchObject({ isSigned: true, body: { type: 'health.ok', data: { business: 77 } } });
  await until('it is not kept any more', async () => (await keysOf('*told-degraded*')).length === 0);
});

test('health is told while Redis is away', async () => {
  const hook = await receiver();
  const own = await startRedis();
  open.push({ close: () => own.stop() });
  await sensorOfHealth(hook.url, { redis: own });
  await own.kill();
  const [degraded] = await hook.took(1);
  expect(degraded?.body.data.reasons).toContain('Redis does not answer');
});

test('a device that is forgotten is not told any more, and leaves nothing in Redis', async () => {
  const port = await freePort();
  const trial = await sensor(`http://127.0.0.1:${port}/`, { redis });
  trial.show({ mac: PHONE });
  await until('the notice waits', async () =>
    (await keysOf('{nwm:77}:notices:*')).some((key) => /[0-9a-f]{32}$/.test(key)),
  );
  const forgotten = await cli(['forget', PHONE], { REDIS_URL: redis.url });
  expect(forgotten.stderr).toBe('');
  const hook = await receiver(SECRET, port);
  trial.show({ mac: TABLET });
  const [first] = await hook.took(1);
  expect(first?.body.data.mac).toBe(TABLET);
  for (const key of await keysOf('{nwm:77}:notices:*')) {
    expect(key).not.toContain('3c22fb000001');
    if ((await direct.type(key)) === 'hash') expect(JSON.stringify(await direct.hgetall(key))).not.toContain(PHONE);
  }
});

/** The keys of notices that would be there for ever. */
async function immortal(): Promise<string[]> {
  const keys = (await keysOf('{nwm:77}:notices:*')).sort();
  const lives = await Promise.all(keys.map((key) => direct.pttl(key)));
  return keys.filter((_key, index) => lives[index] === -1);
}

test('whatever becomes of notices, nothing of them is in Redis without a time to live', async () => {
  const hook = await receiver();
  const trial = await sensor(hook.url, { redis });
  // One is refused, one taken, one tried again and again.
  hook.answers.push(422, 200, ...Array.from({ length: 1_000 }, () => 503));
  trial.show({ mac: PHONE });
  await until('one is refused', () => hook.received.length === 1);
  trial.show({ mac: TABLET });
  await hook.took(1);
  trial.show({ mac: '3c:22:fb:00:00:03' });
  await until('the third waits for the receiver', () => hook.received.length === 3);
  for (const [set, least] of [
    ['failed', 1],
    ['completed', 1],
    ['wait', 1],
  ] as const) {
    const count = set === 'wait' ? 'llen' : 'zcard';
    await until(`it is ${set}`, async () => (await direct[count](`{nwm:77}:notices:${set}`)) >= least);
  }
  await until('nothing is left without one', async () => (await immortal()).length === 0);
  open.splice(open.indexOf(trial), 1);
  await trial.close();
  expect((await keysOf('{nwm:77}:notices:*')).length).toBeGreaterThan(5);
  expect(await immortal()).toEqual([]);
});

test('nobody is told by default, nor in a dry run', async () => {
  const hook = await receiver();
  const silent = await TrialSensor.start({ redis });
  open.push(silent);
  const dry = await sensor(hook.url, { environment: { DRY_RUN: 'true' } });
  for (const trial of [silent, dry]) trial.show({ mac: PHONE });
  await until('the device is reported', () => silent.sandbox.failedCheckins.length === 1);
  await until('the dry run has decided', () => dry.pipeline.tracker.size === 1 && dry.pipeline.waiting() === 0);
  expect(await keysOf('*notices*')).toEqual([]);
  expect(hook.received).toEqual([]);
});

test('in memory, a thousand notices are kept and the oldest dropped', async () => {
  let drops = 0;
  const told: string[] = [];
  let free = () => {};
  const blocked = new Promise<void>((resolve) => {
    free = resolve;
  });
  const queue = new MemoryNotices({
    async deliver({ id }) {
      await blocked;
      told.push(id);
      return { kind: 'done' };
    },
    onDelivered: () => {},
    onFull: () => drops++,
  });
  const timestamp = new Date().toISOString();
  for (let n = 0; n < MAX_NOTICES + 5; n++)
    queue.add({ id: `${n}`, type: 'health.ok', timestamp, data: { business: 77, sensor: 'cafe' } });
  expect(drops).toBe(5);
  free();
  await until('all are told', () => told.includes(`${MAX_NOTICES + 4}`));
  expect(told.length).toBeLessThanOrEqual(MAX_NOTICES + 1);
  await queue.close();
});

test.each([
  [{ NOTIFY_URL: 'https://example.com/hook' }, /^NOTIFY_SECRET: must be set too/],
  [{ NOTIFY_SECRET: SECRET }, /^NOTIFY_URL: must be set too/],
  [{ NOTIFY_URL: 'http://example.com/topsecret', NOTIFY_SECRET: SECRET }, /^NOTIFY_URL: must be https/],
  [{ NOTIFY_URL: 'ftp://topsecret', NOTIFY_SECRET: SECRET }, /^NOTIFY_URL: must be a URL/],
  [{ NOTIFY_URL: 'https://example.com/hook', NOTIFY_SECRET: 'topsecret' }, /^NOTIFY_SECRET: must have at least 16/],
])('%j is refused, and no secret is shown', (environment, message) => {
  expect.assertions(2);
  try {
    readConfig(environment, { nexudus: false });
  } catch (error) {
    const [problem = ''] = error instanceof ConfigError ? error.problems : [];
    expect(problem).toMatch(message);
    expect(problem).not.toContain('topsecret');
  }
});
