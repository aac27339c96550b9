// The delivering half of a sensor: it keeps the directory up to date, and delivers reports from the outbox to Nexudus.
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { DecisionRules } from '../devices/decision.js';
import type { Directory } from '../devices/directory/directory.js';
import { DirectorySnapshot } from '../devices/directory/directory-snapshot.js';
import { DirectorySync } from '../devices/directory/directory-sync.js';
import type { LabelStore } from '../devices/label-store.js';
import { createNexudusClient, isLoginRefusal, type NexudusClient, type NexudusObserver } from '../nexudus/client.js';
import type { Pace } from '../nexudus/known-devices.js';
import { isLoginGood, nexudusDelivery } from '../outbox/nexudus-delivery.js';
import type { Listeners } from '../pipeline/listeners.js';
import { type Closing, within } from './closing.js';
import type { Logger } from './log.js';
import type { Store } from './store.js';

/** Delivery finishes its current report within this time. CLOSES_WITHIN_MS in sensor.ts is the time for all closing. */
const DELIVERY_STOPS_WITHIN_MS = 3_000;
/** How soon the login is tried again, before the first delivery. */
const LOGIN_AGAIN_MS = { unknown: 5_000, refused: 60_000 };
const TIMEOUTS = { headersMs: 15_000, bodyMs: 10_000, totalMs: 25_000 };

export interface DeliveryParts {
  readonly interfaces: readonly string[];
  readonly store: Store;
  readonly directory: Directory;
  readonly labelStore: LabelStore;
  readonly rules: DecisionRules & { readonly businessId: number | 'all' };
  readonly listeners: Listeners;
  readonly observer: NexudusObserver;
  /** Called when the directory was loaded for the first time. */
  readonly onLoaded: () => void;
  /** See DirectorySyncOptions. */
  readonly onRead?: () => void;
  readonly pace: Pace | undefined;
  readonly log: Logger;
  readonly closing: Closing;
}

/** Starts to read the directory, and to deliver as soon as it is current. Returns null without a login, when nothing is delivered. */
export function startDelivering(config: Config, parts: DeliveryParts): DirectorySync | null {
  const { store, directory, labelStore, rules, listeners, observer, onLoaded, onRead, pace, log, closing } = parts;
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
    ...(onRead === undefined ? {} : { onRead }),
    // Decisions need only a snapshot. Delivery begins later, with a directory that was read and a login that is good, because a sensor
    // that cannot ask Nexudus would only hold up the sensors that can.
    onCurrent() {
      if (!config.dryRun) void begin();
    },
    ...(pace === undefined ? {} : { pace }),
  });
  const ending = new AbortController();
  closing.add(() => ending.abort());

  async function begin(): Promise<void> {
    if (client === null || !(await untilLoggedIn(client, ending.signal))) return;
    const more = { claimPost: store.budget.claim, freshen: () => sync.freshen(), labelStore };
    const deliverer = store.startDelivery(nexudusDelivery(client, rules, more), {
      onOutcome: (report, outcome) => listeners.emit('onOutcome', report, outcome),
      mayResume: () => isLoginGood(client),
    });
    closing.add(() => within(DELIVERY_STOPS_WITHIN_MS, deliverer.close()));
  }

  sync.start();
  closing.add(() => sync.stop());
  return sync;
}

/** Resolves when Nexudus has taken the login, with true; or when the signal is aborted, with false. */
async function untilLoggedIn(client: NexudusClient, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await client.checkLogin(signal);
      return !signal.aborted;
    } catch (error) {
      // Health and log have it from the reading of the directory.
      const waitMs = isLoginRefusal(error) ? LOGIN_AGAIN_MS.refused : LOGIN_AGAIN_MS.unknown;
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }
  return false;
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

/** The same after a restart, and different for each sensor, because there is one refresh token for each client id. */
function ownClientId(interfaces: readonly string[], businessId: number): string {
  const identity = JSON.stringify([hostname(), interfaces, businessId]);
  return `wifi-monitor-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}
