// The port behind which visits are kept: one register for all sensors of a location, so that each visit is decided once.
import { type MacAddress, macDigits } from '../../addresses/mac-address.js';

/**
 * What became of a visit: `reported` (a failed check-in went to the outbox), `spaced` (unrecognised, but reported too
 * recently, see REPORT_AGAIN_AFTER), `recognised` or `ignored`. `labelled`: a person's label says that it is not to be reported. As a
 * label can be removed, this one alone is replaced by any other.
 */
export type Settlement = 'reported' | 'spaced' | 'recognised' | 'ignored' | 'labelled';

/** A device keeps this many visits: more than one only so that sightings that arrive late find theirs. */
export const MAX_VISITS = 6;

/** What the register knows of a visit after a sighting went in. */
export interface RegisteredVisit {
  /** The visit's first sighting, ms since the epoch: part of its id, so it never changes. */
  readonly startMs: number;
  /** Null until some sensor has settled this visit. */
  readonly settlement: Settlement | null;
  /** Start of the latest visit of this device that was reported, this one included; null when there is none. */
  readonly lastReportedMs: number | null;
}

/** A value, or the promise of it. Registers in memory answer at once: libpcap hands over a capture file in one
 * synchronous go, and a replay that had to await each answer would first have to hold the whole file in memory. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with an answer: at once when it is there, later when it is a promise. */
export function after<T, R>(answer: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}

export interface VisitRegister {
  /**
   * Enters sightings from `firstMs` to `lastMs` (event times). They extend the visit they touch (no gap longer than the
   * register's gap), join two visits they bridge, or begin a new one. Atomic between sensors. Rejects when the register
   * cannot be reached; entering the same again is harmless.
   */
  registerSightings(mac: MacAddress, firstMs: number, lastMs: number): Awaitable<RegisteredVisit>;
  /** Says what became of the visit that began at `startMs`. Of several answers the first stays, but for `labelled`. */
  settleVisit(mac: MacAddress, startMs: number, settlement: Settlement): Awaitable<void>;
  /** Removes everything about a device. */
  forget(mac: MacAddress): Awaitable<void>;
  close(): Promise<void>;
}

/** `77-3c22fb000001-1790000000000`: business, MAC, start in ms. No colons, because BullMQ job ids may not hold any. */
export function visitId(businessId: number, mac: MacAddress, startMs: number): string {
  return `${businessId}-${macDigits(mac)}-${startMs}`;
}
