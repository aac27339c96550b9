// The status of a running sensor: gathers what the stages know, and serves it.
import type { InterfaceWatch } from '../capture/interface-watch.js';
import type { Directory } from '../devices/directory.js';
import type { DirectorySync } from '../devices/directory-sync.js';
import type { Monitor } from '../monitor.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import { type HealthFacts, healthOf } from './health.js';
import { healthRoutes } from './health-routes.js';
import { type Metrics, metricsRoutes } from './metrics.js';
import type { NexudusWatch } from './nexudus-watch.js';
import type { OutboxWatch } from './outbox-watch.js';
import { type StatusServer, startStatusServer } from './server.js';

export interface Sensor {
  readonly version: string;
  readonly monitor: Monitor;
  readonly watch: InterfaceWatch;
  readonly guard: FloodGuard;
  readonly outbox: OutboxWatch;
  readonly directory: Directory;
  readonly directoryRefreshMs: number;
  /** Null without a login, as is `nexudus`. */
  readonly sync: DirectorySync | null;
  readonly nexudus: NexudusWatch | null;
  /** Whether Redis is connected; null without REDIS_URL. */
  readonly isRedisReady: (() => boolean) | null;
}

/** What is known now. Takes at most 2 s, when the outbox does not answer. */
export async function factsAbout(sensor: Sensor): Promise<HealthFacts> {
  const { monitor, guard, directory } = sensor;
  const outbox = await sensor.outbox.current();
  const steadyMs = performance.now();
  const readAtMs = sensor.sync?.status().readAtMs ?? null;
  return {
    version: sensor.version,
    upMs: process.uptime() * 1_000,
    steadyMs,
    interfaces: sensor.watch.states(),
    redis: sensor.isRedisReady === null ? null : { isReachable: sensor.isRedisReady() && outbox !== null },
    nexudus: sensor.nexudus?.facts() ?? null,
    directory: {
      loaded: directory.loaded,
      devices: directory.size,
      ageMs: readAtMs === null ? null : Date.now() - readAtMs,
      refreshMs: sensor.directoryRefreshMs,
    },
    outbox:
      outbox === null
        ? null
        : { ...outbox.counts, oldestAgeMs: outbox.oldestMs === null ? null : Date.now() - outbox.oldestMs },
    visits: {
      open: monitor.tracker.size,
      waiting: monitor.waiting(),
      failing: monitor.isFailing(),
      givenUp: monitor.counts.givenUp,
    },
    flood: {
      isHoldingBack: guard.isHoldingBack(steadyMs),
      isOutboxFull: guard.isOutboxFull,
      refused: guard.refused,
    },
  };
}

/** Serves health and metrics. Rejects when the address cannot be listened on. */
export async function serveStatus(
  sensor: Sensor,
  metrics: Metrics,
  where: { readonly host: string; readonly port: number; readonly token: string | null },
): Promise<StatusServer> {
  const facts = () => factsAbout(sensor);
  return await startStatusServer({
    ...where,
    routes: [healthRoutes(async () => healthOf(await facts())), metricsRoutes(metrics, facts, sensor.monitor.counts)],
  });
}
