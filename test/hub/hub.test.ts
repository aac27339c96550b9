// Sensors without a login, one hub, real Redis and HTTP: each unregistered device is reported once, whatever goes away meanwhile.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { cli } from '../commands/cli.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { ask } from '../status/ask.js';
import type { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';
import { message, sensorOf, TrialHub, visit } from './trial-hub.js';

const macOf = (device: number) => `3c:22:fb:00:00:${device.toString(16).padStart(2, '0')}`;
let sandbox: Sandbox;
let redis: RedisServer;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  sandbox = await startSandbox();
  redis = await startRedis({ args: ['--appendonly', 'yes'] });
  closing = [() => redis.stop(), () => sandbox.close()];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

async function hub(environment: NodeJS.ProcessEnv = {}): Promise<TrialHub> {
  const trial = await TrialHub.start({ sandbox, redisUrl: redis.url, environment });
  closing.push(() => trial.close());
  return trial;
}

async function sensor(
  url: string,
  token: string,
  options: Partial<Parameters<typeof sensorOf>[2]> = {},
): Promise<TrialSensor> {
  const trial = await sensorOf(url, token, { sandbox, ...options });
  closing.push(() => trial.close());
  return trial;
}

const reported = () => sandbox.failedCheckins.map(({ BusinessId, MacAddresses }) => [BusinessId, MacAddresses]);

async function deviceAt(trial: TrialSensor, mac: string): Promise<Record<string, unknown> | undefined> {
  const { devices } = JSON.parse((await ask(`${trial.url}/api/devices`)).text);
  return devices.find((device: { mac: string }) => device.mac === mac);
}

test('a visit at each location is reported to it once, by whichever sensors saw it; who is registered never is', async () => {
  sandbox.users.add({ Id: 5, FullName: 'Anna Keller', Active: true, Devices: macOf(9) });
  const trial = await hub();
  const sensors = [
    await sensor(trial.url, await trial.token('madrid-1', 77)),
    await sensor(trial.url, await trial.token('madrid-2', 77)),
    await sensor(trial.url, await trial.token('berlin', 78)),
  ];
  for (const one of sensors) for (const device of [1, 2, 9]) one.show({ mac: macOf(device), hostname: 'phone' });
  await until('both locations have both devices', () => sandbox.failedCheckins.length >= 4);
  const [first] = sensors;
  if (first === undefined) throw new Error('no sensor');
  await until('the hub has decided about the registered one', async () => {
    return (await deviceAt(first, macOf(9)))?.decision === 'recognised';
  });
  expect(reported().sort()).toEqual(
    [1, 2].flatMap((device) => [77, 78].map((at) => [at, macOf(device).toUpperCase()])).sort(),
  );
  expect(sandbox.failedCheckins[0]?.Description).toContain('hostname phone');
  // Without HUB_SHARE_NAMES the sensor does not hear whose it is.
  expect(await deviceAt(first, macOf(9))).toMatchObject({ reason: 'registered', coworker: null });
  expect(await deviceAt(first, macOf(1))).toMatchObject({
    decision: 'unrecognised',
    reason: 'nobody registered this address',
    report: { state: 'handed-over', reason: 'the hub: unrecognised' },
  });
});

test('with HUB_SHARE_NAMES the page of the sensor says whose a device is', async () => {
  sandbox.users.add({ Id: 5, FullName: 'Anna Keller', Active: true, Devices: macOf(9) });
  const trial = await hub({ HUB_SHARE_NAMES: 'true' });
  const one = await sensor(trial.url, await trial.token('madrid', 77));
  one.show({ mac: macOf(9) });
  await until('the hub has decided', async () => (await deviceAt(one, macOf(9)))?.decision === 'recognised');
  expect(await deviceAt(one, macOf(9))).toMatchObject({ coworker: { name: 'Anna Keller' } });
});

test('while the hub is away visits wait at the sensor, over its restart too; then each is reported once', async () => {
  const own = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  closing.push(() => own.stop());
  const port = String(await freePort());
  let trial = await hub({ HUB_PORT: port });
  const url = trial.url;
  const token = await trial.token('madrid', 77);
  const before = await sensorOf(url, token, { sandbox, redis: own });
  before.show({ mac: macOf(1) });
  await until('the first is reported', () => sandbox.failedCheckins.length === 1);
  await trial.close();
  for (const device of [1, 2, 3]) before.show({ mac: macOf(device) });
  await until('health says so', async () =>
    (await ask(`${before.url}/healthz`)).text.includes('the hub does not answer'),
  );
  await until('they wait', async () => {
    const { counts } = JSON.parse((await ask(`${before.url}/api/outbox`)).text);
    return counts.waiting + counts.active + counts.delayed >= 2;
  });
  await before.close();
  const after = await sensor(url, token, { redis: own });
  after.show({ mac: macOf(4) });
  trial = await hub({ HUB_PORT: port });
  await until('all are reported', () => sandbox.failedCheckins.length >= 4);
  await until('nothing waits', async () => {
    const { counts } = JSON.parse((await ask(`${after.url}/api/outbox`)).text);
    return counts.waiting + counts.active + counts.delayed === 0;
  });
  expect(reported().sort()).toEqual([1, 2, 3, 4].map((device) => [77, macOf(device).toUpperCase()]).sort());
});

test('two hubs on one Redis take what one sensor sends to either, and report it once', async () => {
  const hubs = [await hub(), await hub()];
  const token = (await hubs[0]?.token('madrid', 77)) ?? '';
  const visits = Array.from({ length: 30 }, (_, device) => visit(macOf(device)));
  const answers = await Promise.all(
    [...visits, ...visits].map((one, index) => hubs[index % 2]?.post(token, message([one]))),
  );
  expect(answers.map((answer) => answer?.code)).toEqual(Array(60).fill(200));
  await until('all are reported', () => sandbox.failedCheckins.length >= 30);
  // Once more, as a sensor does that got no answer.
  await Promise.all(visits.map((one) => hubs[1]?.post(token, message([{ ...one, mayHaveArrived: true }]))));
  await until('nothing waits', async () =>
    (await cli(['outbox'], { REDIS_URL: redis.url })).stdout.includes('0 on their way'),
  );
  expect(new Set(reported().map(String)).size).toBe(30);
  expect(sandbox.failedCheckins).toHaveLength(30);
});

test('labels hold on both sides: set at the hub, at a sensor, and removed again', async () => {
  const trial = await hub();
  const one = await sensor(trial.url, await trial.token('madrid-1', 77));
  const other = await sensor(trial.url, await trial.token('madrid-2', 77));
  const env = { REDIS_URL: redis.url, NEXUDUS_BUSINESS_ID: '77' };
  expect(await cli(['label', macOf(1), '--as', 'equipment', '--name', 'printer'], env)).toMatchObject({ code: 0 });
  one.show({ mac: macOf(1) });
  await until('it is equipment at the sensor too', async () => (await deviceAt(one, macOf(1)))?.decision === 'ignored');
  expect(await deviceAt(one, macOf(1))).toMatchObject({ reason: 'labelled as equipment' });

  const put = await ask(`${one.url}/api/labels/${macOf(2)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ as: 'known', name: 'Anna' }),
  });
  expect(put.code).toBe(200);
  expect((await cli(['label'], env)).stdout).toMatch(new RegExp(`${macOf(2)} +known +Anna`));
  other.show({ mac: macOf(2) });
  await until(
    'it is known at the other sensor',
    async () => (await deviceAt(other, macOf(2)))?.decision === 'recognised',
  );
  expect(sandbox.failedCheckins).toHaveLength(0);

  // The visit goes on, and nobody's label holds any more: it is reported now.
  expect(await cli(['label', macOf(2), '--remove'], env)).toMatchObject({ code: 0 });
  await until('it is reported', () => sandbox.failedCheckins.length === 1);
  await until('the sensor says so', async () => (await deviceAt(other, macOf(2)))?.decision === 'unrecognised');
  expect(reported()).toEqual([[77, macOf(2).toUpperCase()]]);
});

test('the commands of a sensor know its hub: doctor tries it, label labels there', async () => {
  const trial = await hub();
  const token = await trial.token('madrid', 77);
  const env = { HUB_URL: trial.url, HUB_TOKEN: token, CAPTURE_INTERFACE: 'lo' };
  const content = (await cli(['doctor'], env)).stdout;
  expect(content).toMatch(/^ok +hub +the hub at http:.* takes what this sensor hands over$/m);
  expect(content).toMatch(/^ok +clock +within 1 s of the hub's$/m);
  expect(await cli(['label', macOf(1), '--as', 'known', '--name', 'Anna'], env)).toMatchObject({ code: 0, stderr: '' });
  expect((await cli(['label'], { REDIS_URL: redis.url, NEXUDUS_BUSINESS_ID: '77' })).stdout).toContain('Anna');
  expect(await cli(['label'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('list them there') });
  expect(await cli(['label', macOf(1), '--remove'], env)).toMatchObject({ code: 0 });
  await trial.revoke('madrid');
  const revoked = await cli(['doctor'], env);
  expect(revoked).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^FAIL +hub +the hub answers 401.*HUB_TOKEN/m),
  });
  const away = await cli(['doctor'], { ...env, HUB_URL: 'http://127.0.0.1:1' });
  expect(away.stdout).toMatch(/^FAIL +hub +the hub does not answer: .*connection refused.*HUB_URL/m);
  expect(content + revoked.stdout + away.stdout).not.toContain(token);
  // A replay decides by itself, whatever the environment.
  const replayed = await cli(['replay', `${import.meta.dirname}/../captures/dhclient-join.pcap`, '--json'], env);
  expect(replayed.stdout).toContain('"decision":"unrecognised"');
});

test('a sensor whose clock is wrong hands over the right times, and its offset is measured', async () => {
  const trial = await hub();
  const token = await trial.token('madrid', 77);
  const answer = JSON.parse((await trial.post(token, message([], { clockOffsetMs: 420_000 }))).text);
  expect(Math.abs(answer.nowMs - Date.now())).toBeLessThan(60_000);
  const { locations, health } = JSON.parse((await ask(`${trial.statusUrl}/api/locations`)).text);
  expect(locations).toMatchObject([{ location: 77, sensor: 'madrid', clockOffsetSeconds: 420 }]);
  expect(health.reasons).toContain("location 77, sensor madrid: its clock is 7 min ahead of the hub's");
});

test('a newer sensor is understood, an older one too, and one that is too new is told so', async () => {
  const trial = await hub();
  const token = await trial.token('madrid', 77);
  const newer = await trial.post(
    token,
    message([visit(macOf(1), { via: ['arp', 'carrier-pigeon'], mood: 'good' })], { protocol: 2, colour: 'blue' }),
  );
  expect(newer.code).toBe(200);
  expect(JSON.parse(newer.text)).toMatchObject({
    protocol: 1,
    visits: [{ outcome: 'taken', decision: 'unrecognised' }],
  });
  // The least that protocol 1 ever had.
  const nowMs = Date.now();
  const older = { protocol: 1, version: '0.1.0', sentAtMs: nowMs };
  const least = { id: 'x', mac: macOf(2), firstMs: nowMs, lastMs: nowMs };
  expect((await trial.post(token, { ...older, visits: [least] })).code).toBe(200);
  const tooNew = await trial.post(token, message([], { protocol: 3 }));
  expect([tooNew.code, tooNew.text]).toEqual([426, expect.stringContaining('upgrade the hub')]);
  await until('both are reported', () => sandbox.failedCheckins.length === 2);
  expect(sandbox.failedCheckins.some(({ Description }) => Description?.includes('seen by ARP.'))).toBe(true);
});

test('a sensor suggests by what it noted itself, without the number of its location; what the hub labelled is no question', async () => {
  const own = await startRedis();
  closing.push(() => own.stop());
  const trial = await hub();
  const token = await trial.token('madrid', 77);
  const one = await sensor(trial.url, token, { redis: own });
  const printer = '00:1b:a9:00:00:05';
  const env = { HUB_URL: trial.url, HUB_TOKEN: token, REDIS_URL: own.url };
  const suggested = async () => {
    const { stdout, stderr } = await cli(['suggest', '--json'], env);
    expect(stderr).toBe('');
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).mac]));
  };
  one.show({ mac: printer, hostname: 'BRN001BA9000005' });
  one.show({ mac: macOf(1), hostname: 'anns-laptop' });
  await until('the printer is suggested', async () => (await suggested()).join() === printer);
  expect((await cli(['suggest'], env)).stdout).toContain('labelled at the hub');
  expect((await cli(['label', printer, '--as', 'equipment'], env)).code).toBe(0);
  await until('it is not any more', async () => (await suggested()).length === 0);
});
