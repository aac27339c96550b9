// The sensing half of a sensor: frames from the interfaces go through the pipeline into the store.
import { InterfaceWatch, type WatchedSource } from '../capture/interface-watch.js';
import { defaultRoute, neighbourMac, ownMacs } from '../capture/network-interfaces.js';
import type { Config } from '../config/config.js';
import { pipelineSettings } from '../config/pipeline-settings.js';
import type { DecisionRules } from '../devices/decision.js';
import type { Directory } from '../devices/directory/directory.js';
import { Equipment } from '../devices/equipment.js';
import type { LabelView } from '../devices/labels.js';
import type { EventClock } from '../pipeline/frames.js';
import type { Listeners } from '../pipeline/listeners.js';
import { type Pipeline, runPipeline } from '../pipeline/pipeline.js';
import { FloodGuard } from '../visits/flood-guard.js';
import type { SensorLog } from './sensor-log.js';
import type { Store } from './store.js';

/** How often the system is asked for the MAC of the default gateway, which it may not have resolved yet. */
const LOOK_AT_GATEWAY_EVERY_MS = 30_000;

export interface SensingParts {
  readonly interfaces: readonly string[];
  /** Null for frames from the interfaces. */
  readonly source: WatchedSource | null;
  readonly store: Store;
  readonly directory: Directory;
  readonly labels: LabelView;
  readonly listeners: Listeners;
  readonly sensorLog: SensorLog;
  readonly clock: EventClock;
}

export interface Sensing {
  readonly pipeline: Pipeline;
  readonly source: WatchedSource;
  readonly guard: FloodGuard;
  /** The rules of decisions. Delivery decides again by the same rules. */
  readonly rules: DecisionRules & { readonly businessId: number };
  readonly equipment: Equipment;
  /** To be called once the pipeline has ended. */
  readonly close: () => void;
}

/** Starts to listen. If capturing is not permitted, the pipeline's `finished` rejects. */
export function startSensing(config: Config, parts: SensingParts): Sensing {
  const { store, directory, labels, listeners, sensorLog, clock } = parts;
  const businessId = config.businessId ?? 0;
  const equipment = new Equipment(ownMacs(), {
    learn: config.learnEquipment,
    ignore: config.ignore,
    onRole: (learned) => sensorLog.onRole(learned),
    onConflict: (conflict) => sensorLog.onConflict(conflict),
  });
  addGateway(equipment);
  const { ignore, reportInactive } = config;
  const source = parts.source ?? watchInterfaces(config, parts.interfaces, equipment, sensorLog);
  const guard = new FloodGuard(config.postsPerMinute);
  const ownSettings = pipelineSettings(config);
  // The hub decides, and it alone knows when another sensor of the location has reported the device.
  const settings = config.hub === null ? ownSettings : { ...ownSettings, decidedByHub: true, reportAgainAfterMs: 0 };
  const pipeline = runPipeline(settings, {
    source,
    ...(config.probePresent ? { probe: (probe) => source.probe(probe) } : {}),
    time: { kind: 'live', steadyMs: () => performance.now(), guard, clock },
    directory,
    equipment,
    labels,
    register: store.register,
    outbox: config.dryRun ? { enqueue: (report) => sensorLog.onDryRun(report) } : store.outbox,
    listeners,
  });
  const timer = setInterval(addGateway, LOOK_AT_GATEWAY_EVERY_MS, equipment).unref();
  const close = () => clearInterval(timer);
  return {
    pipeline,
    source,
    guard,
    equipment,
    close,
    rules: { businessId, ignore, reportInactive, directory, equipment, labels },
  };
}

/** Adds the default gateway, with its MAC as soon as the system has resolved it. */
function addGateway(equipment: Equipment): void {
  const route = defaultRoute();
  if (route === null || route.gatewayIpv4 === 0) return;
  equipment.addGateway(route.gatewayIpv4, neighbourMac(route.gatewayIpv4) ?? 0);
}

function watchInterfaces(
  { promiscuous, ipv6, silenceAlarmMs, probePresent }: Config,
  interfaces: readonly string[],
  equipment: Equipment,
  sensorLog: SensorLog,
): InterfaceWatch {
  return new InterfaceWatch(interfaces, {
    promiscuous,
    ipv6,
    silenceAlarmMs,
    probes: probePresent,
    onChange(status, before) {
      // An interface that came late has another address of its own.
      equipment.addOwn(ownMacs());
      addGateway(equipment);
      sensorLog.onInterface(status, before);
    },
    onSilence: (status) => sensorLog.onSilence(status),
    onKeepAliveFailure: (status) => sensorLog.onKeepAliveFailure(status),
    onProbeObstacle: (status) => sensorLog.onProbeObstacle(status),
    onLoss: (status) => sensorLog.onLoss(status),
  });
}
