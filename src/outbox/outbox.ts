// The port behind which reports wait for Nexudus. A sensor enqueues; delivery is apart, so that one process may sense and another
// deliver.
import type { Decision } from '../devices/decision.js';
import type { Awaitable } from '../visits/register/visit-register.js';
import type { Report } from './report.js';

export interface OutboxCounts {
  /** Ready to go, in turn. */
  readonly waiting: number;
  /** Put back for a while after a failure of their own. */
  readonly delayed: number;
  readonly active: number;
  /** Refused by Nexudus; they wait for a person. */
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

/** Which reports are to be dropped; all conditions must hold. */
export interface DropFilter {
  /** Only those of devices that did not prove themselves. */
  readonly isUnproven?: boolean;
  /** Only those added before this time, ms since the epoch. */
  readonly beforeMs?: number;
}

/**
 * `restored`: a report that was withdrawn waits again. `busy`: it is being delivered, so nobody can tell yet whether it is withdrawn.
 * `none`: there is nothing to restore.
 */
export type Restored = 'restored' | 'busy' | 'none';

export interface Outbox {
  /** Resolves when the report is kept safely. Rejects when the store cannot be reached. */
  enqueue(report: Report): Awaitable<void>;
  /** Lets a report that delivery found not needed wait again: the device is nobody's after all. */
  restore(id: string): Awaitable<Restored>;
  counts(): Promise<OutboxCounts>;
  /** When the oldest report that is not failed was added, ms since the epoch; null when there is none. */
  oldestMs(): Promise<number | null>;
  /** At most `most` items, failed ones first. */
  list(most: number): Promise<OutboxItem[]>;
  /**
   * The device of a report has proved itself by now: if the report still waits, it goes before those of devices that did not. `busy`:
   * it is being delivered, so ask again later.
   */
  prove(id: string, businessId: number): Awaitable<'done' | 'busy'>;
  /** Sends a failed report (or, with null, all of them) once more. Returns how many. */
  retry(id: string | null): Promise<number>;
  /** Takes a report out for good. Returns whether it was there. */
  drop(id: string): Promise<boolean>;
  /** Takes all reports out that fit, failed ones too. What is being delivered cannot be dropped: it counts as busy. */
  dropAll(which: DropFilter): Promise<{ readonly dropped: number; readonly busy: number }>;
  /** Removes what is finished and older than RETENTION, and what has waited for longer than OUTBOX_RETENTION. */
  clean(): Promise<Cleaned>;
  close(): Promise<void>;
}

/** What became of one try to deliver a report. */
export type Outcome =
  /** Nexudus made the record. */
  | { readonly kind: 'posted'; readonly recordId: number }
  /** An earlier try had made it after all. */
  | { readonly kind: 'found'; readonly recordId: number }
  /** A hub has the visit. `decision`: what it decided about it. */
  | { readonly kind: 'handed-over'; readonly decision: Decision }
  /** The device was registered (or became known as equipment) while the report waited. */
  | { readonly kind: 'not-needed'; readonly reason: string }
  /** Nexudus takes nothing now: every sensor waits for `ms`, this report stays first. Not counted as a try. */
  | { readonly kind: 'pause'; readonly ms: number; readonly reason: string }
  /** This sensor cannot deliver now: it alone waits for `ms`, and other sensors go on, with this report first. No try either. */
  | { readonly kind: 'pause-own'; readonly ms: number; readonly reason: string }
  /** Something is wrong with this report alone: it is put back, the next one goes ahead. */
  | {
      readonly kind: 'put-back';
      readonly reason: string;
      /** It is put back for longer with each try, but not for less than this. */
      readonly leastMs?: number;
      /** Nexudus refuses it: it is soon tried again, behind what waits of its location. */
      readonly isRefused?: true;
    }
  /** What is left of the day is for devices that proved themselves: put back for `ms`, or until its device does. */
  | { readonly kind: 'await-proof'; readonly ms: number; readonly reason: string }
  /** Nexudus will never take it. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Why a report waits although nothing is wrong with it. `wifi-monitor outbox` shows it. */
export const AWAITS_PROOF =
  'it waits until the device has proved itself, or for tomorrow: what is left of today is for devices that did (NEXUDUS_POSTS_PER_DAY)';

/**
 * Tries to deliver one report, enqueued at `addedMs` (ms since the epoch). `markSent` keeps, durably, that a post is about to be made
 * (true) or certainly was not (false); it rejects when another sensor has the report by now. Never rejects for what the API does.
 */
export type Deliver = (report: Report, markSent: (sent: boolean) => Promise<void>, addedMs: number) => Promise<Outcome>;

/** What delivery is started with. */
export interface DeliveryHooks {
  /** Hears of every try. */
  readonly onOutcome: (report: Report, outcome: Outcome) => void;
  /** Whether this sensor may take reports again after it had to wait by itself. Until it may, it asks again and takes none. */
  readonly mayResume?: () => Promise<boolean>;
}

/** Running delivery. */
export interface Deliverer {
  /** Lets the report that is being delivered finish, then stops. */
  close(): Promise<void>;
}

export const FIRST_PUT_BACK_MS = 10_000;
/** How long anything waits at most, unless OUTBOX_RETENTION says otherwise, ms. */
export const MAX_WAIT_MS = 30 * 86_400_000;
/** What is refused is refused quickly, and costs nothing but a turn. */
const FIRST_REFUSED_MS = 300;

/**
 * How long a report is put back after `tries` earlier ones, ms: doubles from `firstMs` up to 10 minutes, jittered by a quarter, but not
 * for less than it asks for.
 */
export function putBackMs(
  { leastMs = 0, isRefused = false }: { readonly leastMs?: number; readonly isRefused?: boolean },
  tries: number,
  firstMs: number,
): number {
  const first = isRefused ? Math.min(firstMs, FIRST_REFUSED_MS) : firstMs;
  return Math.max(leastMs, Math.min(600_000, first * 2 ** Math.min(tries, 16)) * (0.75 + Math.random() / 2));
}
