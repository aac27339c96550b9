// The sensing half of a sensor: frames from the interfaces go through the pipeline into the store.
import { InterfaceWatch, type WatchedSource } from '../capture/interface-watch.js';
import { defaultRoute, ownMacs } from '../capture/network-interfaces.js';
import type { Config } from '../config/config.js';
import type { DecisionRules } from '../devices/decision.js';
import type { Directory } from '../devices/directory/directory.js';
import { Equipment } from '../devices/equipment.js';
import type { LabelView } from '../devices/labels.js';
import type { Listeners } from '../pipeline/listeners.js';
import { type Pipeline, runPipeline } from '../pipeline/pipeline.js';
import { FloodGuard } from '../visits/flood-guard.js';
import type { SensorLog } from './sensor-log.js';
import type { Store } from './store.js';

export interface SensingParts {
  readonly interfaces: readonly string[];
  /** Null: frames come from the interfaces. */
  readonly source: WatchedSource | null;
  readonly store: Store;
  readonly directory: Directory;
  readonly labels: LabelView;
  readonly listeners: Listeners;
  readonly sensorLog: SensorLog;
}

export interface Sensing {
  readonly pipeline: Pipeline;
  readonly source: WatchedSource;
  readonly guard: FloodGuard;
  /** What decides about a device; delivery asks the same rules once more. */
  readonly rules: DecisionRules & { readonly businessId: number };
}

/** Starts to listen. If capturing is not permitted, the pipeline's `finished` rejects. */
export function startSensing(config: Config, parts: SensingParts): Sensing {
  const { store, directory, labels, listeners, sensorLog } = parts;
  const businessId = config.businessId ?? 0;
  const equipment = new Equipment(ownMacs());
  const route = defaultRoute();
  if (route !== null) equipment.addGateway(route.gatewayIpv4);
  const { ignore, reportInactive } = config;
  const source = parts.source ?? watchInterfaces(config, parts.interfaces, equipment, sensorLog);
  const guard = new FloodGuard(config.postsPerMinute);
  const pipeline = runPipeline(
    {
      businessId,
      gapMs: config.visitGapMs,
      settleMs: config.settleTimeMs,
      reportAgainAfterMs: config.reportAgainAfterMs,
      ignore,
      reportInactive,
      timeZone: config.timeZone,
    },
    {
      source,
      time: { kind: 'live', steadyMs: () => performance.now(), guard },
      directory,
      equipment,
      labels,
      register: store.register,
      outbox: config.dryRun ? { enqueue: (report) => sensorLog.onDryRun(report) } : store.outbox,
      listeners,
    },
  );
  return { pipeline, source, guard, rules: { businessId, ignore, reportInactive, directory, equipment, labels } };
}

function watchInterfaces(
  { promiscuous, ipv6, silenceAlarmMs }: Config,
  interfaces: readonly string[],
  equipment: Equipment,
  sensorLog: SensorLog,
): InterfaceWatch {
  return new InterfaceWatch(interfaces, {
    promiscuous,
    ipv6,
    silenceAlarmMs,
    onChange(status, before) {
      // An interface that came late brings an address of its own.
      equipment.addOwn(ownMacs());
      sensorLog.onInterface(status, before);
    },
    onSilence: (status) => sensorLog.onSilence(status),
    onLoss: (status) => sensorLog.onLoss(status),
  });
}
