// A whole sensor in the test's process, with its status server: only its frames are handed to it.
import { pino } from 'pino';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { parseMac } from '../../src/addresses/mac-address.js';
import type { InterfaceState } from '../../src/capture/interface-watch.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { parseIgnoreRules } from '../../src/devices/ignore-rules.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { OutboxEntry, Outcome } from '../../src/outbox/outbox.js';
import { OutboxWatch } from '../../src/outbox/outbox-watch.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import { type Monitor, type PipelineSettings, runPipeline } from '../../src/pipeline/pipeline.js';
import { connectRedis } from '../../src/sensor/redis-connection.js';
import { Arrivals } from '../../src/status/facts/arrivals.js';
import { Metrics } from '../../src/status/facts/metrics.js';
import { NexudusWatch } from '../../src/status/facts/nexudus-watch.js';
import { ReportStates } from '../../src/status/facts/report-state.js';
import type { Sensor } from '../../src/status/facts/sensor-facts.js';
import { serveStatus } from '../../src/status/http/serve-status.js';
import type { StatusServer } from '../../src/status/http/server.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { MemoryVisitRegister } from '../../src/visits/register/memory-visit-register.js';
import { RedisVisitRegister } from '../../src/visits/register/redis-visit-register.js';
import { ARP, arp, ascii, dhcp, ethernet, IPV4, ipv4, option, REQUEST, udp } from '../decode/frames.js';
import { HandFedSource } from '../hand-fed-source.js';
import type { RedisServer } from '../redis-server.js';

const BUSINESS_ID = 77;
const GAP_MS = 900_000;
const RETENTION_MS = 86_400_000;

/** A device as it shows itself on the wire. */
export interface Shown {
  readonly mac: string;
  readonly ip?: string;
  readonly hostname?: string;
  readonly vlan?: number;
}

export interface TrialOptions {
  readonly token?: string;
  /** Default: visits and outbox in memory. */
  readonly redis?: RedisServer;
  /** Names by MAC: the local list. */
  readonly known?: Readonly<Record<string, string>>;
  readonly ignoreHostnames?: readonly string[];
  readonly timeZone?: string;
  readonly host?: string;
  readonly version?: string;
}

export class TrialSensor {
  readonly directory: Directory;
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
    keepAlives: 0,
    droppedKeepAlives: 0,
    brokenOffKeepAlives: 0,
    keepAliveFailure: null,
    reopened: 0,
  };
  private readonly source = new HandFedSource();
  private readonly closing: (() => unknown)[] = [];
  private server: StatusServer | undefined;
  private serve: (port: number) => Promise<StatusServer> = () => Promise.reject(new Error('not started'));
  private running: Monitor | undefined;

  private constructor(
    readonly sandbox: Sandbox,
    private readonly options: TrialOptions,
  ) {
    const known = Object.entries(options.known ?? {}).map(([mac, name]) => [parseMac(mac) ?? 0, name] as const);
    this.directory = new Directory(new Map(known));
    this.directory.loaded = true;
  }

  static async start(options: TrialOptions = {}): Promise<TrialSensor> {
    const trial = new TrialSensor(await startSandbox(), options);
    trial.closing.push(() => trial.sandbox.close());
    await trial.run();
    return trial;
  }

  get url(): string {
    return this.server?.url ?? '';
  }

  get monitor(): Monitor {
    if (this.running === undefined) throw new Error('not started');
    return this.running;
  }

  /** A device joins or is still here: an ARP announcement, after a DHCP request where it has a name. */
  show({ mac, ip = '10.0.0.9', hostname, vlan }: Shown, atMs = Date.now()): void {
    const link = { source: mac, tags: vlan === undefined ? [] : [[0x8100, vlan] as [number, number]] };
    this.interface.frames++;
    this.interface.lastFrameMs = performance.now();
    if (hostname !== undefined) {
      const request = dhcp({ type: REQUEST, chaddr: mac, options: [option(12, ascii(hostname))] });
      this.source.give(ethernet(IPV4, ipv4(udp(request)), link), atMs);
    }
    this.source.give(ethernet(ARP, arp({ sha: mac, spa: ip }), link), atMs);
  }

  /** Everybody's visit is over at once. */
  allLeave(): void {
    this.monitor.tracker.advance(Number.MAX_VALUE);
  }

  /** Ends every connection and listens again on the same port. */
  async restartStatus(): Promise<void> {
    const { port } = new URL(this.url);
    await this.server?.close();
    this.server = await this.serve(Number(port));
  }

  async close(): Promise<void> {
    for (const close of this.closing.reverse()) await close();
  }

  private async run(): Promise<void> {
    const { redis, token = null, timeZone = null, host = '127.0.0.1', ignoreHostnames = [] } = this.options;
    const settings: PipelineSettings = {
      businessId: BUSINESS_ID,
      gapMs: GAP_MS,
      settleMs: 20,
      reportAgainAfterMs: 0,
      ignore: parseIgnoreRules({ macs: [], vendors: [], hostnames: ignoreHostnames }).rules,
      reportInactive: false,
      timeZone,
    };
    const equipment = new Equipment();
    const reports = new ReportStates({ businessId: BUSINESS_ID, retentionMs: RETENTION_MS, isDryRun: false });
    const arrivals = new Arrivals(timeZone);
    const nexudus = new NexudusWatch();
    const client = createNexudusClient({
      url: this.sandbox.url,
      auth: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
      observer: { onCall: (method, failure) => nexudus.onCall(method, failure), onAnswer: () => {} },
    });
    const deliver = nexudusDelivery(client, { ...settings, directory: this.directory, equipment });
    const onOutcome = (entry: OutboxEntry, outcome: Outcome) => reports.onOutcome(entry, outcome);
    const store = redis === undefined ? this.inMemory() : this.inRedis(redis);
    const guard = new FloodGuard(60_000);
    const monitor = runPipeline(settings, {
      source: this.source,
      time: { kind: 'live', steadyMs: () => performance.now(), guard },
      directory: this.directory,
      equipment,
      register: store.register,
      outbox: store.outbox,
      listener: {
        onDecision(report) {
          arrivals.onDecision(report);
          reports.onDecision(report);
        },
        onEnded: (report) => reports.onEnded(report),
      },
    });
    this.running = monitor;
    const deliverer = store.deliver(deliver, onOutcome);
    const outboxWatch = new OutboxWatch(store.outbox, () => {});
    const sensor: Sensor = {
      version: this.options.version ?? '0.1.0',
      businessId: BUSINESS_ID,
      timeZone,
      isDryRun: false,
      monitor,
      watch: { states: () => [this.interface] },
      guard,
      outbox: store.outbox,
      outboxWatch,
      arrivals,
      reports,
      directory: this.directory,
      directoryRefreshMs: 300_000,
      sync: null,
      nexudus,
      isRedisReady: store.isReady,
    };
    this.serve = (port) => serveStatus(sensor, new Metrics(), { host, port, token });
    this.server = await this.serve(0);
    this.closing.push(
      () => client.close(),
      () => deliverer.close(),
      () => outboxWatch.close(),
      async () => {
        monitor.stop();
        await monitor.finished;
      },
      () => this.server?.close(),
    );
  }

  private inMemory() {
    const outbox = new MemoryOutbox({ spacingMs: 1 });
    return {
      register: new MemoryVisitRegister(GAP_MS, RETENTION_MS),
      outbox,
      isReady: null,
      deliver: outbox.start.bind(outbox),
    };
  }

  private inRedis({ url }: RedisServer) {
    const silent = pino({ level: 'silent' });
    const sensing = connectRedis(url, 'sensing', silent);
    const delivering = connectRedis(url, 'delivering', silent);
    const outbox = new RedisOutbox(delivering, { retentionMs: RETENTION_MS });
    this.closing.push(
      () => sensing.disconnect(),
      () => delivering.disconnect(),
      () => outbox.close(),
    );
    return {
      register: new RedisVisitRegister(sensing, { businessId: BUSINESS_ID, gapMs: GAP_MS, retentionMs: RETENTION_MS }),
      outbox,
      isReady: () => sensing.status === 'ready',
      deliver: (
        deliver: Parameters<typeof startRedisDelivery>[2],
        onOutcome: (entry: OutboxEntry, outcome: Outcome) => void,
      ) => startRedisDelivery(delivering, outbox, deliver, { spacingMs: 1, onOutcome, onError: () => {} }),
    };
  }
}
