// A sensor on a Redis that fails over (Sentinel) and on one whose slots move (Cluster): every device is reported once. And with TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { cli } from '../commands/cli.js';
import { CERTIFICATE, KEY } from '../nexudus/self-signed.js';
import { freePort, startRedis } from '../redis-server.js';
import { ClusterTrial, SentinelTrial } from '../redis-topologies.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const macOf = (device: number) => `3c:22:fb:00:00:${device.toString(16).padStart(2, '0')}`;
let sandbox: Sandbox;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  sandbox = await startSandbox();
  closing = [() => sandbox.close()];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

async function sensor(url: string, environment: NodeJS.ProcessEnv = {}): Promise<TrialSensor> {
  const trial = await TrialSensor.start({
    sandbox,
    environment: { REDIS_URL: url, SETTLE_TIME: '50ms', VISIT_GAP: '45m', ...environment },
  });
  closing.push(() => trial.close());
  return trial;
}

async function reportedOnce(devices: readonly number[]): Promise<void> {
  await until(`check-ins of ${devices.length} devices`, () => sandbox.failedCheckins.length >= devices.length);
  const wanted = devices.map((device) => macOf(device).toUpperCase());
  expect(sandbox.failedCheckins.map(({ MacAddresses }) => MacAddresses).sort()).toEqual(wanted.sort());
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test('when the primary dies and sentinels name another, devices wait and are reported once', async () => {
  const redis = await SentinelTrial.start();
  closing.push(() => redis.stop());
  const first = await sensor(redis.url);
  const second = await sensor(redis.url);
  const show = (devices: readonly number[]) => {
    for (const device of devices) for (const { source } of [first, second]) source.announce(macOf(device));
  };
  show(range(0, 3));
  await reportedOnce(range(0, 3));
  for (let round = 1; round <= 2; round++) {
    // So that what Redis has acknowledged is on the replicas too: Sentinel gives up what was not.
    await until('nothing waits', () => [first, second].every(({ pipeline }) => pipeline.waiting() === 0));
    const primary = await redis.primary();
    await until('the replicas have it all', async () => Number(await primary.cli('WAIT', '1', '1000')) >= 1);
    // Dead before the devices come: what it acknowledged in its last moment, and no replica has, is lost by design.
    const before = await redis.killPrimary();
    show(range(3, 3 + 3 * round));
    await redis.otherThan(before);
    show(range(3, 3 + 3 * round));
    await reportedOnce(range(0, 3 + 3 * round));
    await before.start();
    await until('the old primary is a replica in step', async () => {
      const info = await (await redis.primary()).cli('INFO', 'replication');
      return info.match(/state=online/g)?.length === 2;
    });
  }
});

test('on a cluster of six nodes whose slots move, every device is reported once', async () => {
  const redis = await ClusterTrial.start();
  closing.push(() => redis.stop());
  const sensors = [await sensor(redis.url), await sensor(redis.url)];
  let isMoving = true;
  const moving = (async () => {
    while (isMoving) {
      await redis.moveSlotOf('{nwm:outbox}');
      await redis.moveSlotOf('{nwm:77}');
    }
  })();
  for (const device of range(0, 60)) {
    for (const { source } of sensors) source.announce(macOf(device));
    if (device % 5 === 4) await until('they are taken', () => sandbox.failedCheckins.length > device - 5);
  }
  await reportedOnce(range(0, 60));
  isMoving = false;
  await moving;
  const env = { REDIS_URL: redis.url, NEXUDUS_BUSINESS_ID: '77' };
  expect(await cli(['label', macOf(1), '--as', 'equipment'], env)).toMatchObject({ code: 0 });
  expect((await cli(['label'], env)).stdout).toContain(macOf(1));
  expect((await cli(['outbox'], env)).stdout).toContain('0 on their way');
  const forgotten = await cli(['forget', macOf(1), '--labels'], env);
  expect(forgotten.stdout).toMatch(/2 running monitors told, visits of 1 location and 1 check-in removed/);
  expect(forgotten.stdout).toContain('Its label was removed at 1 location');
  const doctor = await cli(['doctor'], { ...env, DRY_RUN: 'true', CAPTURE_INTERFACE: 'lo' });
  expect(doctor.stdout).toMatch(/^ok +Redis +a cluster of 3 primaries/m);
  expect(doctor.stdout).not.toMatch(/FAIL +Redis/);
});

test('with TLS, Redis is reached when its certificate is trusted, and not otherwise', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nwm-tls-'));
  closing.push(() => rm(directory, { recursive: true }));
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(certificate, CERTIFICATE);
  await writeFile(key, KEY);
  const port = await freePort();
  const tls = ['--tls-port', `${port}`, '--tls-cert-file', certificate, '--tls-key-file', key];
  const redis = await startRedis({ args: [...tls, '--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'] });
  closing.push(() => redis.stop());
  const env = { REDIS_URL: `rediss://127.0.0.1:${port}`, NEXUDUS_BUSINESS_ID: '77' };
  const trusted = await cli(['label'], { ...env, NODE_EXTRA_CA_CERTS: certificate });
  expect(trusted).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('0 labels') });
  const distrusted = await cli(['label'], env);
  expect(distrusted).toMatchObject({ code: 1, stderr: expect.stringMatching(/Redis cannot be reached.*certificate/) });
});
