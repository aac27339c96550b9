// Redis goes away in every way it can, while devices arrive: capture goes on, and in the end every device is reported once.
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const macOf = (device: number) => `3c:22:fb:00:00:${device.toString(16).padStart(2, '0')}`;
const upper = (devices: readonly number[]) => devices.map((device) => macOf(device).toUpperCase());
let server: RedisServer;
let sandbox: Sandbox;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  // It writes at once what it is told, so that a power cut loses nothing.
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  sandbox = await startSandbox();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
  troubles = [];
  await sandbox.close();
  await server.stop();
});

/** What a sensor said of troubles with the register or the outbox. */
let troubles: string[] = [];

async function sensor(): Promise<TrialSensor> {
  const trial = await TrialSensor.start({
    sandbox,
    redis: server,
    environment: { SETTLE_TIME: '50ms' },
    listener: { onTrouble: (error) => troubles.push(String(error)) },
  });
  closing.push(() => trial.close());
  return trial;
}

async function arrived(devices: readonly number[]): Promise<void> {
  await until(`check-ins of ${devices.length} devices`, () => sandbox.failedCheckins.length >= devices.length);
  expect(sandbox.failedCheckins.map(({ MacAddresses }) => MacAddresses).sort()).toEqual(upper(devices).sort());
}

const FAULTS: readonly {
  name: string;
  begin: () => Promise<unknown> | unknown;
  end: () => Promise<unknown> | unknown;
}[] = [
  { name: 'is cut off by a power failure and comes back', begin: () => server.kill(), end: () => server.start() },
  {
    name: 'is a read-only replica for a while',
    begin: () => server.cli('REPLICAOF', '127.0.0.1', '1'),
    end: () => server.cli('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'is out of memory for a while',
    begin: () => server.cli('CONFIG', 'SET', 'maxmemory', '1'),
    end: () => server.cli('CONFIG', 'SET', 'maxmemory', '0'),
  },
];

test.each(FAULTS)(
  'while Redis $name, devices wait in memory and are reported once afterwards',
  async ({ begin, end }) => {
    const { source, pipeline } = await sensor();
    for (const device of [1, 2]) source.announce(macOf(device));
    await arrived([1, 2]);

    await begin();
    for (const device of [1, 2, 3, 4, 5]) source.announce(macOf(device));
    await until('the trouble is noticed', () => troubles.length > 0);
    for (const device of [3, 4, 5, 6]) source.announce(macOf(device));
    await until('the visits wait', () => pipeline.waiting() >= 4);
    expect(pipeline.counts.sightings).toBe(2 + 5 + 4);

    await end();
    await arrived([1, 2, 3, 4, 5, 6]);
    await until('nothing waits any more', () => pipeline.waiting() === 0);
  },
);

test('while Redis hangs, devices wait; when it answers again they are reported once', async () => {
  const { source, pipeline } = await sensor();
  source.announce(macOf(1));
  await arrived([1]);
  server.pause();
  for (const device of [2, 3]) source.announce(macOf(device));
  await until('the visits wait', () => pipeline.waiting() >= 2);
  server.resume();
  await arrived([1, 2, 3]);
});

test('a Redis that comes back empty does not make a sensor that went on report anything twice', async () => {
  const first = await sensor();
  const second = await sensor();
  for (const { source } of [first, second]) source.announce(macOf(1));
  await arrived([1]);
  await until('both know it', () => [first, second].every(({ pipeline }) => pipeline.waiting() === 0));
  const redis = new Redis(server.url);
  await redis.flushall();
  await redis.quit();
  // A new fact makes both tell the register of the visit again; the first to do so also tells it what became of it.
  for (const { source, pipeline } of [first, second]) {
    source.announce(macOf(1));
    pipeline.tracker.forwardAll();
    source.announce(macOf(2));
  }
  await arrived([1, 2]);
});

test('a monitor that starts while Redis is away keeps its visits until Redis is there', async () => {
  await server.kill();
  const { source, pipeline } = await sensor();
  for (const device of [1, 2, 3]) source.announce(macOf(device));
  await until('the visits wait', () => pipeline.waiting() === 3);
  await server.start();
  await arrived([1, 2, 3]);
});
