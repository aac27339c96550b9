// Labels, as two sensors of one location follow them: open visits are decided anew, and in the end there is one report or none.
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { RedisLabelStore } from '../../src/devices/label-store.js';
import type { Label } from '../../src/devices/labels.js';
import { RedisOutbox } from '../../src/outbox/redis-outbox.js';
import type { DeviceJson } from '../../src/status/facts/device-json.js';
import { cli } from '../commands/cli.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { ask } from '../status/ask.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const PHONE = { mac: 'da:a1:19:00:00:01', ip: '10.0.0.11', hostname: 'phone' };
const PHONE_MAC = 0xdaa119000001;
const LAPTOP = { mac: '3c:22:fb:00:00:02', ip: '10.0.0.12' };
const EQUIPMENT: Label = { kind: 'equipment', name: null, sinceMs: 1_790_000_000_000 };
const MINUTE = 60_000;

let server: RedisServer;
let redis: Redis;
let sandbox: Sandbox;
let labels: RedisLabelStore;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  labels = new RedisLabelStore(redis, 77);
  sandbox = await startSandbox();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
  redis.disconnect();
  await sandbox.close();
  await server.stop();
});

async function sensor(environment: NodeJS.ProcessEnv = {}): Promise<TrialSensor> {
  const trial = await TrialSensor.start({ sandbox, redis: server, environment });
  let isClosed = false;
  const close = trial.close.bind(trial);
  trial.close = async () => {
    if (!isClosed) await close();
    isClosed = true;
  };
  closing.push(() => trial.close());
  return trial;
}

async function device(trial: TrialSensor, { mac }: { mac: string } = PHONE): Promise<DeviceJson | undefined> {
  const { text } = await ask(`${trial.url}/api/devices`);
  return (JSON.parse(text) as { devices: DeviceJson[] }).devices.find((one) => one.mac === mac);
}

const isDecided = (trial: TrialSensor, decision: string, shown = PHONE) =>
  until(`it is ${decision}`, async () => (await device(trial, shown))?.decision === decision);

/** Nexudus asks to wait until it is told to go on. */
const holdPosts = () =>
  sandbox.fault({
    method: 'POST',
    path: '/api/spaces/failedcheckins',
    count: Number.POSITIVE_INFINITY,
    action: { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
  });

/** Whatever should still come has come: a device that shows itself now is reported behind everything that waited. */
async function posted(trial: TrialSensor): Promise<string[]> {
  trial.show({ mac: '3c:22:fb:00:00:99' });
  const isLast = () => sandbox.failedCheckins.some(({ MacAddresses }) => MacAddresses?.endsWith(':99'));
  await until('the last device is reported', isLast);
  return sandbox.failedCheckins.map(({ MacAddresses }) => String(MacAddresses)).filter((mac) => !mac.endsWith(':99'));
}

test('the command labels a device: both sensors follow, its waiting report is withdrawn; undone, it is reported once', async () => {
  const env = { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77' };
  const both = [await sensor(), await sensor()];
  holdPosts();
  for (const trial of both) {
    trial.show(PHONE);
    await isDecided(trial, 'unrecognised');
  }
  const labelled = await cli(['label', PHONE.mac, '--as', 'known', '--name', "Ana's phone"], env);
  expect(labelled).toMatchObject({ code: 0, stderr: '' });
  for (const trial of both) {
    await isDecided(trial, 'recognised');
    expect(await device(trial)).toMatchObject({
      reason: "labelled as Ana's phone",
      coworker: { id: null, name: "Ana's phone" },
      label: { type: 'label', mac: PHONE.mac, as: 'known', name: "Ana's phone" },
    });
  }
  await until('the report is withdrawn', async () =>
    (await Promise.all(both.map((trial) => device(trial)))).some((one) => one?.report.state === 'not-needed'),
  );
  sandbox.clearFaults();

  expect(await cli(['label', PHONE.mac, '--remove'], env)).toMatchObject({ code: 0, stderr: '' });
  for (const trial of both) await isDecided(trial, 'unrecognised');
  await until('it is reported', () => sandbox.failedCheckins.length === 1);
  for (const trial of both) {
    await until('the page says so', async () =>
      ['posted', 'handed-over'].includes((await device(trial))?.report.state ?? ''),
    );
  }
  for (const trial of both) expect(await posted(trial)).toEqual([PHONE.mac.toUpperCase()]);
});

test('a labelled device is not reported by either sensor, nor after a restart; without the label the open visit is, once', async () => {
  await labels.put(PHONE_MAC, EQUIPMENT);
  const [first, second] = [await sensor(), await sensor()];
  for (const trial of [first, second]) {
    trial.show(PHONE);
    await isDecided(trial, 'ignored');
    expect(await device(trial)).toMatchObject({ reason: 'labelled as equipment', report: { state: 'none' } });
  }
  await first.close();
  await server.restart();
  const third = await sensor();
  third.show(PHONE);
  await isDecided(third, 'ignored');
  expect(await posted(third)).toEqual([]);

  await until('Redis is back', () => redis.status === 'ready');
  await labels.remove(PHONE_MAC);
  for (const trial of [second, third]) await isDecided(trial, 'unrecognised');
  await until('it is reported', () => sandbox.failedCheckins.length === 2);
  expect(await posted(second)).toEqual([PHONE.mac.toUpperCase()]);
});

test('a label that is removed while no sensor runs: the report that was withdrawn comes with the next sighting', async () => {
  const first = await sensor();
  holdPosts();
  first.show(PHONE);
  await isDecided(first, 'unrecognised');
  await labels.put(PHONE_MAC, EQUIPMENT);
  await until('it is withdrawn', async () => (await device(first))?.report.state === 'not-needed');
  await first.close();
  sandbox.clearFaults();
  await labels.remove(PHONE_MAC);

  const second = await sensor();
  second.show(PHONE);
  await until('it is reported', () => sandbox.failedCheckins.length === 1);
  expect(await posted(second)).toEqual([PHONE.mac.toUpperCase()]);
});

test('a report that was withdrawn does not keep the next visit from being reported (REPORT_AGAIN_AFTER)', async () => {
  const trial = await sensor({ REPORT_AGAIN_AFTER: '12h', VISIT_GAP: '2s' });
  holdPosts();
  trial.show(PHONE);
  await isDecided(trial, 'unrecognised');
  await labels.put(PHONE_MAC, EQUIPMENT);
  await until('it is withdrawn', async () => (await device(trial))?.report.state === 'not-needed');
  sandbox.clearFaults();
  await until('it has left', () => trial.pipeline.tracker.size === 0);
  trial.show(PHONE);
  await isDecided(trial, 'ignored');
  await labels.remove(PHONE_MAC);
  await until('it is reported', () => sandbox.failedCheckins.length === 1);
  expect(await posted(trial)).toEqual([PHONE.mac.toUpperCase()]);
});

test('a label that no sensor has heard of yet is asked for just before the post, also for another location', async () => {
  const trial = await sensor();
  const outbox = new RedisOutbox(redis, { retentionMs: 24 * 60 * MINUTE });
  closing.push(() => outbox.close());
  // Behind the sensor's back: the version stays, so it does not read the labels again.
  await redis.hset('{nwm:77}:labels', 'daa119000001', JSON.stringify(EQUIPMENT));
  await redis.hset('{nwm:78}:labels', '3c22fb000002', JSON.stringify(EQUIPMENT));
  trial.show(PHONE);
  const report = {
    id: '78-3c22fb000002-1790000000000',
    businessId: 78,
    mac: 0x3c22fb000002,
    startMs: 1_790_000_000_000,
    localStart: null,
    hostname: null,
    ipv4: 0,
    ipv6: null,
    via: [],
    inactive: null,
    kind: null,
    likelyOwner: null,
    sent: false,
    proven: true,
  };
  await outbox.enqueue(report);
  await isDecided(trial, 'unrecognised');
  await until('it is withdrawn', async () => (await device(trial))?.report.state === 'not-needed');
  // The other location has labelled this device, and not the phone.
  await outbox.enqueue({ ...report, id: '78-daa119000001-1790000000000', mac: PHONE_MAC });
  await until('that of the other location is reported', () => sandbox.failedCheckins.length === 1);
  expect(sandbox.failedCheckins).toMatchObject([{ BusinessId: 78, MacAddresses: PHONE.mac.toUpperCase() }]);
  expect(await posted(trial)).toHaveLength(1);
});

test('labelling back and forth while the report waits ends in one report, and what was posted stays', async () => {
  const both = [await sensor(), await sensor()];
  for (const trial of both) trial.show(PHONE);
  for (let round = 0; round < 10; round++) {
    await labels.put(PHONE_MAC, { ...EQUIPMENT, name: `round ${round}` });
    await labels.remove(PHONE_MAC);
  }
  for (const trial of both) await isDecided(trial, 'unrecognised');
  await until('it is reported', () => sandbox.failedCheckins.length === 1);
  await labels.put(PHONE_MAC, EQUIPMENT);
  for (const trial of both) await isDecided(trial, 'ignored');
  await labels.remove(PHONE_MAC);
  for (const trial of both) await isDecided(trial, 'unrecognised');
  for (const trial of both) expect(await posted(trial)).toEqual([PHONE.mac.toUpperCase()]);
});

test('a dry run follows the labels too', async () => {
  const trial = await sensor({ DRY_RUN: 'true' });
  trial.show(LAPTOP);
  await isDecided(trial, 'unrecognised', { ...PHONE, ...LAPTOP });
  await labels.put(0x3c22fb000002, EQUIPMENT);
  await isDecided(trial, 'ignored', { ...PHONE, ...LAPTOP });
  expect((await device(trial, LAPTOP))?.report.state).toBe('none');
});
