// The real monitor process on a LAN of network namespaces, with real Redis and the sandbox in Nexudus's place.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { formatMac } from '../../src/addresses/mac-address.js';
import { Deployment } from '../../test/lan/deployment.js';
import { type Client, Lan } from '../../test/lan/lan.js';
import type { RunningProcess } from '../../test/run-process.js';
import { until } from '../../test/until.js';
import { seedOf } from './directory.js';
import { median, quantile } from './measured-run.js';
import { heading, megabytes, note } from './report.js';

const announceDevices = new URL('./announce-devices.js', import.meta.url).pathname;
const syncDirectory = new URL('./sync-directory.js', import.meta.url).pathname;

const LATENCY_DEVICES = 500;
const LATENCY_PAUSE_MS = 20;
const IDLE_MS = 60_000;
const BUSY_DEVICES = 50;
const BUSY_MINUTES = 2;
const PRESENT_DEVICES = 5_000;
const KNOWN_DEVICES = 50_000;
/** Of proc(5): a tick of utime and stime is 10 ms. */
const TICK_MS = 10;

/** As in the image and in the systemd unit, with the status server. No limit of ours may be what is measured. */
const UNLIMITED = {
  NEXUDUS_POSTS_PER_MINUTE: '60000',
  NEXUDUS_POSTS_PER_DAY: '1000000',
  LOG_LEVEL: 'info',
  STATUS_PORT: '9467',
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_MMAP_THRESHOLD_: '32768',
};

export interface Sent {
  readonly mac: number;
  readonly sentMs: number;
}

/** What the kernel could not take back when memory is short: the rest of what is resident are pages of node's own file. */
function privateMb(monitor: RunningProcess): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${monitor.pid}/status`, 'utf8'))?.[1]) / 1_000;
}

export function residentMb(monitor: RunningProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${monitor.pid}/status`, 'utf8'))?.[1]) / 1_000;
}

export function cpuMs(monitor: RunningProcess): number {
  // The fields behind the process's name, which may contain spaces. utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${monitor.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Numbered devices send announcements, one after the other, `rounds` times each. */
export async function announce(
  client: Client,
  first: number,
  count: number,
  pauseMs: number,
  rounds = 1,
): Promise<Sent[]> {
  const args = ['eth0', first, count, pauseMs, rounds].map(String);
  const printed = await client.run('node', [announceDevices, ...args]);
  return printed.split('\n').map((line) => JSON.parse(line) as Sent);
}

async function redisCounts(deployment: Deployment): Promise<{ calls: Map<string, number>; receivedBytes: number }> {
  const [commands, stats] = await Promise.all([
    deployment.redis.cli('INFO', 'commandstats'),
    deployment.redis.cli('INFO', 'stats'),
  ]);
  const calls = [...commands.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(
    ([, name = '', count]) => [name, Number(count)] as [string, number],
  );
  return { calls: new Map(calls), receivedBytes: Number(/total_net_input_bytes:(\d+)/.exec(stats)?.[1]) };
}

async function withDeployment(
  seed: object,
  use: (deployment: Deployment, client: Client) => Promise<void>,
): Promise<void> {
  const lan = await Lan.create({ dhcp: false });
  let deployment: Deployment | undefined;
  try {
    deployment = await Deployment.start(lan, await lan.sensor(), seed);
    await use(deployment, await lan.client());
  } finally {
    await deployment?.stop();
    await lan.close();
  }
}

/** Measures the time from the start of the process until it logs that it listens. */
async function startUp(deployment: Deployment): Promise<RunningProcess> {
  const took: number[] = [];
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    const monitor = deployment.start({ ...UNLIMITED });
    await monitor.waitForLine(/listening on/);
    took.push(performance.now() - began);
    await monitor.stop();
  }
  console.log(`from start to capturing: ${median(took).toFixed(0)} ms (median of ${took.length})`);
  const monitor = await deployment.monitor({ ...UNLIMITED, SETTLE_TIME: '0' });
  return monitor;
}

async function latency(deployment: Deployment, client: Client): Promise<void> {
  // Some devices come first, so that code is compiled and connections are open.
  await announce(client, 900_000, 50, LATENCY_PAUSE_MS);
  const sent = await announce(client, 0, LATENCY_DEVICES, LATENCY_PAUSE_MS);
  const arrived = new Map<string, number>();
  await until('every device is reported', async () => {
    for (const checkin of await deployment.checkins()) {
      const { MacAddresses, CreatedOn } = checkin as typeof checkin & { CreatedOn: string };
      arrived.set(MacAddresses, Date.parse(CreatedOn));
    }
    return sent.every(({ mac }) => arrived.has(formatMac(mac).toUpperCase()));
  });
  const tookMs = sent.map(({ mac, sentMs }) => (arrived.get(formatMac(mac).toUpperCase()) ?? Number.NaN) - sentMs);
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantile(tookMs, share).toFixed(1));
  console.log(
    `frame on the wire to POST received, SETTLE_TIME=0, ${sent.length} devices: p50 ${p50} ms, p99 ${p99} ms, most ${most} ms (to 1 ms)`,
  );
}

async function idle(monitor: RunningProcess): Promise<void> {
  await delay(5_000);
  const before = cpuMs(monitor);
  await delay(IDLE_MS);
  const share = (cpuMs(monitor) - before) / IDLE_MS;
  console.log(
    `idle for ${IDLE_MS / 1_000} s: ${(share * 100).toFixed(2)} % of a core, ${megabytes(residentMb(monitor))} resident, ${megabytes(privateMb(monitor))} of it private`,
  );
}

async function redisCosts(deployment: Deployment, client: Client): Promise<void> {
  const seconds = BUSY_MINUTES * 60;
  const idleBefore = await redisCounts(deployment);
  await delay(60_000);
  const idleAfter = await redisCounts(deployment);
  await announce(client, 10_000, BUSY_DEVICES, 5);
  await delay(3_000);
  const before = await redisCounts(deployment);
  // Every device once a second.
  await announce(client, 10_000, BUSY_DEVICES, 1_000 / BUSY_DEVICES, seconds);
  const after = await redisCounts(deployment);
  const scripts = (after.calls.get('evalsha') ?? 0) - (before.calls.get('evalsha') ?? 0);
  const idleScripts = ((idleAfter.calls.get('evalsha') ?? 0) - (idleBefore.calls.get('evalsha') ?? 0)) * BUSY_MINUTES;
  const idleBytes = (idleAfter.receivedBytes - idleBefore.receivedBytes) * BUSY_MINUTES;
  const deviceMinutes = BUSY_DEVICES * BUSY_MINUTES;
  const bytes = ((after.receivedBytes - before.receivedBytes - idleBytes) / deviceMinutes) * 60;
  console.log(
    `Redis, a device that sends a frame a second: ${((scripts - idleScripts) / deviceMinutes).toFixed(2)} commands a minute, ${(bytes / 1_000).toFixed(0)} kB sent an hour`,
  );
  const keys = (await deployment.redis.cli('--scan', '--pattern', '*:visits:*')).split('\n');
  const sizes: number[] = [];
  for (const key of keys.slice(0, 50))
    sizes.push(Number(await deployment.redis.cli('MEMORY', 'USAGE', key, 'SAMPLES', '0')));
  console.log(`Redis, an open visit: ${median(sizes)} bytes (MEMORY USAGE, median of ${sizes.length})`);
}

async function manyDevices(): Promise<void> {
  await withDeployment(seedOf(KNOWN_DEVICES), async (deployment, client) => {
    // The monitor reads 750 pages at one a second; a snapshot gives it the directory at once, and it reads all the same.
    await deployment.sensor.run('node', [
      syncDirectory,
      deployment.environment().NEXUDUS_URL ?? '',
      deployment.redis.url,
    ]);
    const monitor = deployment.start({ ...UNLIMITED });
    await monitor.waitForLine(/directory loaded from the snapshot/);
    await delay(5_000);
    const known = residentMb(monitor);
    await announce(client, 20_000, PRESENT_DEVICES, 1.5);
    await until(
      'every device is reported',
      async () => (await deployment.checkins()).length >= PRESENT_DEVICES,
      120_000,
    );
    const present: number[] = [];
    for (let round = 0; round < 6; round++) {
      await announce(client, 20_000, PRESENT_DEVICES, 1.5);
      present.push(residentMb(monitor));
    }
    console.log(
      `resident with ${KNOWN_DEVICES} known devices: ${megabytes(known)}; with ${PRESENT_DEVICES} more in visits: ${megabytes(median(present))} (highest ${megabytes(Math.max(...present))}, ${megabytes(privateMb(monitor))} of it private)`,
    );
  });
}

export async function live(): Promise<void> {
  heading('Live: the real monitor in a network namespace');
  if (process.getuid?.() !== 0) return note('left out: network namespaces take root');
  await withDeployment({}, async (deployment, client) => {
    const monitor = await startUp(deployment);
    await latency(deployment, client);
    await idle(monitor);
    await redisCosts(deployment, client);
  });
  await manyDevices();
}
