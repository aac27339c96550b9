// A chain of three locations, all of real parts: three LANs with DHCP clients and a monitor each, a balancer, two hubs, a Redis that fails
// over, the sandbox API. Whatever is killed, each unregistered device is recorded once, and a registered one never.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { SensorTokens } from '../../src/hub/sensor-tokens.js';
import { withRedis } from '../../src/sensor/redis-connection.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { ClusterTrial, SentinelTrial } from '../redis-topologies.js';
import { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { cli, top } from './deployment.js';
import { Lan, type Sensor } from './lan.js';

const KNOWN = '3c:22:fb:00:00:ff';
const HUB_PORT = '9470';

let closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

/** Passes connections on to whichever hub takes them, in turn. It knows nothing of HTTP. */
class Balancer {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private next = 0;

  constructor(
    readonly path: string,
    private readonly ports: readonly number[],
  ) {}

  async start(): Promise<void> {
    await rm(this.path, { force: true });
    const server = createServer((asking) => this.passOn(asking, this.ports.length));
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
  }

  /** Ends every connection, as a machine that dies. */
  async kill(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  private passOn(asking: Socket, tries: number): void {
    const answering = connect(this.ports[this.next++ % this.ports.length] ?? 0, '127.0.0.1');
    this.sockets.add(asking).add(answering);
    const end = () => {
      asking.destroy();
      answering.destroy();
      this.sockets.delete(asking);
      this.sockets.delete(answering);
    };
    asking.on('error', end).on('close', end);
    answering.once('connect', () => {
      answering.on('error', end).on('close', end);
      asking.pipe(answering).pipe(asking);
    });
    answering.once('error', () => {
      if (answering.connecting || answering.bytesRead > 0) return;
      if (tries > 1 && !asking.destroyed) this.passOn(asking, tries - 1);
      else end();
    });
  }
}

/** One location: a LAN, a monitor in it with a small Redis of its own, and a way to the hubs. */
class Location {
  private monitor: RunningProcess | undefined;
  private dialer: RunningProcess | undefined;

  private constructor(
    readonly businessId: number,
    private readonly lan: Lan,
    private readonly sensor: Sensor,
    private readonly redis: RedisServer,
    private readonly token: string,
    private readonly balancer: string,
  ) {}

  static async open(businessId: number, token: string, balancer: string): Promise<Location> {
    const lan = await Lan.create();
    closing.push(() => lan.close());
    const sensor = await lan.sensor();
    const redis = await startRedis({ netns: sensor.netns, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    closing.push(() => redis.stop());
    const location = new Location(businessId, lan, sensor, redis, token, balancer);
    await location.connect();
    await location.startMonitor();
    return location;
  }

  async startMonitor(): Promise<void> {
    const monitor = this.sensor.start('node', [cli, 'monitor'], {
      env: {
        HUB_URL: `http://127.0.0.1:${HUB_PORT}`,
        HUB_TOKEN: this.token,
        REDIS_URL: this.redis.url,
        CAPTURE_INTERFACE: 'eth0',
        SETTLE_TIME: '500ms',
        STATUS_PORT: '0',
        LOG_MACS: 'full',
      },
    });
    this.monitor = monitor;
    closing.push(() => monitor.stop());
    await monitor.waitForLine(/listening on/);
  }

  async killMonitor(): Promise<void> {
    this.monitor?.kill('SIGKILL');
    await this.monitor?.exit();
  }

  /** Opens the way to the hubs. */
  async connect(): Promise<void> {
    const dialer = this.sensor.start('node', [join(top, 'test/lan/dialer.mjs'), HUB_PORT, this.balancer]);
    this.dialer = dialer;
    closing.push(() => dialer.stop());
    await dialer.waitForLine(/dialing/);
  }

  async cutOff(): Promise<void> {
    this.dialer?.kill('SIGKILL');
    await this.dialer?.exit();
  }

  /** A device joins by DHCP. */
  async join(mac: string): Promise<void> {
    const before = this.monitor?.lines.length ?? 0;
    const client = await this.lan.client({ mac });
    await client.lease();
    await this.monitor?.waitForLine(new RegExp(`"mac":"${mac}"`), { after: before });
  }
}

interface Redundant {
  readonly url: string;
  /** Kills a primary; resolves when another has taken its place. Returns the one that was killed. */
  failOver(): Promise<RedisServer>;
  stop(): Promise<void>;
}

class Chain {
  readonly hubs: RunningProcess[] = [];

  constructor(
    readonly sandbox: Sandbox,
    readonly redis: Redundant,
    readonly balancer: Balancer,
    private readonly ports: readonly number[],
  ) {}

  async startHub(index: number): Promise<void> {
    const hub = new RunningProcess('node', [cli, 'hub'], {
      env: {
        NEXUDUS_URL: this.sandbox.url,
        NEXUDUS_USERNAME: 'admin@example.com',
        NEXUDUS_PASSWORD: 'secret',
        NEXUDUS_POSTS_PER_MINUTE: '6000',
        REDIS_URL: this.redis.url,
        HUB_PORT: String(this.ports[index]),
        STATUS_PORT: '0',
      },
    });
    this.hubs[index] = hub;
    closing.push(() => hub.stop());
    await hub.waitForLine(/directory (read from Nexudus|loaded from the snapshot)/);
  }

  token(name: string, businessId: number): Promise<string> {
    return withRedis(this.redis.url, async (redis) => (await new SensorTokens(redis).add(name, businessId)) ?? '');
  }

  recorded(): string[] {
    return this.sandbox.failedCheckins.map(
      ({ BusinessId, MacAddresses }) => `${BusinessId} ${MacAddresses?.toLowerCase()}`,
    );
  }

  async has(location: Location, mac: string): Promise<void> {
    await until(`${mac} of location ${location.businessId} is recorded`, () =>
      this.recorded().includes(`${location.businessId} ${mac}`),
    );
  }
}

async function startChain(redis: Redundant): Promise<Chain> {
  closing.push(() => redis.stop());
  const sandbox = await startSandbox();
  closing.push(() => sandbox.close());
  sandbox.users.add({ Id: 5, FullName: 'Anna Keller', Active: true, Devices: KNOWN });
  const directory = await mkdtemp(join(tmpdir(), 'nwm-chain-'));
  closing.push(() => rm(directory, { recursive: true, force: true }));
  const ports = [await freePort(), await freePort()];
  const balancer = new Balancer(join(directory, 'balancer'), ports);
  await balancer.start();
  closing.push(() => balancer.kill());
  const chain = new Chain(sandbox, redis, balancer, ports);
  await chain.startHub(0);
  await chain.startHub(1);
  return chain;
}

test.each([
  ['sentinels', () => SentinelTrial.start()],
  ['a cluster', () => ClusterTrial.start()],
])(
  'three locations, two hubs, Redis with %s: everything is killed in turn, and each device is recorded once',
  { timeout: 900_000 },
  async (kind, start) => {
    const chain = await startChain(await start());
    const locations: Location[] = [];
    for (const businessId of [77, 78, 79])
      locations.push(
        await Location.open(businessId, await chain.token(`sensor-${businessId}`, businessId), chain.balancer.path),
      );
    const [first, second, third] = locations;
    if (first === undefined || second === undefined || third === undefined) throw new Error('no location');
    const wanted: string[] = [];
    const times: Record<string, string> = {};
    let devices = 0;
    /** A new device joins a location while something is wrong; tells how long after `mend` it was recorded. */
    const joinsWhile = async (what: string, location: Location, mend: () => Promise<unknown>) => {
      devices++;
      const mac = `3c:22:fb:00:01:${devices.toString(16).padStart(2, '0')}`;
      wanted.push(`${location.businessId} ${mac}`);
      await location.join(mac);
      const began = performance.now();
      await mend();
      await chain.has(location, mac);
      times[what] = `${((performance.now() - began) / 1_000).toFixed(1)} s`;
    };
    for (const location of locations) {
      await location.join(KNOWN);
      await joinsWhile(`all is well at ${location.businessId}`, location, async () => {});
    }

    await third.cutOff();
    const offline = '3c:22:fb:00:02:01';
    wanted.push(`${third.businessId} ${offline}`);
    await third.join(offline);

    chain.hubs[0]?.kill('SIGKILL');
    await joinsWhile('a hub was killed', first, async () => {});
    await chain.startHub(0);

    // Sentinel gives up what the replicas do not have; the hub confirms nothing before one of them does.
    const failingOver = chain.redis.failOver();
    await joinsWhile('a Redis primary was killed', second, () => failingOver);
    await (await failingOver).start();

    await second.killMonitor();
    await second.startMonitor();
    await joinsWhile('a sensor was killed', second, async () => {});

    await chain.balancer.kill();
    await joinsWhile('the balancer was away', first, () => chain.balancer.start());

    expect(chain.recorded()).not.toContain(`${third.businessId} ${offline}`);
    await third.connect();
    await chain.has(third, offline);

    await joinsWhile('all is well again', first, async () => {});
    process.stdout.write(`recorded after (${kind}): ${JSON.stringify(times)}\n`);
    expect(chain.recorded().sort()).toEqual(wanted.sort());
  },
);
