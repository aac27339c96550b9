// The open visits by MAC. What every frame of a known device reads and writes is in one typed array. As an object with eight times it
// would be nine objects for V8, and with many devices each access a cache miss.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Visit } from './visit.js';

// The columns of a row.
const MAC = 0;
/** Event time of the first sighting, ms since the epoch. */
export const FIRST_MS = 1;
/** Event time of the latest sighting. */
export const LAST_MS = 2;
/** Steady time of the latest sighting or keep-alive. Gaps are measured with it. */
export const ACTIVE_MS = 3;
/** Steady time at which the listener is to be called for this visit. */
export const DUE_MS = 4;
/** Event time minus steady time when the visit began. */
export const CLOCK_OFFSET_MS = 5;
export const SIGHTINGS = 6;
/** The next row in the same bucket, or the next free row. */
const NEXT = 7;
/** Hashes of known facts (Sighting.facts). A device has four or five. */
const FACTS = 8;
const LAST_FACTS = 15;
/** 128 octets, two lines of a processor's cache. */
const COLUMNS = 16;

const MIN_ROWS = 256;

/** What `find` returns when there is no open visit. */
export const ABSENT = -1;

export class VisitTable {
  /** Number of open visits. */
  size = 0;
  private cells = new Float64Array(MIN_ROWS * COLUMNS);
  /**
   * Two for each row: the event time of the latest keep-alive, and their number. They are separate because a sighting needs neither.
   */
  private alive = new Float64Array(MIN_ROWS * 2);
  /** The first row of each bucket. */
  private heads = new Int32Array(MIN_ROWS * 2).fill(ABSENT);
  private free = ABSENT;
  /** Number of rows that were ever in use. */
  private used = 0;
  private readonly visits: (Visit | undefined)[] = [];
  /** Random, so that nobody on the network can choose addresses that share a bucket. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;

  /** Returns the row of a device's open visit; ABSENT when there is none. A visit stays in its row until it is removed. */
  find(mac: MacAddress): number {
    let row = this.heads[this.bucketOf(mac)] as number;
    while (row !== ABSENT && this.get(row, MAC) !== mac) row = this.get(row, NEXT);
    return row;
  }

  /** `column` is one of the constants of this file. */
  get(row: number, column: number): number {
    return this.cells[row * COLUMNS + column] as number;
  }

  set(row: number, column: number, value: number): void {
    this.cells[row * COLUMNS + column] = value;
  }

  /** Counts a keep-alive. One that arrives late changes only the number. */
  keepAlive(row: number, eventMs: number): void {
    const { alive } = this;
    if (eventMs > (alive[row * 2] as number)) alive[row * 2] = eventMs;
    alive[row * 2 + 1] = (alive[row * 2 + 1] as number) + 1;
  }

  /** Returns the event time of the latest keep-alive; 0 when there was none. */
  lastKeepAliveMs(row: number): number {
    return this.alive[row * 2] as number;
  }

  /** Moves the time of the latest keep-alive, if there was one. */
  shiftKeepAlive(row: number, shiftMs: number): void {
    const { alive } = this;
    if (alive[row * 2] !== 0) alive[row * 2] = (alive[row * 2] as number) + shiftMs;
  }

  keepAlives(row: number): number {
    return this.alive[row * 2 + 1] as number;
  }

  visitIn(row: number): Visit {
    const visit = this.visits[row];
    if (visit === undefined) throw new RangeError(`row ${row} is free`);
    return visit;
  }

  /** Adds a visit of a device that has none. Returns its row, in which all columns but the MAC are 0. */
  add(visit: Visit): number {
    let row = this.free;
    if (row === ABSENT) {
      if (this.used * COLUMNS === this.cells.length) this.grow();
      row = this.used++;
    } else this.free = this.get(row, NEXT);
    const start = row * COLUMNS;
    this.cells.fill(0, start, start + COLUMNS);
    this.alive.fill(0, row * 2, row * 2 + 2);
    this.cells[start + MAC] = visit.mac;
    this.visits[row] = visit;
    this.link(row);
    this.size++;
    return row;
  }

  remove(row: number): void {
    const bucket = this.bucketOf(this.get(row, MAC));
    const after = this.get(row, NEXT);
    let before = this.heads[bucket] as number;
    if (before === row) this.heads[bucket] = after;
    else {
      while (this.get(before, NEXT) !== row) before = this.get(before, NEXT);
      this.set(before, NEXT, after);
    }
    this.visits[row] = undefined;
    this.set(row, DUE_MS, Number.POSITIVE_INFINITY);
    this.set(row, NEXT, this.free);
    this.free = row;
    this.size--;
  }

  /** Yields the rows in use, in no particular order. Visits may be added and removed meanwhile. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.used; row++) if (this.visits[row] !== undefined) yield row;
  }

  /** Whether these facts (Sighting.facts) were learnt and not forgotten since. */
  knows(row: number, facts: number): boolean {
    for (let column = FACTS; column <= LAST_FACTS; column++) {
      const known = this.get(row, column);
      if (known === facts) return true;
      if (known === 0) return false;
    }
    return false;
  }

  /** When there is no room left, the oldest facts are forgotten. */
  learn(row: number, facts: number): void {
    const first = row * COLUMNS + FACTS;
    this.cells.copyWithin(first + 1, first, row * COLUMNS + LAST_FACTS);
    this.cells[first] = facts;
  }

  forgetFacts(row: number): void {
    this.cells.fill(0, row * COLUMNS + FACTS, (row + 1) * COLUMNS);
  }

  /** The last steps of Murmur3: each bit depends on all others. */
  private bucketOf(mac: MacAddress): number {
    let hash = mac ^ this.seed ^ Math.imul(mac / 0x1_0000_0000, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.heads.length - 1);
  }

  private link(row: number): void {
    const bucket = this.bucketOf(this.get(row, MAC));
    this.set(row, NEXT, this.heads[bucket] as number);
    this.heads[bucket] = row;
  }

  /** Doubles the number of rows. Only called when no row is free. */
  private grow(): void {
    const { cells, alive, heads } = this;
    this.cells = new Float64Array(cells.length * 2);
    this.cells.set(cells);
    this.alive = new Float64Array(alive.length * 2);
    this.alive.set(alive);
    this.heads = new Int32Array(heads.length * 2).fill(ABSENT);
    for (let row = 0; row < this.used; row++) this.link(row);
  }
}
