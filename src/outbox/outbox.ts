// The port behind which reports wait for Nexudus. A sensor enqueues; delivery is apart, so that one process may sense and another
// deliver.
import type { Awaitable } from '../visits/register/visit-register.js';
import type { Report } from './report.js';

export interface OutboxCounts {
  /** Ready to go, in order. */
  readonly waiting: number;
  /** Put back for a while after a failure of their own. */
  readonly delayed: number;
  readonly active: number;
  /** Refused by Nexudus; they wait for a person. */
  readonly failed: number;
}

export interface OutboxItem {
  readonly id: string;
  readonly state: 'waiting' | 'delayed' | 'active' | 'failed';
  readonly addedMs: number;
  readonly attempts: number;
  readonly reason: string | null;
  readonly report: Report;
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
  /** Sends a failed report (or, with null, all of them) once more. Returns how many. */
  retry(id: string | null): Promise<number>;
  /** Takes a report out for good. Returns whether it was there. */
  drop(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** What became of one try to deliver a report. */
export type Outcome =
  /** Nexudus made the record. */
  | { readonly kind: 'posted'; readonly recordId: number }
  /** An earlier try had made it after all. */
  | { readonly kind: 'found'; readonly recordId: number }
  /** The device was registered (or became known as equipment) while the report waited. */
  | { readonly kind: 'not-needed'; readonly reason: string }
  /** Nothing can be delivered now: every report waits for `ms`, this one stays first. Not counted as a try. */
  | { readonly kind: 'pause'; readonly ms: number; readonly reason: string }
  /** Something is wrong with this report alone: it is put back, the next one goes ahead. */
  | {
      readonly kind: 'put-back';
      readonly reason: string;
      /** It is put back for longer with each try, but not for less than this. */
      readonly leastMs?: number;
    }
  /** Nexudus will never take it. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Tries to deliver one report, enqueued at `addedMs` (ms since the epoch). `markSent` keeps, durably, that a post is about to be made
 * (true) or certainly was not (false); it rejects when another sensor has the report by now. Never rejects for what the API does.
 */
export type Deliver = (report: Report, markSent: (sent: boolean) => Promise<void>, addedMs: number) => Promise<Outcome>;

/** Running delivery. */
export interface Deliverer {
  /** Lets the report that is being delivered finish, then stops. */
  close(): Promise<void>;
}

/** How long a report that failed on its own is put back, ms: doubles from `firstMs` up to 10 minutes, jittered by a quarter. */
export function putBackMs(tries: number, firstMs: number): number {
  return Math.min(600_000, firstMs * 2 ** Math.min(tries, 16)) * (0.75 + Math.random() / 2);
}

export const FIRST_PUT_BACK_MS = 10_000;
