// A sensor as it is deployed: real Redis, the sandbox in Nexudus's place, and the built monitor as a process, all inside a sensor's namespace.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../redis-server.js';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import type { Lan, Sensor } from './lan.js';

const top = import.meta.dirname.replace(/(\/dist)?\/test\/lan$/, '');
export const cli = join(top, 'dist/src/cli.js');
const sandboxMain = join(top, 'dist/scripts/nexudus-sandbox/main.js');

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

export class Deployment {
  private readonly processes: RunningProcess[] = [];

  private constructor(
    readonly sensor: Sensor,
    readonly redis: RedisServer,
    private readonly sandboxUrl: string,
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
    const sandbox = sensor.start('node', [sandboxMain, '--port', '8480', '--seed', seedFile, '--control']);
    await sandbox.waitForLine(/listening on/);
    const deployment = new Deployment(sensor, redis, 'http://127.0.0.1:8480');
    deployment.processes.push(sandbox);
    return deployment;
  }

  /** Settings that every monitor here starts with. */
  environment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      NEXUDUS_URL: this.sandboxUrl,
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

  async checkins(): Promise<ReceivedCheckin[]> {
    const parsed: unknown = JSON.parse(await this.ask('GET', '/sandbox/failedcheckins'));
    return Array.isArray(parsed) ? (parsed as ReceivedCheckin[]) : [];
  }

  /** Runs another command of ours with the monitor's settings; resolves with what it prints. */
  command(...args: readonly string[]): Promise<string> {
    return this.sensor.run('node', [cli, ...args], { env: this.environment() });
  }

  /** Arms a fault of the sandbox. */
  async fault(fault: object): Promise<void> {
    await this.ask('POST', '/sandbox/faults', fault);
  }

  async clearFaults(): Promise<void> {
    await this.ask('DELETE', '/sandbox/faults');
  }

  /** Whether nothing waits, is put back or under way in the outbox. */
  async outboxIsEmpty(): Promise<boolean> {
    const redis = new Redis(this.redis.socketPath);
    const key = (name: string) => `{nwm:outbox}:failed-checkins:${name}`;
    const counts = await Promise.all([redis.llen(key('wait')), redis.llen(key('active')), redis.zcard(key('delayed'))]);
    await redis.quit();
    return counts.every((count) => count === 0);
  }

  /** The sandbox is only reached from inside the sensor. */
  private ask(method: string, path: string, body?: object): Promise<string> {
    const init = JSON.stringify({
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_TYPE }),
    });
    const script = `fetch('${this.sandboxUrl}${path}', ${init}).then((answer) => answer.text()).then((text) => console.log(text))`;
    return this.sensor.run('node', ['-e', script]);
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
