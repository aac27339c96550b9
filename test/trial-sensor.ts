// The sensor that ships, in the test's process: its settings are read as always, only its frames are handed to it.
import { type Logger, pino } from 'pino';
import { type Sandbox, startSandbox } from '../scripts/nexudus-sandbox/sandbox.js';
import { parseMac } from '../src/addresses/mac-address.js';
import type { InterfaceState } from '../src/capture/interface-watch.js';
import { readConfig } from '../src/config/read.js';
import type { PipelineListener } from '../src/pipeline/listeners.js';
import type { Pipeline } from '../src/pipeline/pipeline.js';
import type { HealthPatience } from '../src/sensor/notifier.js';
import { type Sensor, startSensor } from '../src/sensor/sensor.js';
import {
  ARP,
  arp,
  ascii,
  dhcp,
  ethernet,
  IPV4,
  ipv4,
  ndpFrame,
  neighborAdvertisement,
  option,
  REQUEST,
  targetLinkLayer,
  udp,
} from './decode/frames.js';
import { HandFedSource } from './hand-fed-source.js';
import { freePort, type RedisServer } from './redis-server.js';
import { until } from './until.js';

/** RFC 4861 section 4.4. */
const OVERRIDE = 0x20;

/** A device as it shows itself on the wire. */
export interface Shown {
  readonly mac: string;
  readonly ip?: string;
  readonly hostname?: string;
  readonly vlan?: number;
}

export interface TrialOptions {
  /** Default: a sandbox of its own, which ends with it. */
  readonly sandbox?: Sandbox;
  readonly token?: string;
  /** Default: visits and outbox in memory. */
  readonly redis?: RedisServer;
  /** Names by MAC: the local list. */
  readonly known?: Readonly<Record<string, string>>;
  readonly ignoreHostnames?: readonly string[];
  readonly timeZone?: string;
  readonly host?: string;
  readonly version?: string;
  readonly listener?: PipelineListener;
  /** How long a clock that nobody has confirmed is not trusted. */
  readonly trustClockAfterMs?: number;
  /** How long health must have changed before the webhook is told. */
  readonly healthPatience?: HealthPatience;
  /** Default: nothing is logged. */
  readonly log?: Logger;
  /** In place of ten seconds between two messages to the hub. */
  readonly heartbeatMs?: number;
  /** In place of RETENTION and OUTBOX_RETENTION, which are at least a minute. */
  readonly retentionMs?: number;
  readonly outboxRetentionMs?: number;
  /** More settings. */
  readonly environment?: NodeJS.ProcessEnv;
}

export class TrialSensor {
  /** What the status page hears of the interface; change it as you like. */
  readonly interface: InterfaceState = {
    name: 'eth0',
    state: 'capturing',
    reason: null,
    sinceMs: performance.now(),
    isSilent: false,
    lastFrameMs: null,
    frames: 0,
    droppedByKernel: 0,
    droppedByInterface: 0,
    brokenOff: 0,
    reopened: 0,
    keepAlives: 0,
    droppedKeepAlives: 0,
    brokenOffKeepAlives: 0,
    probes: 0,
    probeObstacle: null,
    keepAliveFailure: null,
  };
  readonly source = new HandFedSource();

  private constructor(
    readonly sandbox: Sandbox,
    private readonly ownsSandbox: boolean,
    private readonly sensor: () => Sensor,
  ) {}

  static async start(options: TrialOptions = {}): Promise<TrialSensor> {
    let sensor: Sensor | undefined;
    const sandbox = options.sandbox ?? (await startSandbox());
    const trial = new TrialSensor(sandbox, options.sandbox === undefined, () => {
      if (sensor === undefined) throw new Error('not started');
      return sensor;
    });
    const known = Object.entries(options.known ?? {}).map(([mac, name]) => [parseMac(mac) ?? 0, name] as const);
    const config = readConfig(
      {
        NEXUDUS_URL: sandbox.url,
        NEXUDUS_USERNAME: 'admin@example.com',
        NEXUDUS_PASSWORD: 'secret',
        NEXUDUS_BUSINESS_ID: '77',
        NEXUDUS_POSTS_PER_MINUTE: '60000',
        NEXUDUS_POSTS_PER_DAY: '1000000',
        SETTLE_TIME: '20ms',
        STATUS_PORT: String(await freePort()),
        STATUS_TOKEN: options.token,
        SPACE_TIMEZONE: options.timeZone,
        REDIS_URL: options.redis?.url,
        IGNORE_HOSTNAMES: options.ignoreHostnames?.join(','),
        ...options.environment,
      },
      { nexudus: true },
    );
    const { source } = trial;
    sensor = await startSensor(
      {
        ...config,
        statusHost: options.host ?? config.statusHost,
        knownDevices: new Map(known),
        retentionMs: options.retentionMs ?? config.retentionMs,
        outboxRetentionMs: options.outboxRetentionMs ?? config.outboxRetentionMs,
      },
      {
        version: options.version ?? '0.1.0',
        log: options.log ?? pino({ level: 'silent' }),
        interfaces: ['eth0'],
        source: {
          run: (onFrame, onKeepAlive) => source.run(onFrame, onKeepAlive),
          stop: () => source.stop(),
          probe: () => false,
          states: () => [trial.interface],
        },
        pace: async () => {},
        ...(options.trustClockAfterMs === undefined ? {} : { trustClockAfterMs: options.trustClockAfterMs }),
        ...(options.healthPatience === undefined ? {} : { healthPatience: options.healthPatience }),
        ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
        ...(options.listener === undefined ? {} : { listeners: [options.listener] }),
      },
    );
    await until('the directory is read', () => sensor?.directory.loaded === true);
    return trial;
  }

  get url(): string {
    return this.sensor().status?.url ?? '';
  }

  get pipeline(): Pipeline {
    return this.sensor().pipeline;
  }

  /** A device joins or is still here: it announces its address by ARP or, if that is IPv6, by ND; after a DHCP request where it has a name. */
  show({ mac, ip = '10.0.0.9', hostname, vlan }: Shown, atMs = Date.now()): void {
    const link = { source: mac, tags: vlan === undefined ? [] : [[0x8100, vlan] as [number, number]] };
    this.interface.frames++;
    this.interface.lastFrameMs = performance.now();
    if (hostname !== undefined) {
      const request = dhcp({ type: REQUEST, chaddr: mac, options: [option(12, ascii(hostname))] });
      this.source.give(ethernet(IPV4, ipv4(udp(request)), link), atMs);
    }
    this.source.give(
      ip.includes(':')
        ? ndpFrame(neighborAdvertisement(ip, OVERRIDE, targetLinkLayer(mac)), link)
        : ethernet(ARP, arp({ sha: mac, spa: ip }), link),
      atMs,
    );
  }

  /** Everybody's visit is over at once. */
  allLeave(): void {
    this.pipeline.tracker.flush();
  }

  /** Ends every connection and listens again on the same port. */
  async restartStatus(): Promise<void> {
    await this.sensor().status?.close();
    await this.sensor().serveStatus();
  }

  async close(): Promise<void> {
    await this.sensor().close();
    if (this.ownsSandbox) await this.sandbox.close();
  }
}
