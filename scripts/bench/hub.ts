// What a hub takes: 500 locations with 100 devices each hand over by HTTP, to one hub process and to two on one Redis.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { SensorTokens } from '../../src/hub/sensor-tokens.js';
import { withRedis } from '../../src/sensor/redis-connection.js';
import { freePort, type RedisServer, startRedis } from '../../test/redis-server.js';
import { RunningProcess } from '../../test/run-process.js';
import { type Sandbox, startSandbox } from '../nexudus-sandbox/sandbox.js';
import { macOfDevice } from './inputs.js';
import { quantile } from './measured-run.js';
import { heading, megabytes, note, table } from './report.js';

const cli = new URL('../../src/cli.js', import.meta.url).pathname;
const LOCATIONS = 500;
/** Devices at each location, for each round that is asked for: 100 with the default of five. */
const DEVICES_A_ROUND = 20;
/** Messages under way at a time when as much as possible is sent. */
const CONCURRENCY = 64;
const PACED_PER_SECOND = 1_000;
const PACED_SECONDS = 10;

interface Figures {
  readonly reports: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

class Load {
  private readonly agent = new Agent({ connections: CONCURRENCY });
  private readonly latencies: number[] = [];
  private next = 0;

  constructor(
    private readonly urls: readonly string[],
    private readonly tokens: readonly string[],
    /** Visits in a message: a sensor sends one, unless it brings what waited. */
    private readonly batch: number,
    private readonly firstDevice: number,
    private readonly devices: number,
  ) {}

  /** All reports, as fast as they are taken. */
  async flatOut(): Promise<Figures> {
    const began = performance.now();
    const messages = (LOCATIONS * this.devices) / this.batch;
    const work = async () => {
      while (this.next < messages) await this.send(this.next++);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return this.figures(messages * this.batch, began);
  }

  /** Whole messages at a fixed pace, whether the earlier ones are answered or not. */
  async paced(perSecond: number, seconds: number): Promise<Figures> {
    const began = performance.now();
    const messages = (perSecond * seconds) / this.batch;
    const sending: Promise<void>[] = [];
    while (this.next < messages) {
      const due = Math.min(messages, ((performance.now() - began) / 1_000) * (perSecond / this.batch));
      while (this.next < due) sending.push(this.send(this.next++));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(sending);
    return this.figures(messages * this.batch, began);
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  private async send(message: number): Promise<void> {
    const location = message % LOCATIONS;
    const nowMs = Date.now();
    const from = this.firstDevice + Math.floor(message / LOCATIONS) * this.batch;
    const visits = Array.from({ length: this.batch }, (_, index) => {
      const mac = macOfDevice(from + index)
        .toString(16)
        .padStart(12, '0');
      return {
        id: `0-${mac}-${nowMs}`,
        mac,
        firstMs: nowMs,
        lastMs: nowMs,
        hostname: 'Annas-iPhone',
        via: ['dhcp', 'arp'],
      };
    });
    const began = performance.now();
    const { statusCode, body } = await request(`${this.urls[message % this.urls.length]}/v1/hand-over`, {
      method: 'POST',
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.tokens[location]}`, 'content-type': 'application/json' },
      body: JSON.stringify({ protocol: 1, version: 'bench', sentAtMs: nowMs, visits }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`the hub answers ${statusCode}: ${text.slice(0, 200)}`);
    this.latencies.push(performance.now() - began);
  }

  private figures(reports: number, began: number): Figures {
    const perSecond = reports / ((performance.now() - began) / 1_000);
    return { reports, perSecond, p50: quantile(this.latencies, 0.5), p99: quantile(this.latencies, 0.99) };
  }
}

async function startHub(redis: RedisServer, sandbox: Sandbox): Promise<{ process: RunningProcess; url: string }> {
  const port = await freePort();
  const hub = new RunningProcess('node', [cli, 'hub'], {
    env: {
      NEXUDUS_URL: sandbox.url,
      NEXUDUS_USERNAME: 'admin@example.com',
      NEXUDUS_PASSWORD: 'secret',
      REDIS_URL: redis.url,
      HUB_PORT: String(port),
      HUB_VISITS_PER_MINUTE: '1000000',
      STATUS_PORT: '0',
      LOG_LEVEL: 'warn',
    },
  });
  for (;;) {
    if (!hub.isRunning) throw new Error(hub.lines.join('\n'));
    const answer = await request(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    await answer?.body.dump();
    if (answer?.statusCode === 200) return { process: hub, url: `http://127.0.0.1:${port}` };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const memoryOf = async (redis: RedisServer) => Number(/used_memory:(\d+)/.exec(await redis.cli('INFO', 'memory'))?.[1]);

/** CPU time of all threads so far, ms; the kernel counts in hundredths of a second. */
function cpuMs({ pid }: RunningProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function largestMb({ pid }: RunningProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_000;
}

async function measure(hubs: number, devices: number, rows: string[][]): Promise<void> {
  const sandbox = await startSandbox();
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  const running: { process: RunningProcess; url: string }[] = [];
  for (let index = 0; index < hubs; index++) running.push(await startHub(redis, sandbox));
  const urls = running.map(({ url }) => url);
  const tokens = await withRedis(redis.url, async (connection) => {
    const registry = new SensorTokens(connection);
    const made: string[] = [];
    for (let location = 1; location <= LOCATIONS; location++)
      made.push((await registry.add(`sensor-${location}`, location)) ?? '');
    return made;
  });
  const reads = () => sandbox.requests.filter(({ method }) => method === 'GET').length;
  const before = await memoryOf(redis);
  const readsBefore = reads();
  let firstDevice = 0;
  const row = async (what: string, batch: number, work: (load: Load) => Promise<Figures>) => {
    const load = new Load(urls, tokens, batch, firstDevice, devices);
    firstDevice += 200;
    const cpuBefore = running.map(({ process }) => cpuMs(process));
    const { reports, perSecond, p50, p99 } = await work(load);
    const cpu = running.reduce((sum, { process }, index) => sum + cpuMs(process) - (cpuBefore[index] ?? 0), 0);
    await load.close();
    const peak = Math.max(...running.map(({ process }) => largestMb(process)));
    rows.push([
      String(hubs),
      what,
      String(batch),
      String(reports),
      perSecond.toFixed(0),
      p50.toFixed(1),
      p99.toFixed(1),
      ((reports * 1_000) / cpu).toFixed(0),
      megabytes(peak),
    ]);
  };
  await row(`paced, ${PACED_PER_SECOND} reports/s`, 1, (load) => load.paced(PACED_PER_SECOND, PACED_SECONDS));
  await row('as fast as taken', 1, (load) => load.flatOut());
  const perLocation = ((await memoryOf(redis)) - before) / LOCATIONS / 1_000;
  await row('as fast as taken', 20, (load) => load.flatOut());
  note(
    `${hubs} hub(s): Redis ${perLocation.toFixed(0)} kB a location after ${(PACED_PER_SECOND * PACED_SECONDS) / LOCATIONS + devices} reports each, all waiting; ` +
      `requests to read the directory meanwhile: ${reads() - readsBefore}, whatever the number of locations`,
  );
  for (const { process } of running) await process.stop();
  await redis.stop();
  await sandbox.close();
}

export async function hub(rounds: number): Promise<void> {
  const devices = rounds * DEVICES_A_ROUND;
  heading(
    `A hub: ${LOCATIONS} locations with ${devices} devices each, over HTTP; Redis, sandbox and load on the same machine`,
  );
  const rows: string[][] = [];
  for (const hubs of [1, 2]) await measure(hubs, devices, rows);
  table(
    [
      'hubs',
      'load',
      'visits a message',
      'reports',
      'reports/s',
      'p50 ms',
      'p99 ms',
      'reports per CPU second',
      'peak of a hub',
    ],
    rows,
  );
}
