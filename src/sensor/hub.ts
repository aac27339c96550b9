// A whole hub: it takes what sensors hand over, decides, and delivers. It keeps nothing in its memory but the directory, so that as many
// of them as one likes may share one Redis. Commands, tests and benchmarks start this very composition.
import type { Config } from '../config/config.js';
import { Directory } from '../devices/directory/directory.js';
import type { DirectorySync } from '../devices/directory/directory-sync.js';
import { Equipment } from '../devices/equipment.js';
import { RedisLabelStore } from '../devices/label-store.js';
import { handOverRoutes } from '../hub/hand-over-routes.js';
import { startHubServer } from '../hub/hub-server.js';
import { Intake } from '../hub/intake.js';
import { Locations } from '../hub/locations.js';
import { RateLimit } from '../hub/rate-limit.js';
import { SensorTokens } from '../hub/sensor-tokens.js';
import type { Pace } from '../nexudus/known-devices.js';
import { OutboxWatch } from '../outbox/outbox-watch.js';
import { Listeners } from '../pipeline/listeners.js';
import { type RedisClient, ReplicaConfirmation } from '../redis/client.js';
import type { HealthFacts } from '../status/facts/health.js';
import { type HubFacts, hubsTroubles, type LocationView } from '../status/facts/hub-facts.js';
import { HubMetrics } from '../status/facts/hub-metrics.js';
import { NexudusWatch } from '../status/facts/nexudus-watch.js';
import { RefusalWatch } from '../status/facts/refusal-watch.js';
import { serveHubStatus } from '../status/http/serve-hub-status.js';
import type { StatusServer } from '../status/http/server.js';
import { RedisVisitRegister } from '../visits/register/redis-visit-register.js';
import { Closing, within } from './closing.js';
import { startDelivering } from './deliver.js';
import { HubLog } from './hub-log.js';
import type { Logger } from './log.js';
import { SensorLog } from './sensor-log.js';
import { openStore, type Store } from './store.js';

/** Requests of one sensor, a minute; one every ten seconds and one for each new visit are usual. */
const REQUESTS_PER_MINUTE = 1_200;
const CLOSES_WITHIN_MS = 8_000;
/** Troubles of sensors that health names one by one. */
const MAX_TROUBLES = 20;

export interface HubEdges {
  readonly version: string;
  readonly log: Logger;
  /** In place of one request a second for reading the directory: for tests. */
  readonly pace?: Pace;
}

export interface Hub {
  /** Where sensors hand over. */
  readonly url: string;
  /** Null when the status server is turned off or could not listen. */
  readonly status: StatusServer | null;
  readonly directory: Directory;
  /** Takes nothing more, finishes what is under way, and closes everything. Takes less than 10 s. */
  close(): Promise<void>;
}

/** Starts a hub; resolves when it listens. Rejects when it cannot listen, or a TLS file cannot be read. `config` has Redis and a login. */
export async function startHub(config: Config, { version, log, pace }: HubEdges): Promise<Hub> {
  const closing = new Closing();
  const close = () => within(CLOSES_WITHIN_MS, closing.run(log));
  try {
    const store = await openStore(config, 0, log, closing);
    const { redis } = store;
    if (redis === null) throw new Error('a hub needs REDIS_URL, and knows no DRY_RUN');
    const metrics = new HubMetrics();
    const refusals = new RefusalWatch();
    const listeners = new Listeners(new SensorLog(log, config.logMacs), metrics, refusals);
    store.startCleaning((dropped) => listeners.emit('onDropped', dropped));
    const directory = new Directory(config.knownDevices);
    const nexudus = new NexudusWatch();
    const sync = deliver(config, { store, redis, directory, listeners, nexudus, metrics, log, closing, pace });
    const tokens = new SensorTokens(redis);
    const locations = new Locations(redis, tokens);
    const hubLog = new HubLog(log.child({ stage: 'hub' }), config.logMacs);
    const server = await startHubServer({
      host: config.hubHost,
      port: config.hubPort,
      tls: config.hubTls,
      isReady: () => store.isReady?.() === true && directory.loaded,
      onError: (error) => hubLog.onTrouble(error),
      routes: (fastify) =>
        handOverRoutes(fastify, handOverEdges(config, { store, redis, directory, tokens, locations, metrics, hubLog })),
    });
    closing.add(() => server.close());
    log.info({ url: server.url }, 'hub listens');
    const status = await serveStatus(config, {
      version,
      store,
      directory,
      locations,
      sync,
      nexudus,
      refusals,
      metrics,
      log,
      closing,
    });
    return { url: server.url, status, directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface DeliverParts {
  readonly store: Store;
  readonly redis: RedisClient;
  readonly directory: Directory;
  readonly listeners: Listeners;
  readonly nexudus: NexudusWatch;
  readonly metrics: HubMetrics;
  readonly log: Logger;
  readonly closing: Closing;
  readonly pace: Pace | undefined;
}

function deliver(config: Config, parts: DeliverParts): DirectorySync | null {
  const { store, redis, directory, listeners, nexudus, metrics, log, closing, pace } = parts;
  return startDelivering(config, {
    interfaces: ['hub'],
    store,
    directory,
    // Of any location: it is asked for one label at a time.
    labelStore: new RedisLabelStore(redis, 0),
    rules: { businessId: 'all', ...rulesOf(config, directory) },
    listeners,
    observer: {
      onCall: (method, failure) => nexudus.onCall(method, failure),
      onAnswer: (status, ms) => metrics.onAnswer(status, ms),
    },
    onLoaded: () => {},
    pace,
    log,
    closing,
  });
}

/** Sensors know the equipment of their networks, and send none of it. */
function rulesOf({ ignore, reportInactive }: Config, directory: Directory) {
  return { ignore, reportInactive, directory, equipment: new Equipment() };
}

interface HandOverParts {
  readonly store: Store;
  readonly redis: RedisClient;
  readonly directory: Directory;
  readonly tokens: SensorTokens;
  readonly locations: Locations;
  readonly metrics: HubMetrics;
  readonly hubLog: HubLog;
}

function handOverEdges(config: Config, parts: HandOverParts): Parameters<typeof handOverRoutes>[1] {
  const { store, redis, directory, tokens, locations, metrics, hubLog } = parts;
  const { visitGapMs: gapMs, retentionMs, reportAgainAfterMs, hintOwners } = config;
  const registers = new Map<number, RedisVisitRegister>();
  const registerOf = (businessId: number) => {
    const register = registers.get(businessId) ?? new RedisVisitRegister(redis, { businessId, gapMs, retentionMs });
    registers.set(businessId, register);
    return register;
  };
  const labelStore = new RedisLabelStore(redis, 0);
  const confirmation = new ReplicaConfirmation(store.connections);
  return {
    tokens,
    locations,
    intake: new Intake(
      { reportAgainAfterMs, hintOwners },
      { rules: rulesOf(config, directory), registerOf, outbox: store.outbox, labelStore },
    ),
    visitLimit: new RateLimit(config.hubVisitsPerMinute),
    requestLimit: new RateLimit(REQUESTS_PER_MINUTE),
    visitsPerDay: config.hubVisitsPerDay,
    shareNames: config.hubShareNames,
    labelsOf: (businessId) => new RedisLabelStore(redis, businessId),
    labelVersion: (businessId) => new RedisLabelStore(redis, businessId).version(),
    confirm: () => confirmation.confirm(),
    onRefused(sensor, from, why) {
      metrics.onRefused(why);
      hubLog.onRefused(sensor, from, why);
    },
    onTrouble: (error) => hubLog.onTrouble(error),
    onTaken(businessId, taken, visit) {
      if (taken.kind !== 'not-ready')
        metrics.onTaken(businessId, taken.kind === 'taken' ? taken.decision.kind : 'refused');
      hubLog.onTaken(businessId, taken, visit.mac);
    },
    onLabelled: (sensor, mac, kind) => hubLog.onLabelled(sensor, mac, kind),
  };
}

interface StatusParts {
  readonly version: string;
  readonly store: Store;
  readonly directory: Directory;
  readonly locations: Locations;
  readonly sync: DirectorySync | null;
  readonly nexudus: NexudusWatch;
  readonly refusals: RefusalWatch;
  readonly metrics: HubMetrics;
  readonly log: Logger;
  readonly closing: Closing;
}

/** Null when it is turned off, or cannot listen: the hub works without it. */
async function serveStatus(config: Config, parts: StatusParts): Promise<StatusServer | null> {
  const { locations, metrics, log, closing } = parts;
  if (config.statusPort === 0) return null;
  const outboxWatch = new OutboxWatch(parts.store.outbox, parts.store.budget, () => {});
  closing.add(() => outboxWatch.close());
  const facts: HubFacts = {
    locations: () => locations.all().catch(() => null),
    health: (views) => healthFacts(config, parts, outboxWatch, views),
  };
  try {
    const { statusHost: host, statusPort: port, statusToken: token } = config;
    const server = await serveHubStatus(facts, metrics, { host, port, token });
    closing.add(() => within(1_000, server.close()));
    log.info(
      { url: server.url },
      `status server listens${server.isOnAllAddresses ? ' on all addresses of this machine' : ''}`,
    );
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

async function healthFacts(
  config: Config,
  { version, store, directory, sync, nexudus, refusals }: StatusParts,
  outboxWatch: OutboxWatch,
  views: readonly LocationView[] | null,
): Promise<HealthFacts> {
  const outbox = await outboxWatch.current();
  const nowMs = Date.now();
  const readAtMs = sync?.status().readAtMs ?? null;
  const troubles = (views ?? []).flatMap((view) =>
    hubsTroubles(view, nowMs).map((trouble) => `location ${view.businessId}, sensor ${view.sensor}: ${trouble}`),
  );
  const more = troubles.length - MAX_TROUBLES;
  return {
    version,
    upMs: process.uptime() * 1_000,
    isDryRun: false,
    steadyMs: performance.now(),
    interfaces: [],
    redis: { isReachable: store.isReady?.() === true && views !== null },
    nexudus: nexudus.facts(),
    hub: null,
    directory: {
      loaded: directory.loaded,
      devices: directory.size,
      ageMs: readAtMs === null ? null : nowMs - readAtMs,
      refreshMs: config.directoryRefreshMs,
    },
    outbox:
      outbox === null
        ? null
        : { ...outbox.counts, oldestAgeMs: outbox.oldestMs === null ? null : nowMs - outbox.oldestMs },
    day: outbox?.spent ?? null,
    refusals: refusals.facts(),
    unusualArrivals: null,
    visits: { open: 0, waiting: 0, failing: false, givenUp: 0 },
    equipmentConflicts: more > 0 ? [...troubles.slice(0, MAX_TROUBLES), `and ${more} more`] : troubles,
    flood: { isHoldingBack: false, isOutboxFull: false, refused: 0 },
  };
}
