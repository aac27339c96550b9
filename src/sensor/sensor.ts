// A whole sensor: store, sensing, delivery, status page. Commands, tests and benchmarks start this very composition. It reads no
// environment and ends no process: settings and edges come in as arguments.
import type { MacAddress } from '../addresses/mac-address.js';
import { vendorOf } from '../addresses/vendor.js';
import type { WatchedSource } from '../capture/interface-watch.js';
import type { Config } from '../config/config.js';
import { Directory, type DirectoryView } from '../devices/directory/directory.js';
import { ignoredBecause } from '../devices/ignore-rules.js';
import { Labels } from '../devices/labels.js';
import type { Pace } from '../nexudus/known-devices.js';
import { OutboxWatch } from '../outbox/outbox-watch.js';
import { Listeners, type PipelineListener } from '../pipeline/listeners.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { Arrivals } from '../status/facts/arrivals.js';
import type { Metrics } from '../status/facts/metrics.js';
import { NexudusWatch } from '../status/facts/nexudus-watch.js';
import { ReportStates } from '../status/facts/report-state.js';
import type { SensorFacts } from '../status/facts/sensor-facts.js';
import type { StatusServer } from '../status/http/server.js';
import { SensorClock, watchClock } from './clock.js';
import { Closing, within } from './closing.js';
import { startDelivering } from './deliver.js';
import type { Logger } from './log.js';
import { startSensing } from './sense.js';
import { SensorLog } from './sensor-log.js';
import { openStore } from './store.js';

/** Supervisors kill a process 10 s after SIGTERM. The pipeline settles for up to 4 s, so closing must take less than what is left. */
const CLOSES_WITHIN_MS = 4_500;

/** Nothing is settled before Nexudus has told the time, or so much of it has passed. */
const TRUST_CLOCK_AFTER_MS = 120_000;

export interface SensorEdges {
  readonly version: string;
  readonly log: Logger;
  /** The interfaces to listen on. */
  readonly interfaces: readonly string[];
  /** In place of the interfaces: for tests. */
  readonly source?: WatchedSource;
  /** In place of one request a second for reading the directory: for tests. */
  readonly pace?: Pace;
  /** In place of two minutes for a clock that nobody has confirmed: for tests. */
  readonly trustClockAfterMs?: number;
  /** Stops the pipeline, also while the sensor still starts. */
  readonly stop?: AbortSignal;
  /** Who wants to hear what happens, beside log, metrics and status page. */
  readonly listeners?: readonly PipelineListener[];
}

export interface Sensor {
  readonly pipeline: Pipeline;
  readonly directory: DirectoryView;
  /** Null when the status server is turned off or could not listen. */
  readonly status: StatusServer | null;
  /** Listens again with the same settings after `status` was closed. */
  serveStatus(): Promise<StatusServer | null>;
  /** Resolves when the pipeline has ended. Rejects with a CaptureError when capturing is not permitted. */
  readonly finished: Promise<void>;
  /** Stops the pipeline, waits for it, and closes everything. Takes less than 10 s. */
  close(): Promise<void>;
}

/**
 * Starts a sensor. Resolves when it is listening and its status can be asked for.
 * @throws CaptureError when capturing is not permitted
 */
export async function startSensor(config: Config, edges: SensorEdges): Promise<Sensor> {
  const { log, version, interfaces } = edges;
  const businessId = config.businessId ?? 0;
  const closing = new Closing();
  const sensorLog = new SensorLog(log, config.logMacs);
  const store = await openStore(config, businessId, log, closing);
  const directory = new Directory(config.knownDevices);
  const metrics = config.statusPort === 0 ? null : new (await import('../status/facts/metrics.js')).Metrics();
  const arrivals = new Arrivals(config.timeZone);
  const reports = new ReportStates({ businessId, retentionMs: config.retentionMs, isDryRun: config.dryRun });
  const remembered = metrics === null ? [] : [metrics, arrivals, reports];
  const listeners = new Listeners(sensorLog, ...remembered, ...(edges.listeners ?? []));

  const labels = new Labels();
  let onLabelsChanged = (_macs: ReadonlySet<MacAddress>) => {};
  const labelStore = await store.openLabels((all) => {
    const changed = labels.replace(all);
    if (changed.size > 0) sensorLog.onLabels(changed, labels);
    onLabelsChanged(changed);
  });

  const clock: SensorClock = new SensorClock({
    // A dry run keeps nothing and posts nothing, so a wrong clock does no harm.
    trustAfterMs: config.dryRun ? 0 : (edges.trustClockAfterMs ?? TRUST_CLOCK_AFTER_MS),
    onTrusted: (shiftMs) => pipeline.clockTrusted(shiftMs),
    log: log.child({ stage: 'clock' }),
  });
  closing.add(() => clock.close());
  const sensing = startSensing(config, {
    interfaces,
    source: edges.source ?? null,
    store,
    directory,
    labels,
    listeners,
    sensorLog,
    clock,
  });
  const { pipeline, guard, source } = sensing;
  closing.add(sensing.close);
  const isExpected = (mac: MacAddress) =>
    ignoredBecause(config.ignore, { mac, vendor: vendorOf(mac), hostname: null }) !== null;
  onLabelsChanged = (macs) => pipeline.redecide(macs);
  const stop = () => pipeline.stop();
  edges.stop?.addEventListener('abort', stop);
  if (edges.stop?.aborted) stop();
  const close = async () => {
    pipeline.stop();
    await pipeline.finished.catch(() => {});
    await within(CLOSES_WITHIN_MS, closing.run(log));
  };
  try {
    // A refusal to capture shows at once, and nothing else needs to be started then.
    await Promise.race([pipeline.finished, new Promise(setImmediate)]);
    closing.add(watchClock(log));
    const outboxWatch = new OutboxWatch(store.outbox, ({ counts }) => {
      guard.queued = counts.waiting + counts.delayed + counts.active;
    });
    closing.add(() => outboxWatch.close());
    const nexudus = new NexudusWatch();
    const sync = startDelivering(config, {
      interfaces,
      store,
      directory,
      labelStore,
      rules: sensing.rules,
      listeners,
      observer: {
        onCall: (method, failure) => nexudus.onCall(method, failure),
        onAnswer: (status, ms, skewMs) => {
          metrics?.onAnswer(status, ms);
          if (skewMs !== null) clock.onSkew(skewMs);
        },
      },
      onLoaded: () => pipeline.directoryLoaded(),
      pace: edges.pace,
      log,
      closing,
    });
    const facts: SensorFacts = {
      version,
      businessId,
      timeZone: config.timeZone,
      isDryRun: config.dryRun,
      pipeline,
      watch: source,
      guard,
      outbox: store.outbox,
      outboxWatch,
      arrivals,
      reports,
      directory,
      equipmentConflicts: (steadyMs) => sensing.equipment.conflicts(steadyMs, isExpected),
      labels,
      labelStore,
      onLabelAsked: (mac, kind, from) => sensorLog.onLabelAsked(mac, kind, from),
      ignoreMacs: config.ignore.macs.map(({ written }) => written),
      directoryRefreshMs: config.directoryRefreshMs,
      sync,
      nexudus: sync === null ? null : nexudus,
      isRedisReady: store.isReady,
    };
    const serve = () => serveStatus(config, facts, metrics, log);
    let status = await serve();
    closing.add(() => within(1_000, status?.close() ?? Promise.resolve()));
    store.onForget((mac) => pipeline.forget(mac));
    return {
      pipeline,
      directory,
      get status() {
        return status;
      },
      async serveStatus() {
        status = await serve();
        return status;
      },
      finished: pipeline.finished,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A sensor whose status cannot be served goes on sensing. */
async function serveStatus(
  { statusHost: host, statusPort: port, statusToken: token }: Config,
  facts: SensorFacts,
  metrics: Metrics | null,
  log: Logger,
): Promise<StatusServer | null> {
  if (metrics === null) return null;
  try {
    const { serveStatus } = await import('../status/http/serve-status.js');
    const server = await serveStatus(facts, metrics, { host, port, token });
    const { url, isOnAllAddresses } = server;
    log.info({ url }, `status server listens${isOnAllAddresses ? ' on all addresses of this machine' : ''}`);
    return server;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log.error(
      { cause },
      'no status server: set STATUS_HOST and STATUS_PORT to an address that is free, or STATUS_PORT=0',
    );
    return null;
  }
}
