// A sensor as it is deployed: real Redis, the sandbox in Nexudus's place, and the built monitor as a process, all inside a sensor's namespace.
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../redis-server.js';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import type { Lan, Sensor } from './lan.js';

export const top = import.meta.dirname.replace(/(\/dist)?\/test\/lan$/, '');
export const cli = join(top, 'dist/src/cli.js');
const sandboxMain = join(top, 'dist/scripts/nexudus-sandbox/main.js');
const forwarder = join(top, 'test/lan/forwarder.mjs');
const SANDBOX_PORT = 8480;
/** Where tests look for a monitor's status server. A monitor has none unless its STATUS_PORT says so. */
export const STATUS_PORT = '9467';

export const BUSINESS_ID = 77;
const JSON_TYPE = { 'content-type': 'application/json' };

/** A record of the sandbox, as far as tests look at it. */
export interface ReceivedCheckin {
  readonly BusinessId: number;
  readonly CheckinAttemptTime: string;
  readonly MacAddresses: string;
  readonly Description: string;
  readonly Source: number;
}

/** As far as tests look at it. */
export interface PresentDevice {
  readonly mac: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly via: readonly string[];
  readonly keepAlives: number;
}

/** What a server in the sensor's namespace answered. */
export interface Answer {
  readonly code: number;
  readonly text: string;
}

interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export class Deployment {
  private readonly processes: RunningProcess[] = [];

  private constructor(
    readonly sensor: Sensor,
    readonly redis: RedisServer,
    private readonly socketDirectory: string,
  ) {}

  /** `seed` is what the sandbox knows: users, coworkers, registered devices. */
  static async start(
    lan: Lan,
    sensor: Sensor,
    seed: object = {},
    redisArgs: readonly string[] = [],
  ): Promise<Deployment> {
    const seedFile = join(lan.directory, 'seed.json');
    await writeFile(seedFile, JSON.stringify(seed));
    const redis = await startRedis({ netns: sensor.netns, args: redisArgs });
    const sandbox = sensor.start('node', [sandboxMain, '--port', `${SANDBOX_PORT}`, '--seed', seedFile, '--control']);
    const forwarding = sensor.start('node', [forwarder, lan.directory, `${SANDBOX_PORT}`, STATUS_PORT]);
    await sandbox.waitForLine(/listening on/);
    await forwarding.waitForLine(/forwarding/);
    const deployment = new Deployment(sensor, redis, lan.directory);
    deployment.processes.push(sandbox, forwarding);
    return deployment;
  }

  /** Settings that every monitor here starts with. */
  environment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      NEXUDUS_URL: `http://127.0.0.1:${SANDBOX_PORT}`,
      NEXUDUS_USERNAME: 'admin@example.com',
      NEXUDUS_PASSWORD: 'secret',
      NEXUDUS_BUSINESS_ID: `${BUSINESS_ID}`,
      NEXUDUS_POSTS_PER_MINUTE: '6000',
      CAPTURE_INTERFACE: 'eth0',
      REDIS_URL: this.redis.url,
      SETTLE_TIME: '1s',
      STATUS_PORT: '0',
      LOG_LEVEL: 'debug',
      LOG_MACS: 'full',
      ...changes,
    };
  }

  /** Starts a monitor. */
  start(changes: NodeJS.ProcessEnv = {}): RunningProcess {
    const monitor = this.sensor.start('node', [cli, 'monitor'], { env: this.environment(changes) });
    this.processes.push(monitor);
    return monitor;
  }

  /** Starts a monitor; resolves once it listens and has read the directory. */
  async monitor(changes: NodeJS.ProcessEnv = {}): Promise<RunningProcess> {
    const monitor = this.start(changes);
    await monitor.waitForLine(/listening on/);
    await monitor.waitForLine(/directory read from Nexudus/);
    return monitor;
  }

  /** Asks the status server that listens on STATUS_PORT. Rejects when there is none. */
  status(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask(STATUS_PORT, path, { headers });
  }

  /** Devices in a visit, as the status server on STATUS_PORT shows them. */
  async devices(): Promise<readonly PresentDevice[]> {
    const { text } = await this.status('/api/devices');
    return (JSON.parse(text) as { devices: PresentDevice[] }).devices;
  }

  /** How long the open visit of a device is, from its first to its latest frame, ms; 0 when there is none. */
  async visitMs(mac: string): Promise<number> {
    const device = (await this.devices()).find((present) => present.mac === mac);
    return device === undefined ? 0 : Date.parse(device.lastSeen) - Date.parse(device.firstSeen);
  }

  async checkins(): Promise<ReceivedCheckin[]> {
    const { text } = await this.ask(SANDBOX_PORT, '/sandbox/failedcheckins');
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? (parsed as ReceivedCheckin[]) : [];
  }

  /** Runs another command of ours with the monitor's settings; resolves with what it prints. */
  command(...args: readonly string[]): Promise<string> {
    return this.sensor.run('node', [cli, ...args], { env: this.environment() });
  }

  /** Arms a fault of the sandbox. */
  async fault(fault: object): Promise<void> {
    await this.ask(SANDBOX_PORT, '/sandbox/faults', { method: 'POST', body: fault });
  }

  async clearFaults(): Promise<void> {
    await this.ask(SANDBOX_PORT, '/sandbox/faults', { method: 'DELETE' });
  }

  /** Whether nothing waits, is put back or under way in the outbox. */
  async outboxIsEmpty(): Promise<boolean> {
    const redis = new Redis(this.redis.socketPath);
    const key = (name: string) => `{nwm:outbox}:failed-checkins:${name}`;
    const counts = await Promise.all([redis.llen(key('wait')), redis.llen(key('active')), redis.zcard(key('delayed'))]);
    await redis.quit();
    return counts.every((count) => count === 0);
  }

  /** Servers on the sensor's loopback are reached through the forwarder. */
  private ask(
    port: number | string,
    path: string,
    { method = 'GET', headers = {}, body }: Question = {},
  ): Promise<Answer> {
    const socketPath = join(this.socketDirectory, `${port}`);
    const sent = body === undefined ? headers : { ...headers, ...JSON_TYPE };
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath, path, method, headers: sent, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      });
      asking.on('error', reject);
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Resolves once the sandbox holds a check-in for each of these MACs. */
  async received(...macs: readonly string[]): Promise<ReceivedCheckin[]> {
    await until(`failed check-ins of ${macs.join(', ')}`, async () => {
      const present = new Set((await this.checkins()).map(({ MacAddresses }) => MacAddresses));
      return macs.every((mac) => present.has(mac.toUpperCase()));
    });
    return this.checkins();
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()));
    await this.redis.stop();
  }
}
