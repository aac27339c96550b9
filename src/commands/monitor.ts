// `wifi-monitor monitor`: makes the real edges (interfaces, Redis, Nexudus), runs the pipeline, and stops it in order.
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InterfaceWatch } from '../capture/interface-watch.js';
import { defaultRoute, listInterfaces, ownMacs } from '../capture/network-interfaces.js';
import { type Config, ConfigError, readConfig } from '../config/read.js';
import { Directory } from '../devices/directory/directory.js';
import { DirectorySnapshot } from '../devices/directory/directory-snapshot.js';
import { DirectorySync } from '../devices/directory/directory-sync.js';
import { Equipment } from '../devices/equipment.js';
import { createNexudusClient, type NexudusClient, type NexudusObserver } from '../nexudus/client.js';
import { nexudusDelivery } from '../outbox/nexudus-delivery.js';
import { OutboxWatch } from '../outbox/outbox-watch.js';
import { type Monitor, type PipelineListener, type PipelineSettings, runPipeline } from '../pipeline/pipeline.js';
import { Closing, within } from '../sensor/closing.js';
import { createLogger, type Logger, textForLog } from '../sensor/log.js';
import { SensorLog } from '../sensor/sensor-log.js';
import { openStore, type Store } from '../sensor/store.js';
import { Arrivals } from '../status/facts/arrivals.js';
import type { Metrics } from '../status/facts/metrics.js';
import { NexudusWatch } from '../status/facts/nexudus-watch.js';
import { ReportStates } from '../status/facts/report-state.js';
import type { Sensor } from '../status/facts/sensor-facts.js';
import { FloodGuard } from '../visits/flood-guard.js';

/** With what the pipeline takes to hand over (see monitor.ts) less than the 10 s that supervisors grant. */
const DELIVERY_STOPS_WITHIN_MS = 3_000;
const CLOSES_WITHIN_MS = 4_500;
/** A wall clock that is this far from where steady time says it should be was set. */
const CLOCK_JUMP_MS = 2_000;
const LOOK_AT_CLOCK_EVERY_MS = 10_000;

/**
 * Runs until SIGTERM or SIGINT, which it answers within 10 s. Answers the exit code.
 * @throws ConfigError; CaptureError when capturing is not permitted
 */
export async function monitor(version: string): Promise<number> {
  const config = readConfig(process.env, { nexudus: true });
  const interfaces = interfacesOf(config);
  const businessId = config.businessId ?? 0;
  const log = await createLogger(config.logLevel);
  const listener = new SensorLog(log, config.logMacs);
  const closing = new Closing();
  endOnUnexpected(log, config.logMacs);
  // Until the pipeline runs there is nothing to hand over.
  let stop: () => void = () => process.exit(0);
  onSignals(log, () => stop());
  if (process.getuid?.() === 0) {
    log.warn('running as root, which is not needed: any user with CAP_NET_RAW will do (see README, "Permissions")');
  }

  const route = defaultRoute();
  const equipment = new Equipment(ownMacs());
  if (route !== null) equipment.addGateway(route.gatewayIpv4);
  const settings: PipelineSettings = {
    businessId,
    gapMs: config.visitGapMs,
    settleMs: config.settleTimeMs,
    reportAgainAfterMs: config.reportAgainAfterMs,
    ignore: config.ignore,
    reportInactive: config.reportInactive,
    timeZone: config.timeZone,
  };
  const source = new InterfaceWatch(interfaces, {
    promiscuous: config.promiscuous,
    ipv6: config.ipv6,
    silenceAlarmMs: config.silenceAlarmMs,
    onChange: (status, before) => {
      // An interface that came late brings an address of its own.
      equipment.addOwn(ownMacs());
      listener.onInterface(status, before);
    },
    onSilence: (status) => listener.onSilence(status),
    onLoss: (status) => listener.onLoss(status),
  });
  const store = await openStore(config, businessId, log, closing);
  const directory = new Directory(config.knownDevices);
  const metrics = config.statusPort === 0 ? null : new (await import('../status/facts/metrics.js')).Metrics();
  const arrivals = new Arrivals(config.timeZone);
  const reports = new ReportStates({ businessId, retentionMs: config.retentionMs, isDryRun: config.dryRun });
  const nexudus = new NexudusWatch();
  const client = clientFor(config, interfaces, businessId, {
    onCall: (method, failure) => nexudus.onCall(method, failure),
    onAnswer: (status, ms) => metrics?.onAnswer(status, ms),
  });
  if (client !== null) closing.add(() => client.close());

  const guard = new FloodGuard(config.postsPerMinute);
  const running: Monitor = runPipeline(settings, {
    source,
    time: { kind: 'live', steadyMs: () => performance.now(), guard },
    directory,
    equipment,
    register: store.register,
    outbox: config.dryRun ? { add: (entry) => listener.onDryRun(entry) } : store.outbox,
    listener: metrics === null ? listener : allOf(listener, [metrics, arrivals, reports]),
  });
  stop = () => running.stop();
  try {
    // A refusal to capture shows at once, and nothing else needs to be started then.
    await Promise.race([running.finished, nextTurn()]);
    closing.add(watchClock(log));
    const outboxWatch = new OutboxWatch(store.outbox, ({ counts }) => {
      guard.queued = counts.waiting + counts.delayed + counts.active;
    });
    closing.add(() => outboxWatch.close());
    const onLoaded = () => running.directoryLoaded();
    // Deciding may begin from a snapshot, delivering waits for what Nexudus says now. And a sensor that cannot ask its
    // directory would only hold up those that can.
    const onCurrent = () => {
      if (client === null || config.dryRun) return;
      const rules = { ...settings, directory, equipment };
      const more = { claimPost: store.claimPost, freshen: () => sync?.freshen() ?? Promise.resolve() };
      const deliverer = store.startDelivery(nexudusDelivery(client, rules, more), (entry, outcome) => {
        for (const hearing of [listener, metrics, reports]) hearing?.onOutcome(entry, outcome);
      });
      closing.add(() => within(DELIVERY_STOPS_WITHIN_MS, deliverer.close()));
    };
    const sync =
      client === null ? null : startDirectory(config, { client, directory, onLoaded, onCurrent, store, log, closing });
    if (client === null) {
      directory.loaded = true;
      log.warn('no login to Nexudus: only KNOWN_DEVICES_FILE tells who is known');
    }
    if (metrics !== null) {
      const { redis } = store;
      const sensor: Sensor = {
        version,
        businessId,
        timeZone: config.timeZone,
        isDryRun: config.dryRun,
        monitor: running,
        watch: source,
        guard,
        outbox: store.outbox,
        outboxWatch,
        arrivals,
        reports,
        directory,
        directoryRefreshMs: config.directoryRefreshMs,
        sync,
        nexudus: client === null ? null : nexudus,
        isRedisReady: redis === null ? null : () => redis.status === 'ready',
      };
      closing.add(await openStatus(config, sensor, metrics, log));
    }
    store.onForget((mac) => running.forget(mac));
    log.info({ interfaces, businessId, dryRun: config.dryRun, redis: config.redisUrl !== null }, 'monitor started');
    await running.finished;
  } finally {
    running.stop();
    await within(CLOSES_WITHIN_MS, closing.run(log));
  }
  if (running.waiting() > 0) log.warn({ visits: running.waiting() }, 'visits could not be handed over before the end');
  log.info({ ...running.counts, malformedBy: Object.fromEntries(running.counts.malformedBy) }, 'monitor stopped');
  return 0;
}

/** Begins to read the registered devices. */
function startDirectory(
  config: Config,
  parts: {
    readonly client: NexudusClient;
    readonly directory: Directory;
    readonly onLoaded: () => void;
    readonly onCurrent: () => void;
    readonly store: Store;
    readonly log: Logger;
    readonly closing: Closing;
  },
): DirectorySync {
  const { client, directory, onLoaded, onCurrent, store, log, closing } = parts;
  const { redis } = store;
  const sync = new DirectorySync({
    client,
    directory,
    snapshot: redis === null ? null : new DirectorySnapshot(redis, config.businessId ?? 0, config.retentionMs),
    refreshMs: config.directoryRefreshMs,
    log: log.child({ stage: 'directory' }),
    onLoaded,
    onCurrent,
  });
  sync.start();
  closing.add(() => sync.stop());
  return sync;
}

function interfacesOf(config: Config): readonly string[] {
  if (config.interfaces.length > 0) return config.interfaces;
  const route = defaultRoute();
  if (route !== null) return [route.interfaceName];
  const names = listInterfaces().map(({ name }) => name);
  throw new ConfigError([
    `CAPTURE_INTERFACE: must be set, because there is no default route to tell the interface (there are: ${names.join(', ')})`,
  ]);
}

/** The log and what the status server remembers as one listener. The former alone hears of every refusal in a flood. */
function allOf(log: SensorLog, others: readonly PipelineListener[]): PipelineListener {
  return {
    onDecision(report) {
      log.onDecision(report);
      for (const other of others) other.onDecision?.(report);
    },
    onTrouble(error) {
      log.onTrouble(error);
      for (const other of others) other.onTrouble?.(error);
    },
    onEnded(report) {
      log.onEnded(report);
      for (const other of others) other.onEnded?.(report);
    },
    onForget(mac) {
      for (const other of others) other.onForget?.(mac);
    },
    onGivenUp: (report) => log.onGivenUp(report),
    onHeldBack: (guard) => log.onHeldBack(guard),
    onMalformed: (counts) => log.onMalformed(counts),
  };
}

/** A sensor whose status cannot be served goes on sensing. Answers how to close the server. */
async function openStatus(
  { statusHost: host, statusPort: port, statusToken: token }: Config,
  sensor: Sensor,
  metrics: Metrics,
  log: Logger,
): Promise<() => Promise<void>> {
  const { serveStatus } = await import('../status/http/serve-status.js');
  try {
    const server = await serveStatus(sensor, metrics, { host, port, token });
    const { url, isOnAllAddresses } = server;
    log.info({ url }, `status server listens${isOnAllAddresses ? ' on all addresses of this machine' : ''}`);
    return () => within(1_000, server.close());
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log.error(
      { cause },
      'no status server: set STATUS_HOST and STATUS_PORT to an address that is free, or STATUS_PORT=0',
    );
    return async () => {};
  }
}

function clientFor(
  config: Config,
  interfaces: readonly string[],
  businessId: number,
  observer: NexudusObserver,
): NexudusClient | null {
  if (config.login === null) return null;
  return createNexudusClient({
    observer,
    url: config.nexudusUrl,
    auth: config.login,
    clientId: config.clientId ?? ownClientId(interfaces, businessId),
    // Shorter than the outbox's lock: who lost Redis has given up its post before another sensor takes the entry over.
    timeouts: { headersMs: 15_000, bodyMs: 10_000, totalMs: 25_000 },
  });
}

/** Stable over restarts, different for each sensor: one refresh token lives per client id. */
function ownClientId(interfaces: readonly string[], businessId: number): string {
  const identity = JSON.stringify([hostname(), interfaces, businessId]);
  return `wifi-monitor-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

/** Says when the wall clock was set. Visits do not suffer: their gaps are measured in steady time. */
function watchClock(log: Logger): () => void {
  let offsetMs = Date.now() - performance.now();
  const timer = setInterval(() => {
    const nowMs = Date.now() - performance.now();
    const jumpMs = Math.round(nowMs - offsetMs);
    if (Math.abs(jumpMs) >= CLOCK_JUMP_MS) log.warn({ jumpMs }, 'the clock of this machine was set; open visits go on');
    offsetMs = nowMs;
  }, LOOK_AT_CLOCK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function onSignals(log: Logger, stop: () => void): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A second signal ends at once.
      if (isStopping) process.exit(1);
      isStopping = true;
      log.info({ signal }, 'stopping');
      stop();
    });
  }
}

/** No half-dead state: what nobody expected ends the process, and the supervisor starts it again. */
function endOnUnexpected(log: Logger, logMacs: Config['logMacs']): void {
  const end = (error: unknown) => {
    const text = (full: string) => textForLog(full, logMacs);
    log.fatal({ cause: text(error instanceof Error ? error.message : String(error)) }, 'unexpected error');
    // For whoever develops this, not for operators.
    if (error instanceof Error) log.debug({ stack: text(error.stack ?? '') }, 'where it happened');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
