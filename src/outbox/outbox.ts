// The port for reports that wait for Nexudus. A sensor enqueues them. Delivery is separate, so that one process may sense and another
// deliver.
import type { Decision } from '../devices/decision.js';
import type { Awaitable } from '../visits/register/visit-register.js';
import type { Report } from './report.js';

export interface OutboxCounts {
  /** Ready to be delivered, in turn. */
  readonly waiting: number;
  /** Put back for a while after a failure of their own. */
  readonly delayed: number;
  readonly active: number;
  /** Refused by Nexudus. An operator may retry or drop them. */
  readonly failed: number;
  /** Dropped, within about the last RETENTION, because they had waited for longer than OUTBOX_RETENTION. */
  readonly dropped: number;
}

/** What a cleaning did: how many reports were dropped because they had waited too long. */
export interface Cleaned {
  readonly dropped: number;
}

export interface OutboxItem {
  readonly id: string;
  readonly state: 'waiting' | 'delayed' | 'active' | 'failed';
  readonly addedMs: number;
  readonly attempts: number;
  readonly reason: string | null;
  readonly report: Report;
}

/** The reports to drop. All conditions must be true. */
export interface DropFilter {
  /** Only reports of devices that did not prove themselves. */
  readonly isUnproven?: boolean;
  /** Only reports that were added before this time, ms since the epoch. */
  readonly beforeMs?: number;
}

/**
 * `restored`: a report that was withdrawn waits again. `busy`: it is being delivered, so it is not known yet whether it is withdrawn.
 * `none`: there is nothing to restore.
 */
export type Restored = 'restored' | 'busy' | 'none';

export interface Outbox {
  /** Resolves when the report is kept safely. Rejects when the store cannot be reached. */
  enqueue(report: Report): Awaitable<void>;
  /** Makes a report that delivery found not needed wait again, because the device is unrecognised after all. */
  restore(id: string): Awaitable<Restored>;
  counts(): Promise<OutboxCounts>;
  /** When the oldest report that is not failed was added, ms since the epoch; null when there is none. */
  oldestMs(): Promise<number | null>;
  /** Returns at most `most` items, failed ones first. */
  list(most: number): Promise<OutboxItem[]>;
  /**
   * The device of a report has proved itself by now. If the report still waits, it goes before those of devices that did not. `busy`:
   * it is being delivered, so this must be called again later.
   */
  prove(id: string, businessId: number): Awaitable<'done' | 'busy'>;
  /** Sends a failed report again, or all of them with null. Returns how many. */
  retry(id: string | null): Promise<number>;
  /** Removes a report. Returns whether it was there. */
  drop(id: string): Promise<boolean>;
  /** Removes all reports that fit, failed ones too. A report that is being delivered cannot be removed: it counts as busy. */
  dropAll(which: DropFilter): Promise<{ readonly dropped: number; readonly busy: number }>;
  /** Removes what is finished and older than RETENTION, and what has waited for longer than OUTBOX_RETENTION. */
  clean(): Promise<Cleaned>;
  close(): Promise<void>;
}

/** The result of an attempt to deliver a report. */
export type Outcome =
  /** Nexudus made the record. */
  | { readonly kind: 'posted'; readonly recordId: number }
  /** An earlier attempt had made the record. */
  | { readonly kind: 'found'; readonly recordId: number }
  /** A hub has the visit. `decision`: what it decided about it. */
  | { readonly kind: 'handed-over'; readonly decision: Decision }
  /** The device was registered (or became known as equipment) while the report waited. */
  | { readonly kind: 'not-needed'; readonly reason: string }
  /** Nexudus takes nothing now. Every sensor waits for `ms`, and this report stays first. It is not counted as an attempt. */
  | { readonly kind: 'pause'; readonly ms: number; readonly reason: string }
  /** Only this sensor cannot deliver now. It waits for `ms`, and others go on, with this report first. It is not counted either. */
  | { readonly kind: 'pause-own'; readonly ms: number; readonly reason: string }
  /** Something is wrong with this report alone. It is put back, and the next one is delivered. */
  | {
      readonly kind: 'put-back';
      readonly reason: string;
      /** It is put back for longer with each attempt, but at least for this time. */
      readonly leastMs?: number;
      /** Nexudus refuses it. It is soon tried again, after the other reports of its location. */
      readonly isRefused?: true;
    }
  /** The rest of the day's posts is for devices that proved themselves. It is put back for `ms`, or until its device proves itself. */
  | { readonly kind: 'await-proof'; readonly ms: number; readonly reason: string }
  /** Nexudus will never take it. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Why a report waits although nothing is wrong with it. `wifi-monitor outbox` shows it. */
export const AWAITS_PROOF =
  'it waits until the device has proved itself, or for tomorrow: what is left of today is for devices that did (NEXUDUS_POSTS_PER_DAY)';

/**
 * Tries to deliver a report that was enqueued at `addedMs` (ms since the epoch). `markSent` stores that a post is about to be made
 * (true) or certainly was not made (false). It rejects when another sensor has the report by now. Never rejects for a failure of the
 * API.
 */
export type Deliver = (report: Report, markSent: (sent: boolean) => Promise<void>, addedMs: number) => Promise<Outcome>;

/** What delivery needs when it starts. */
export interface DeliveryHooks {
  /** Called after every attempt. */
  readonly onOutcome: (report: Report, outcome: Outcome) => void;
  /** Returns whether this sensor may take reports again after a `pause-own`. It is called again until it returns true. */
  readonly mayResume?: () => Promise<boolean>;
}

/** Running delivery. */
export interface Deliverer {
  /** Stops after the report that is being delivered. */
  close(): Promise<void>;
}

export const FIRST_PUT_BACK_MS = 10_000;
/** How long anything waits at most, unless OUTBOX_RETENTION says otherwise, ms. */
export const MAX_WAIT_MS = 30 * 86_400_000;
/** What is refused is refused quickly, and costs nothing but a turn. */
const FIRST_REFUSED_MS = 300;

/**
 * Returns how long a report is put back after `tries` attempts, ms. It doubles from `firstMs` up to 10 minutes, with a jitter of a
 * quarter, and is at least `leastMs`.
 */
export function putBackMs(
  { leastMs = 0, isRefused = false }: { readonly leastMs?: number; readonly isRefused?: boolean },
  tries: number,
  firstMs: number,
): number {
  const first = isRefused ? Math.min(firstMs, FIRST_REFUSED_MS) : firstMs;
  return Math.max(leastMs, Math.min(600_000, first * 2 ** Math.min(tries, 16)) * (0.75 + Math.random() / 2));
}
