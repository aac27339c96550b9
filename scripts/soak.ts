// npm run soak -- --minutes N (default 30, needs root): a monitor on a LAN where devices come and go and things break. Prints the
// memory and other resources that it uses, and at the end whether they grew after the warm-up.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Deployment } from '../test/lan/deployment.js';
import { type Client, Lan, type Sensor } from '../test/lan/lan.js';
import type { RunningProcess } from '../test/run-process.js';

const STATIONS = 6;
const VISIT_GAP_S = 20;
/** This part of the time is warm-up, in which caches fill and the first visits reach the end of their retention. */
const WARM_UP = 0.3;
/** A resource has grown if the last part uses this much more than the first part after the warm-up. */
const TOLERANCE = 1.15;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const minutes = Number(values.minutes);
const sampleEveryMs = Math.max(5_000, (minutes * 60_000) / 60);
const endMs = performance.now() + minutes * 60_000;
const isOver = () => performance.now() > endMs;

interface Sample {
  readonly rssMb: number;
  readonly descriptors: number;
  /** Worst event-loop delay since the last sample. */
  readonly delayMs: number;
  readonly redisMb: number;
}

let visitsBegun = 0;
let faults = 0;

/** A client of the LAN that is many devices, one after the other: known devices that return, and new ones. */
async function comeAndGo(client: Client, number: number): Promise<void> {
  for (let visit = 0; !isOver(); visit++) {
    const isReturning = visit % 3 === 0;
    const serial = isReturning ? number * 8 + (visit % 8) : 0x1_0000 + visit * STATIONS + number;
    const mac = `3c22fb${serial.toString(16).padStart(6, '0')}`.replace(/(..)(?=.)/g, '$1:');
    await client.disconnect();
    await client.run('ip', ['link', 'set', 'eth0', 'address', mac]);
    // A lease may fail in a flood, or while the router is unplugged.
    if (visit % 4 === 0) await client.lease().catch(() => client.useAddress(`10.77.0.${20 + number}`));
    else await client.useAddress(`10.77.0.${20 + number}`);
    visitsBegun++;
    for (let times = 0; times < 4 && !isOver(); times++) {
      await client.announce();
      await sleep(2_000);
    }
  }
}

function faultsOf(sensor: Sensor, deployment: Deployment): [name: string, act: () => Promise<unknown>][] {
  return [
    [
      'link pulled for 3 s',
      async () => {
        await sensor.unplug();
        await sleep(3_000);
        await sensor.plug();
      },
    ],
    [
      'Redis silent for 5 s',
      async () => {
        deployment.redis.pause();
        await sleep(5_000);
        deployment.redis.resume();
      },
    ],
    ['interface down and up', () => sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 up'])],
    [
      'Nexudus answers 503 four times',
      () => deployment.fault({ count: 4, action: { kind: 'answer', status: 503, body: 'maintenance' } }),
    ],
    [
      'Nexudus drops five connections after the work',
      () => deployment.fault({ method: 'POST', count: 5, action: { kind: 'reset', commit: true } }),
    ],
    ['Redis restarted', () => deployment.redis.restart()],
  ];
}

/** Once, in the warm-up: each time leaves a socket and its buffer behind that libpcap does not give back, see live-capture.ts. */
async function replaceInterface(sensor: Sensor): Promise<void> {
  process.stdout.write(`${clock()}  interface deleted and made again\n`);
  await sensor.deleteInterface('eth0');
  await sensor.addInterface('eth0');
  faults++;
}

async function breakThings(sensor: Sensor, deployment: Deployment): Promise<void> {
  const all = faultsOf(sensor, deployment);
  await replaceInterface(sensor);
  for (let next = 0; !isOver(); next++) {
    await sleep(Math.min(20_000, sampleEveryMs));
    const [name, act] = all[next % all.length] ?? ['', async () => {}];
    process.stdout.write(`${clock()}  ${name}\n`);
    await act();
    faults++;
  }
}

async function sample(monitor: RunningProcess, deployment: Deployment): Promise<Sample | null> {
  if (!monitor.isRunning) throw new Error(`the monitor ended:\n${monitor.lines.slice(-20).join('\n')}`);
  const script = `fetch('http://127.0.0.1:9467/metrics').then((answer) => answer.text()).then((text) => console.log(text))`;
  try {
    const metrics = await deployment.sensor.run('node', ['-e', script]);
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
    const memory = await deployment.redis.cli('INFO', 'memory');
    return {
      rssMb: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${monitor.pid}/status`, 'utf8'))?.[1]) / 1_024,
      descriptors: readdirSync(`/proc/${monitor.pid}/fd`).length,
      // The value for Prometheus includes the 20 ms between two measurements.
      delayMs: Math.max(0, value('nodejs_eventloop_lag_max_seconds') * 1_000 - 20),
      redisMb: Number(/used_memory:(\d+)/.exec(memory)?.[1]) / 1e6,
    };
  } catch (error) {
    process.stdout.write(`${clock()}  no sample: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
    return null;
  }
}

const startedMs = performance.now();

function clock(): string {
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  return `${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, '0')}`;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}

/** Compares the first third after the warm-up with the last third. Returns whether nothing has grown. */
function judge(samples: readonly Sample[]): boolean {
  const steady = samples.slice(Math.ceil(samples.length * WARM_UP));
  const third = Math.max(1, Math.floor(steady.length / 3));
  let isFlat = true;
  const about = (what: string, unit: string, of: (sample: Sample) => number, slack: number) => {
    const [early, late] = [steady.slice(0, third), steady.slice(-third)].map((part) => mean(part.map(of)));
    const grew = (late ?? 0) > (early ?? 0) * TOLERANCE + slack;
    isFlat &&= !grew;
    process.stdout.write(
      `${what.padEnd(18)} ${(early ?? 0).toFixed(1)} -> ${(late ?? 0).toFixed(1)} ${unit}: ${grew ? 'GROWING' : 'flat'}\n`,
    );
  };
  about('memory', 'MB', ({ rssMb }) => rssMb, 5);
  about('file descriptors', '', ({ descriptors }) => descriptors, 2);
  about('event-loop delay', 'ms', ({ delayMs }) => delayMs, 20);
  about('Redis memory', 'MB', ({ redisMb }) => redisMb, 0.5);
  return isFlat;
}

const lan = await Lan.create();
try {
  const sensor = await lan.sensor();
  const deployment = await Deployment.start(lan, sensor, {}, ['--appendonly', 'yes']);
  const monitor = await deployment.monitor({
    VISIT_GAP: `${VISIT_GAP_S}s`,
    RETENTION: '2m',
    NEXUDUS_POSTS_PER_DAY: '1000000',
    DIRECTORY_REFRESH: '10s',
    STATUS_PORT: '9467',
    LOG_LEVEL: 'info',
  });
  const clients = await Promise.all(Array.from({ length: STATIONS }, () => lan.client()));
  const samples: Sample[] = [];
  const sampling = (async () => {
    while (!isOver()) {
      await sleep(sampleEveryMs);
      const taken = await sample(monitor, deployment);
      if (taken === null) continue;
      samples.push(taken);
      const { rssMb, descriptors, delayMs, redisMb } = taken;
      process.stdout.write(
        `${clock()}  memory ${rssMb.toFixed(1)} MB  descriptors ${descriptors}  event-loop delay ${delayMs.toFixed(0)} ms  ` +
          `Redis ${redisMb.toFixed(2)} MB  arrivals ${visitsBegun}\n`,
      );
    }
  })();
  await Promise.all([...clients.map(comeAndGo), breakThings(sensor, deployment), sampling]);
  const received = await deployment.checkins();
  const twice = received.length - new Set(received.map((one) => one.MacAddresses + one.CheckinAttemptTime)).size;
  process.stdout.write(
    `\n${minutes} min, ${visitsBegun} arrivals, ${faults} faults, ${received.length} failed check-ins, ${twice} of them twice\n`,
  );
  const isFlat = judge(samples);
  const { code } = await monitor.stop();
  process.stdout.write(`the monitor ended with exit code ${code}\n`);
  await deployment.stop();
  process.exitCode = isFlat && twice === 0 && code === 0 ? 0 : 1;
} finally {
  await lan.close();
}
