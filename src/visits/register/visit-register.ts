// The port for keeping visits. All sensors of a location share one register, so that each visit is decided once.
import { type MacAddress, macDigits } from '../../addresses/mac-address.js';

/**
 * What became of a visit: `reported` (its report is in the outbox), `spaced` (unrecognised, but the device was reported recently, see
 * REPORT_AGAIN_AFTER), `recognised`, `ignored`, or `labelled` (an operator's label says that it is not to be reported). A label can be
 * removed, so any other settlement replaces `labelled`. All others are final.
 */
export type Settlement = 'reported' | 'spaced' | 'recognised' | 'ignored' | 'labelled';

/** So many visits are kept for a device. Earlier ones are kept for sightings that arrive late. */
export const MAX_VISITS = 6;

/** What the register knows of a visit after a sighting was registered. */
export interface RegisteredVisit {
  /** The visit's first sighting, ms since the epoch: part of its id, so it never changes. */
  readonly startMs: number;
  /** Null until some sensor has settled this visit. */
  readonly settlement: Settlement | null;
  /** Start of the latest visit of this device that was reported, this one included; null when there is none. */
  readonly lastReportedMs: number | null;
  /**
   * It lies before all that the register still keeps of the device: what it once knew of this visit may be gone. A sensor that was cut
   * off for long brings such visits.
   */
  readonly isOlderThanKept: boolean;
}

/**
 * A value, or the promise of it. A register in memory returns values, for replays: libpcap hands over a capture file in one synchronous
 * go, so a replay that awaited each result would first need the whole file in memory.
 */
export type Awaitable<T> = T | Promise<T>;

/** Calls `next` with the value: at once, or when the promise resolves. */
export function after<T, R>(result: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return result instanceof Promise ? result.then(next) : next(result);
}

export interface VisitRegister {
  /**
   * Registers sightings from `firstMs` to `lastMs` (event times). They prolong a visit when the gap between is not longer than the
   * register's gap, join two visits, or begin a new one. Atomic between sensors. Rejects when the register cannot be reached.
   * Registering the same twice changes nothing.
   */
  registerSightings(mac: MacAddress, firstMs: number, lastMs: number): Awaitable<RegisteredVisit>;
  /** Settles the visit that began at `startMs`. The first settlement stays, unless it is `labelled`. */
  settleVisit(mac: MacAddress, startMs: number, settlement: Settlement): Awaitable<void>;
  /** Removes everything about a device. */
  forget(mac: MacAddress): Awaitable<void>;
  close(): Promise<void>;
}

/** `77-3c22fb000001-1790000000000`: business, MAC, start in ms. No colons, because BullMQ job ids may not hold any. */
export function visitId(businessId: number, mac: MacAddress, startMs: number): string {
  return `${businessId}-${macDigits(mac)}-${startMs}`;
}
