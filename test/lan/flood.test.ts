// A million frames from a million random MACs, through a real link: the sensor neither drowns nor passes the flood on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { Deployment } from './deployment.js';
import { writeFlood } from './flood-capture.js';
import { Lan, type Sensor } from './lan.js';

const FRAMES = 1_000_000;
const POSTS_PER_MINUTE = 6_000;
/** What the flood guard lets in at once. */
const BURST = 1_000;
const PRESENT = '3c:22:fb:00:0b:01';
const KNOWN = '3c:22:fb:00:0b:02';
const ARRIVING = ['3c:22:fb:00:0b:03', '3c:22:fb:00:0b:04', '3c:22:fb:00:0b:05'];
const SEED = { users: [{ Id: 1, FullName: 'Carla Coworker', Active: true, Devices: KNOWN }] };

const flooding = ['-q', '-i', 'eth0', '--pps', '50000'];

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;
let monitor: RunningProcess;

beforeAll(async () => {
  lan = await Lan.create();
  writeFlood(floodFile(), FRAMES);
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor, SEED);
  monitor = await deployment.monitor({
    NEXUDUS_POSTS_PER_MINUTE: `${POSTS_PER_MINUTE}`,
    NEXUDUS_POSTS_PER_DAY: '100000',
    STATUS_PORT: '9467',
    LOG_LEVEL: 'info',
  });
});

afterAll(async () => {
  await deployment?.stop();
  await lan?.close();
});

function floodFile(): string {
  return join(lan.directory, 'flood.pcap');
}

interface Facts {
  readonly capture: readonly { frames: number; droppedByKernel: number; brokenOff: number }[];
  readonly visits: { open: number; waiting: number };
  readonly outbox: { waiting: number } | null;
  readonly flood: { suspected: boolean; refused: number };
}

async function health(): Promise<Facts> {
  const get = `fetch('http://127.0.0.1:9467/healthz').then((answer) => answer.text()).then((text) => console.log(text))`;
  return JSON.parse(await sensor.run('node', ['-e', get])) as Facts;
}

/** Resident memory of the monitor in MB, now and at its highest. */
function memory(): { now: number; highest: number } {
  const status = readFileSync(`/proc/${monitor.pid}/status`, 'utf8');
  const megabytes = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return { now: megabytes('VmRSS'), highest: megabytes('VmHWM') };
}

async function redisMemory(): Promise<{ bytes: number; keys: number }> {
  const bytes = Number(/used_memory:(\d+)/.exec(await deployment.redis.cli('INFO', 'memory'))?.[1]);
  return { bytes, keys: Number(await deployment.redis.cli('DBSIZE')) };
}

test('a flood is held back, real devices go on, and memory, Redis and the API stay within bounds', async () => {
  const present = await lan.client({ mac: PRESENT });
  await present.lease();
  await deployment.received(PRESENT);
  const before = { memory: memory(), redis: await redisMemory() };

  const attacker = await lan.client({ mac: '02:00:00:00:00:01' });
  const clients = await Promise.all([KNOWN, ...ARRIVING].map((mac) => lan.client({ mac })));
  const began = performance.now();
  // As fast as the LAN can carry beside a DHCP server that answers.
  const flood = attacker.run('tcpreplay', [...flooding, floodFile()]);
  await monitor.waitForLine(/suspected flood/);
  // Devices that come in the midst of it get their addresses, whoever watches.
  const leases = Promise.all(clients.map((client) => client.lease()));
  await monitor.waitForLine(new RegExp(`"mac":"${KNOWN}".*"decision":"recognised"`), { timeoutMs: 30_000 });
  await Promise.all([flood, leases]);
  const floodSeconds = (performance.now() - began) / 1_000;
  const during = await health();
  expect(during.flood.suspected).toBe(true);
  const seen = during.capture[0]?.frames ?? 0;
  // It looked at most of them: what it refused it refused, rather than not having seen it.
  expect(seen).toBeGreaterThan(FRAMES / 10);

  // When the rate is normal again they are reported with the next frame they send.
  await until(
    'each is let in',
    async () => {
      await Promise.all(clients.map((client) => client.announce()));
      const macs = new Set((await deployment.checkins()).map(({ MacAddresses }) => MacAddresses.toLowerCase()));
      return ARRIVING.every((mac) => macs.has(mac));
    },
    60_000,
  );
  const seconds = (performance.now() - began) / 1_000;

  await until('the outbox is empty', async () => (await health()).outbox?.waiting === 0, 60_000);
  const received = await deployment.checkins();
  const after = { memory: memory(), redis: await redisMemory(), health: await health() };
  const cap = BURST + (POSTS_PER_MINUTE / 60) * seconds + 10;
  process.stdout.write(
    `${[
      `  ${FRAMES} frames in ${floodSeconds.toFixed(1)} s; ${seen} seen, ${after.health.capture[0]?.droppedByKernel} dropped by the kernel`,
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
  expect(monitor.lines.filter((line) => line.includes('suspected flood')).length).toBeLessThanOrEqual(1 + seconds / 60);
  expect(monitor.lines.filter((line) => line.includes('frames were lost')).length).toBeLessThanOrEqual(
    1 + seconds / 60,
  );
  expect((await monitor.stop()).code).toBe(0);
}, 120_000);

test('frames that come faster than they can be dealt with never keep timers and signals from their turn', async () => {
  const attacker = await lan.client({ mac: '02:00:00:00:00:02' });
  const reader = sensor.start('node', [join(import.meta.dirname, 'slow-reader.mjs')]);
  await reader.waitForLine(/listening/);
  const flood = attacker.start('tcpreplay', [...flooding, '--limit', '500000', floodFile()]);
  await reader.waitForLine(/alive, broken off [5-9] times/);
  reader.kill('SIGTERM');
  expect(await reader.exit()).toEqual({ code: 0, signal: null });
  expect(flood.isRunning).toBe(true);
  await flood.stop();
});
