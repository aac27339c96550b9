// The delivering half of a sensor: the directory is kept like Nexudus, and reports go from the outbox to Nexudus.
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/config.js';
import type { DecisionRules } from '../devices/decision.js';
import type { Directory } from '../devices/directory/directory.js';
import { DirectorySnapshot } from '../devices/directory/directory-snapshot.js';
import { DirectorySync } from '../devices/directory/directory-sync.js';
import type { LabelStore } from '../devices/label-store.js';
import { createNexudusClient, type NexudusClient, type NexudusObserver } from '../nexudus/client.js';
import type { Pace } from '../nexudus/known-devices.js';
import { nexudusDelivery } from '../outbox/nexudus-delivery.js';
import type { Listeners } from '../pipeline/listeners.js';
import { type Closing, within } from './closing.js';
import type { Logger } from './log.js';
import type { Store } from './store.js';

/** Delivery finishes the report it is at. See CLOSES_WITHIN_MS in sensor.ts for the time that all closing may take. */
const DELIVERY_STOPS_WITHIN_MS = 3_000;
/** Shorter than the outbox's lock: a sensor that lost Redis has given up its post before another sensor takes the report over. */
const TIMEOUTS = { headersMs: 15_000, bodyMs: 10_000, totalMs: 25_000 };

export interface DeliveryParts {
  readonly interfaces: readonly string[];
  readonly store: Store;
  readonly directory: Directory;
  readonly labelStore: LabelStore;
  readonly rules: DecisionRules & { readonly businessId: number };
  readonly listeners: Listeners;
  readonly observer: NexudusObserver;
  /** The directory was loaded for the first time. */
  readonly onLoaded: () => void;
  readonly pace: Pace | undefined;
  readonly log: Logger;
  readonly closing: Closing;
}

/** Begins to read the directory, and to deliver as soon as it is current. Returns null without a login: nothing is delivered then. */
export function startDelivering(config: Config, parts: DeliveryParts): DirectorySync | null {
  const { store, directory, labelStore, rules, listeners, observer, onLoaded, pace, log, closing } = parts;
  const client = clientFor(config, parts.interfaces, observer);
  if (client === null) {
    directory.loaded = true;
    log.warn('no login to Nexudus: only KNOWN_DEVICES_FILE tells who is known');
    return null;
  }
  closing.add(() => client.close());
  const { redis } = store;
  const sync: DirectorySync = new DirectorySync({
    client,
    directory,
    snapshot: redis === null ? null : new DirectorySnapshot(redis, rules.businessId, config.retentionMs),
    refreshMs: config.directoryRefreshMs,
    log: log.child({ stage: 'directory' }),
    onLoaded,
    // A snapshot is enough to decide with. Delivery waits for what Nexudus says now, and a sensor that cannot ask Nexudus for its
    // directory would only hold up those that can.
    onCurrent() {
      if (config.dryRun) return;
      const more = { claimPost: store.claimPost, freshen: () => sync.freshen(), labelStore };
      const deliverer = store.startDelivery(nexudusDelivery(client, rules, more), (report, outcome) =>
        listeners.emit('onOutcome', report, outcome),
      );
      closing.add(() => within(DELIVERY_STOPS_WITHIN_MS, deliverer.close()));
    },
    ...(pace === undefined ? {} : { pace }),
  });
  sync.start();
  closing.add(() => sync.stop());
  return sync;
}

function clientFor(config: Config, interfaces: readonly string[], observer: NexudusObserver): NexudusClient | null {
  if (config.login === null) return null;
  return createNexudusClient({
    observer,
    url: config.nexudusUrl,
    auth: config.login,
    clientId: config.clientId ?? ownClientId(interfaces, config.businessId ?? 0),
    timeouts: TIMEOUTS,
  });
}

/** Stable over restarts, different for each sensor: one refresh token lives per client id. */
function ownClientId(interfaces: readonly string[], businessId: number): string {
  const identity = JSON.stringify([hostname(), interfaces, businessId]);
  return `wifi-monitor-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}
