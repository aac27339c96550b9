// The status server of a sensor, with the facts that it shows.
import type { Config } from '../config/config.js';
import { decide } from '../devices/decision.js';
import type { DirectorySync } from '../devices/directory/directory-sync.js';
import type { HandOver } from '../hub/hand-over.js';
import type { OutboxWatch } from '../outbox/outbox-watch.js';
import { Arrivals } from '../status/facts/arrivals.js';
import type { Metrics } from '../status/facts/metrics.js';
import type { NexudusWatch } from '../status/facts/nexudus-watch.js';
import type { SensorFacts } from '../status/facts/sensor-facts.js';
import type { StatusServer } from '../status/http/server.js';
import type { Logger } from './log.js';
import type { SensorParts } from './parts.js';
import type { Sensing } from './sense.js';

export interface FactSources {
  readonly version: string;
  readonly parts: SensorParts;
  readonly sensing: Sensing;
  readonly outboxWatch: OutboxWatch;
  /** Null without a login. */
  readonly sync: DirectorySync | null;
  readonly nexudus: NexudusWatch;
  /** Null without HUB_URL. */
  readonly handOver: HandOver | null;
}

export function sensorFacts(config: Config, sources: FactSources): SensorFacts {
  const { version, parts, sensing, outboxWatch, sync, nexudus, handOver } = sources;
  const { store, directory, labels, labelStore, sensorLog, day, diary, arrivalRate, refusals, reports } = parts;
  const { pipeline, guard, equipment } = sensing;
  return {
    version,
    businessId: config.businessId ?? 0,
    timeZone: config.timeZone,
    isDryRun: config.dryRun,
    pipeline,
    watch: sensing.source,
    guard,
    outbox: store.outbox,
    outboxWatch,
    day,
    diary,
    arrivals: new Arrivals(diary, day),
    arrivalRate,
    refusals,
    reports,
    directory,
    equipment,
    decideNow: (device) => decide(device, sensing.rules),
    labels,
    labelStore,
    onLabelAsked: (mac, kind, from) => sensorLog.onLabelAsked(mac, kind, from),
    ignoreMacs: config.ignore.macs.map(({ written }) => written),
    directoryRefreshMs: config.directoryRefreshMs,
    sync,
    nexudus: sync === null ? null : nexudus,
    hub: handOver === null ? null : () => handOver.facts(),
    isRedisReady: store.isReady,
  };
}

/** Returns null when the status server is turned off, or cannot listen: the sensor works without it. */
export async function serveSensorStatus(
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
