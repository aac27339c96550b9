// A million frames from a million random MACs, through a real link: the sensor neither drowns nor passes the flood on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { type Deployment, STATUS_PORT } from './deployment.js';
import { sharedLanTest } from './fixture.js';
import { writeFlood } from './flood-capture.js';

const FRAMES = 1_000_000;
const POSTS_PER_MINUTE = 3_000;
/** What the flood guard lets in at once. */
const BURST = 1_000;
/** Some thousands, which a busy machine delivers much slower than it may. */
const DELIVERED_WITHIN_MS = 600_000;
const PRESENT = '3c:22:fb:00:0b:01';
const KNOWN = '3c:22:fb:00:0b:02';
const ARRIVING = ['3c:22:fb:00:0b:03', '3c:22:fb:00:0b:04', '3c:22:fb:00:0b:05'];
const RECOGNISED = new RegExp(`"mac":"${KNOWN}".*"decision":"recognised"`);
const SEED = { users: [{ Id: 1, FullName: 'Carla Coworker', Active: true, Devices: KNOWN }] };

const flooding = ['-q', '-i', 'eth0', '--pps', '50000'];

const test = sharedLanTest.extend('seed', { scope: 'file' }, SEED).extend('floodFile', { scope: 'file' }, ({ lan }) => {
  const path = join(lan.directory, 'flood.pcap');
  writeFlood(path, FRAMES);
  return path;
});

interface Facts {
  readonly capture: readonly { frames: number; droppedByKernel: number; brokenOff: number }[];
  readonly visits: { open: number; waiting: number };
  readonly outbox: { waiting: number } | null;
  readonly flood: { suspected: boolean; refused: number };
}

async function health(deployment: Deployment): Promise<Facts> {
  return JSON.parse((await deployment.status('/healthz')).text) as Facts;
}

/** Resident memory in MB, now and at its highest. */
function memory({ pid }: RunningProcess): { now: number; highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return { now: megabytes('VmRSS'), highest: megabytes('VmHWM') };
}

async function redisMemory({ redis }: Deployment): Promise<{ bytes: number; keys: number }> {
  const bytes = Number(/used_memory:(\d+)/.exec(await redis.cli('INFO', 'memory'))?.[1]);
  return { bytes, keys: Number(await redis.cli('DBSIZE')) };
}

test('a flood is held back, real devices go on, and memory, Redis and the API stay within bounds', {
  timeout: 3 * DELIVERED_WITHIN_MS,
}, async ({ lan, deployment, floodFile }) => {
  const monitor = await deployment.monitor({
    NEXUDUS_POSTS_PER_MINUTE: `${POSTS_PER_MINUTE}`,
    NEXUDUS_POSTS_PER_DAY: '100000',
    STATUS_PORT,
    LOG_LEVEL: 'info',
  });
  const present = await lan.client({ mac: PRESENT });
  await present.lease();
  await deployment.received(PRESENT);
  const before = { memory: memory(monitor), redis: await redisMemory(deployment) };

  const attacker = await lan.client({ mac: '02:00:00:00:00:01' });
  const known = await lan.client({ mac: KNOWN });
  const arriving = await Promise.all(ARRIVING.map((mac) => lan.client({ mac })));
  const isRecognised = () => monitor.lines.some((line) => RECOGNISED.test(line));
  let seen = 0;
  const began = performance.now();
  const flood = async () => {
    // Until the monitor has looked at many (what it refuses it refuses, rather than not having seen it), and at the known device.
    // A busy machine may let it see few of them.
    while (seen < FRAMES / 10 || !isRecognised()) {
      // As fast as the LAN can carry beside a DHCP server that answers.
      await attacker.run('tcpreplay', [...flooding, floodFile]);
      seen = (await health(deployment)).capture[0]?.frames ?? 0;
    }
  };
  const arrive = async () => {
    await monitor.waitForLine(/suspected flood/, { timeoutMs: DELIVERED_WITHIN_MS });
    await until('health tells of it', async () => (await health(deployment)).flood.suspected);
    // Devices that come in the midst of it get their addresses, whoever watches.
    await Promise.all([known, ...arriving].map((client) => client.lease()));
    await until(
      'the known device is recognised',
      async () => {
        if (isRecognised()) return true;
        await known.announce();
        return false;
      },
      DELIVERED_WITHIN_MS,
    );
  };
  await Promise.all([flood(), arrive()]);
  const floodSeconds = (performance.now() - began) / 1_000;

  // When the rate is normal again they are let in with the next frame they send, and reported after those before them.
  await until(
    'each is reported',
    async () => {
      await Promise.all(arriving.map((client) => client.announce()));
      const macs = new Set((await deployment.checkins()).map(({ MacAddresses }) => MacAddresses.toLowerCase()));
      return ARRIVING.every((mac) => macs.has(mac));
    },
    DELIVERED_WITHIN_MS,
  );
  await until('the outbox is empty', async () => (await health(deployment)).outbox?.waiting === 0, DELIVERED_WITHIN_MS);
  const received = await deployment.checkins();
  const after = { memory: memory(monitor), redis: await redisMemory(deployment), health: await health(deployment) };
  const { lines } = monitor;
  // What may have been let in, posted and logged until now.
  const seconds = (performance.now() - began) / 1_000;
  const cap = BURST + (POSTS_PER_MINUTE / 60) * seconds + 10;
  process.stdout.write(
    `${[
      `  flooded for ${floodSeconds.toFixed(1)} s; ${seen} seen, ${after.health.capture[0]?.droppedByKernel} dropped by the kernel`,
      `  refused ${after.health.flood.refused}, broken off ${after.health.capture[0]?.brokenOff}, open visits ${after.health.visits.open}`,
      `  reported ${received.length} (cap ${Math.floor(cap)})`,
      `  monitor ${before.memory.now} MB before, ${after.memory.highest} MB at most, ${after.memory.now} MB after`,
      `  Redis ${(before.redis.bytes / 1e6).toFixed(1)} MB before, ${(after.redis.bytes / 1e6).toFixed(1)} MB after, ${after.redis.keys} keys`,
    ].join('\n')}\n`,
  );
  expect(received.length).toBeLessThanOrEqual(cap);
  expect(after.health.visits.open).toBeLessThanOrEqual(cap);
  expect(after.redis.keys).toBeLessThanOrEqual(3 * cap);
  expect(after.memory.highest).toBeLessThan(before.memory.now + 100);
  expect(after.redis.bytes - before.redis.bytes).toBeLessThan(20_000_000);
  const macs = received.map(({ MacAddresses }) => MacAddresses.toLowerCase());
  expect(macs).not.toContain(KNOWN);
  for (const mac of [PRESENT, ...ARRIVING]) expect(macs.filter((one) => one === mac)).toHaveLength(1);
  expect(lines.filter((line) => line.includes('suspected flood')).length).toBeLessThanOrEqual(1 + seconds / 60);
  expect(lines.filter((line) => line.includes('frames were lost')).length).toBeLessThanOrEqual(1 + seconds / 60);
  expect((await monitor.stop()).code).toBe(0);
});

test('frames that come faster than they can be dealt with never keep timers and signals from their turn', async ({
  lan,
  sensor,
  floodFile,
}) => {
  const attacker = await lan.client({ mac: '02:00:00:00:00:02' });
  const reader = sensor.start('node', [join(import.meta.dirname, 'slow-reader.mjs')]);
  await reader.waitForLine(/listening/);
  const flood = attacker.start('tcpreplay', [...flooding, '--loop', '0', floodFile]);
  await reader.waitForLine(/alive, broken off ([5-9]|\d\d+) times/);
  reader.kill('SIGTERM');
  expect(await reader.exit()).toEqual({ code: 0, signal: null });
  expect(flood.isRunning).toBe(true);
  await flood.stop();
});
