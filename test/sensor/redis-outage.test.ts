// Redis goes away in every way it can, while devices arrive: capture goes on, and in the end every device is reported once.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import { type Monitor, runPipeline } from '../../src/pipeline/pipeline.js';
import { connectRedis } from '../../src/sensor/redis-connection.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { RedisVisitRegister } from '../../src/visits/register/redis-visit-register.js';
import { HandFedSource } from '../hand-fed-source.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';

const macOf = (device: number) => `3c:22:fb:00:00:${device.toString(16).padStart(2, '0')}`;
const upper = (devices: readonly number[]) => devices.map((device) => macOf(device).toUpperCase());
const silent = pino({ level: 'silent' });

let server: RedisServer;
let sandbox: Sandbox;
let closing: (() => unknown)[] = [];

interface SensorTrial {
  readonly source: HandFedSource;
  readonly monitor: Monitor;
  readonly troubles: string[];
}

beforeEach(async () => {
  // It writes at once what it is told, so that a power cut loses nothing.
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  sandbox = await startSandbox();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
  await sandbox.close();
  await server.stop();
});

/** A whole sensor in this process: only its frames are handed to it. */
function sensor(): SensorTrial {
  const sensing = connectRedis(server.url, 'sensing', silent);
  const delivering = connectRedis(server.url, 'delivering', silent);
  const directory = new Directory();
  directory.loaded = true;
  const rules = {
    businessId: 77,
    ignore: NO_IGNORE_RULES,
    reportInactive: false,
    directory,
    equipment: new Equipment(),
  };
  const client = createNexudusClient({
    url: sandbox.url,
    auth: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
  });
  const outbox = new RedisOutbox(delivering, { retentionMs: 86_400_000 });
  const deliverer = startRedisDelivery(delivering, outbox, nexudusDelivery(client, rules), {
    spacingMs: 1,
    onOutcome: () => {},
    onError: () => {},
  });
  const source = new HandFedSource();
  const troubles: string[] = [];
  const monitor = runPipeline(
    { ...rules, gapMs: 900_000, settleMs: 50, reportAgainAfterMs: 0, timeZone: null },
    {
      ...rules,
      source,
      time: { kind: 'live', steadyMs: () => performance.now(), guard: new FloodGuard(60_000) },
      register: new RedisVisitRegister(sensing, { businessId: 77, gapMs: 900_000, retentionMs: 86_400_000 }),
      outbox,
      listener: { onTrouble: (error) => troubles.push(String(error)) },
    },
  );
  closing.push(
    () => sensing.disconnect(),
    () => delivering.disconnect(),
    () => client.close(),
    () => outbox.close(),
    () => deliverer.close(),
    async () => {
      monitor.stop();
      await monitor.finished;
    },
  );
  return { source, monitor, troubles };
}

async function arrived(devices: readonly number[]): Promise<void> {
  await until(`check-ins of ${devices.length} devices`, () => sandbox.failedCheckins.length >= devices.length, 30_000);
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
  { timeout: 60_000 },
  async ({ begin, end }) => {
    const { source, monitor, troubles } = sensor();
    for (const device of [1, 2]) source.announce(macOf(device));
    await arrived([1, 2]);

    await begin();
    for (const device of [1, 2, 3, 4, 5]) source.announce(macOf(device));
    await until('the trouble is noticed', () => troubles.length > 0, 30_000);
    for (const device of [3, 4, 5, 6]) source.announce(macOf(device));
    await until('the visits wait', () => monitor.waiting() >= 4);
    expect(monitor.counts.sightings).toBe(2 + 5 + 4);

    await end();
    await arrived([1, 2, 3, 4, 5, 6]);
    await until('nothing waits any more', () => monitor.waiting() === 0);
  },
);

test('while Redis hangs, devices wait; when it answers again they are reported once', { timeout: 60_000 }, async () => {
  const { source, monitor } = sensor();
  source.announce(macOf(1));
  await arrived([1]);
  server.pause();
  for (const device of [2, 3]) source.announce(macOf(device));
  await until('the visits wait', () => monitor.waiting() >= 2);
  server.resume();
  await arrived([1, 2, 3]);
});

test('a Redis that comes back empty does not make a sensor that went on report anything twice', {
  timeout: 60_000,
}, async () => {
  const first = sensor();
  const second = sensor();
  for (const { source } of [first, second]) source.announce(macOf(1));
  await arrived([1]);
  await until('both know it', () => [first, second].every(({ monitor }) => monitor.waiting() === 0));
  const redis = new Redis(server.url);
  await redis.flushall();
  await redis.quit();
  // A new fact makes both tell the register of the visit again; the first to do so also tells it what became of it.
  for (const { source, monitor } of [first, second]) {
    source.announce(macOf(1));
    monitor.tracker.settleAll();
    source.announce(macOf(2));
  }
  await arrived([1, 2]);
});

test('a monitor that starts while Redis is away keeps its visits until Redis is there', {
  timeout: 60_000,
}, async () => {
  await server.kill();
  const { source, monitor } = sensor();
  for (const device of [1, 2, 3]) source.announce(macOf(device));
  await until('the visits wait', () => monitor.waiting() === 3);
  await server.start();
  await arrived([1, 2, 3]);
});
