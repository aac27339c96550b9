// The port behind which failed check-ins wait for Nexudus. Adding is the sensor's side; delivering is apart, so that
// later one process may sense and another deliver.
import { z } from 'zod';
import type { FailedCheckin } from '../nexudus/failed-checkin.js';
import type { Awaitable } from '../visits/register/visit-register.js';

/** One failed check-in on its way. */
export interface OutboxEntry {
  /** The visit's id: adding the same visit twice is harmless. */
  readonly id: string;
  readonly mac: number;
  /** IPv4 address as an unsigned number, 0 when unknown, and host name: what the directory is asked with once more. */
  readonly ipv4: number;
  readonly hostname: string | null;
  readonly checkin: FailedCheckin;
  /** A post was begun and its outcome is not known: Nexudus must be searched before posting again. */
  readonly sent: boolean;
}

/** What an entry looks like when it comes back from a store that others can write to. */
export const OUTBOX_ENTRY = z.object({
  id: z.string(),
  mac: z.number().int().nonnegative(),
  ipv4: z.number().int().nonnegative(),
  hostname: z.string().nullable(),
  sent: z.boolean(),
  checkin: z.looseObject({
    BusinessId: z.number().int(),
    CheckinAttemptTime: z.string(),
    Source: z.literal(3),
    MacAddresses: z.string(),
    Description: z.string(),
  }),
});

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
  readonly checkin: FailedCheckin;
}

export interface Outbox {
  /** Resolves when the entry is kept safely. Rejects when the store cannot be reached. */
  add(entry: OutboxEntry): Awaitable<void>;
  counts(): Promise<OutboxCounts>;
  /** When the oldest entry that is not failed was added, ms since the epoch; null when there is none. */
  oldestMs(): Promise<number | null>;
  /** At most `most` items, failed ones first. */
  list(most: number): Promise<OutboxItem[]>;
  /** Sends a failed entry (or, with null, all of them) once more. Answers how many. */
  retry(id: string | null): Promise<number>;
  /** Takes an entry out for good. Answers whether it was there. */
  drop(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** What became of one try to deliver an entry. */
export type Outcome =
  /** Nexudus made the record. */
  | { readonly kind: 'posted'; readonly recordId: number }
  /** An earlier try had made it after all. */
  | { readonly kind: 'found'; readonly recordId: number }
  /** The device was registered (or became known as equipment) while the entry waited. */
  | { readonly kind: 'not-needed'; readonly reason: string }
  /** Nothing can be delivered now: every entry waits for `ms`, this one stays first. Not counted as a try. */
  | { readonly kind: 'pause'; readonly ms: number; readonly reason: string }
  /** Something is wrong with this entry alone: it is put back, the next one goes ahead. */
  | {
      readonly kind: 'put-back';
      readonly reason: string;
      /** It is put back for longer with each try, but not for less than this. */
      readonly leastMs?: number;
    }
  /** Nexudus will never take it. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Tries to deliver one entry, added at `addedMs` (ms since the epoch). `markSent` keeps, durably, that a post is about to be made
 * (true) or certainly was not (false); it rejects when somebody else has the entry by now. Never rejects for what the API does.
 */
export type Deliver = (
  entry: OutboxEntry,
  markSent: (sent: boolean) => Promise<void>,
  addedMs: number,
) => Promise<Outcome>;

/** Running delivery. */
export interface Deliverer {
  /** Lets the entry that is being delivered finish, then stops. */
  close(): Promise<void>;
}

/** How long an entry that failed on its own is put back, ms: doubles from `firstMs` up to 10 minutes, jittered by a quarter. */
export function putBackMs(tries: number, firstMs: number): number {
  return Math.min(600_000, firstMs * 2 ** Math.min(tries, 16)) * (0.75 + Math.random() / 2);
}

export const FIRST_PUT_BACK_MS = 10_000;
