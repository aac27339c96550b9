// What the two halves of a sensor and its status share: the store, the directory, the labels, the listeners, the clock.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Config } from '../config/config.js';
import { Directory } from '../devices/directory/directory.js';
import type { LabelStore } from '../devices/label-store.js';
import { Labels } from '../devices/labels.js';
import { HubLabelStore } from '../hub/hub-label-store.js';
import type { HubLink } from '../hub/hub-link.js';
import { Listeners, type PipelineListener } from '../pipeline/listeners.js';
import { ArrivalRate } from '../status/facts/arrival-rate.js';
import { Diary } from '../status/facts/diary.js';
import { LocalDay } from '../status/facts/local-day.js';
import type { Metrics } from '../status/facts/metrics.js';
import { RefusalWatch } from '../status/facts/refusal-watch.js';
import { ReportStates } from '../status/facts/report-state.js';
import { SensorClock } from './clock.js';
import type { Closing } from './closing.js';
import type { Logger } from './log.js';
import { type HealthPatience, type Notifier, openNotifier } from './notifier.js';
import { SensorLog } from './sensor-log.js';
import { openStore, type Store } from './store.js';

/** If Nexudus has not sent the time after this long, visits are settled by the machine's own clock. */
const TRUST_CLOCK_AFTER_MS = 120_000;

export interface SensorParts {
  readonly log: Logger;
  readonly sensorLog: SensorLog;
  readonly store: Store;
  readonly directory: Directory;
  readonly labels: Labels;
  readonly labelStore: LabelStore;
  readonly listeners: Listeners;
  readonly clock: SensorClock;
  /** What the status page remembers. */
  readonly arrivalRate: ArrivalRate;
  readonly refusals: RefusalWatch;
  readonly day: LocalDay;
  readonly diary: Diary;
  readonly reports: ReportStates;
  /** Null when the status server is turned off. */
  readonly metrics: Metrics | null;
  /** Null when no webhook is to be told. */
  readonly notifier: Notifier | null;
}

export interface PartsOptions {
  readonly log: Logger;
  readonly closing: Closing;
  /** In addition to log, metrics and status page. */
  readonly listeners: readonly PipelineListener[];
  readonly trustClockAfterMs: number | undefined;
  readonly healthPatience: HealthPatience | undefined;
  /** See DiaryOptions. */
  readonly serviceOf: (mac: MacAddress) => string | null;
  readonly onLabelsChanged: (macs: ReadonlySet<MacAddress>) => void;
  /** Null: labels and all else are this sensor's own. */
  readonly link: HubLink | null;
  /** See SensorClockEdges. */
  readonly onClockTrusted: (shiftMs: number) => void;
}

export async function openParts(config: Config, options: PartsOptions): Promise<SensorParts> {
  const { log, closing } = options;
  const businessId = config.businessId ?? 0;
  const sensorLog = new SensorLog(log, config.logMacs);
  const store = await openStore(config, businessId, log, closing);
  const directory = new Directory(config.knownDevices);
  // The hub alone has the others.
  if (config.hub !== null) directory.loaded = true;
  const metrics =
    config.statusPort === 0 ? null : new (await import('../status/facts/metrics.js')).Metrics(config.postsPerDay);
  const day = new LocalDay(config.timeZone);
  const { retentionMs, dryRun: isDryRun } = config;
  const diary = new Diary({
    businessId,
    retentionMs,
    gapMs: config.visitGapMs,
    isDryRun,
    store: store.diary,
    serviceOf: options.serviceOf,
  });
  const reports = new ReportStates({ businessId, retentionMs, isDryRun });
  const remembering = metrics === null ? [] : [metrics, reports, diary];
  // Without a page the diary is of use to the other sensors, and to `wifi-monitor suggest`.
  if (metrics === null && store.diary !== null) remembering.push(diary);
  const arrivalRate = new ArrivalRate();
  const refusals = new RefusalWatch();
  const { healthPatience } = options;
  const notifier = openNotifier(config, { log, closing, redis: store.redis, healthPatience });
  const listeners = new Listeners(
    sensorLog,
    arrivalRate,
    refusals,
    ...remembering,
    ...(notifier === null ? [] : [notifier]),
    ...options.listeners,
  );

  const labels = new Labels();
  const { link } = options;
  // A sensor with a hub follows no labels: the hub decides by them.
  const labelStore =
    link !== null
      ? new HubLabelStore(link, (mac) => options.onLabelsChanged(new Set([mac])))
      : await store.openLabels((all) => {
          const changed = labels.replace(all);
          if (changed.size > 0) sensorLog.onLabels(changed, labels);
          options.onLabelsChanged(changed);
        });

  const clock = new SensorClock({
    // A dry run keeps nothing and posts nothing, so a wrong clock does no harm.
    trustAfterMs: config.dryRun ? 0 : (options.trustClockAfterMs ?? TRUST_CLOCK_AFTER_MS),
    onTrusted: options.onClockTrusted,
    log: log.child({ stage: 'clock' }),
  });
  closing.add(() => clock.close());
  return {
    log,
    sensorLog,
    store,
    directory,
    labels,
    labelStore,
    listeners,
    clock,
    day,
    diary,
    arrivalRate,
    refusals,
    reports,
    metrics,
    notifier,
  };
}
