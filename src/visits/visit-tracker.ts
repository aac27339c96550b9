// Folds sightings into visits and bursts. It reads no clock: each call has the time.
import { formatIpv6 } from '../addresses/ip-address.js';
import type { MacAddress } from '../addresses/mac-address.js';
import type { Protocol } from '../decode/protocol.js';
import type { Sighting } from '../decode/sighting.js';
import { HOSTNAME_LENGTH, safeText, VENDOR_CLASS_LENGTH } from '../decode/text.js';
import { Kinship } from './kinship.js';
import { sharedParameterList } from './parameter-list.js';
import { Repeaters } from './repeater.js';
import { Visit } from './visit.js';
import { ABSENT, ACTIVE_MS, CLOCK_OFFSET_MS, DUE_MS, FIRST_MS, LAST_MS, SIGHTINGS, VisitTable } from './visit-table.js';

/** A visit without news is forwarded once in this time, which makes two calls of Redis a minute for each device. */
const HOLD_MS = 30_000;
/** So many addresses of each family are kept for a device. Only a scan shows more. */
const MAX_IPS = 8;
/** After so many news, a new fact of the visit is kept, but waits for the next regular forwarding. */
const MAX_NEWS = 16;
/** When event time and steady time differ by more than this within a visit, the wall clock was set. A late frame differs less. */
const CLOCK_WAS_SET_MS = 120_000;

const MAX_VENDOR_CLASSES = 256;

const NOT_DUE = Number.POSITIVE_INFINITY;

/** Called from within `attribute`, `observe`, `keepAlive`, `advance`, `forwardAll` and `flush`. */
export interface VisitListener {
  /** A burst has gone quiet, a fact was added, or a device that stays was active again. */
  onActive(visit: Visit): void;
  /** The visit is over: no sighting and no keep-alive for longer than the gap. `onActive` was called with its last news. */
  onEnded(visit: Visit): void;
  /** Frames of `mac` are taken for those of a device behind it, so they make no visit of its own. */
  onRepeater?(mac: MacAddress): void;
}

/** Rows that become due in the order in which they were added, because each queue has one constant delay. */
class DueQueue {
  // Two lists of numbers, so that a frame of a known device allocates no object.
  private rows: number[] = [];
  private times: number[] = [];
  private next = 0;

  constructor(private readonly table: VisitTable) {}

  add(row: number, dueMs: number): void {
    this.table.set(row, DUE_MS, dueMs);
    this.rows.push(row);
    this.times.push(dueMs);
  }

  /** Returns when the first entry is due; infinity when there is none. Entries whose row has another due time by now are dropped. */
  headMs(): number {
    while (this.next < this.rows.length) {
      const dueMs = this.times[this.next] as number;
      if (this.table.get(this.rows[this.next] as number, DUE_MS) === dueMs) return dueMs;
      this.drop();
    }
    return NOT_DUE;
  }

  /** Removes the first entry if it is due by `steadyMs`, and returns its row; ABSENT otherwise. */
  take(steadyMs: number): number {
    if (this.headMs() > steadyMs) return ABSENT;
    const row = this.rows[this.next] as number;
    this.drop();
    return row;
  }

  private drop(): void {
    this.next++;
    if (this.next < 1024 || this.next * 2 < this.rows.length) return;
    this.rows = this.rows.slice(this.next);
    this.times = this.times.slice(this.next);
    this.next = 0;
  }
}

export interface VisitTrackerOptions {
  /** A silence longer than this ends a visit, ms. */
  readonly gapMs: number;
  /** How long a burst's facts are collected before they are forwarded as one, ms. */
  readonly settleMs: number;
  /** A visit without news is forwarded once in this time, ms. Default: 30 s, or half of a shorter gap. */
  readonly holdMs?: number;
}

/**
 * Each call has two times. Event time (when the frame was captured, ms since the epoch) says when a visit was. Steady time (of any
 * clock that never jumps, ms) measures gaps and delays. In a replay both are the event time.
 *
 * The wall clock may be set while a visit is open. The visit then goes on with the clock that it began with, so that it reaches
 * neither into the future, where it would join later visits, nor back over earlier ones. Visits that begin afterwards have the new
 * time. So a visit that began while the clock was wrong keeps its wrong start. A sensor with a right clock (another one, or this one
 * after a restart) takes it for a different visit.
 */
export class VisitTracker {
  private readonly table = new VisitTable();
  private readonly bursts = new DueQueue(this.table);
  private readonly holding = new DueQueue(this.table);
  private readonly kinship = new Kinship({
    visitOf: (mac) => {
      const row = this.table.find(mac);
      return row === ABSENT ? null : this.table.visitIn(row);
    },
    mayPrecede: (first, visit) =>
      first !== visit &&
      first.vlan === visit.vlan &&
      this.table.get(visit.row, ACTIVE_MS) - this.table.get(first.row, ACTIVE_MS) <= this.options.gapMs &&
      !this.wasHeardSinceBeginOf(visit, first.row),
  });
  private readonly repeaters = new Repeaters(
    (mac, ipv4) => {
      const row = this.table.find(mac);
      return row !== ABSENT && this.table.visitIn(row).ipv4s.includes(ipv4);
    },
    (mac) => this.listener.onRepeater?.(mac),
  );
  private readonly holdMs: number;
  private sweepMs = Number.NEGATIVE_INFINITY;
  /** Steady time at which `advance` has something to do next; infinity when nothing waits. */
  nextDueMs = NOT_DUE;

  constructor(
    private readonly options: VisitTrackerOptions,
    private readonly listener: VisitListener,
  ) {
    // If a visit were forwarded less often than once in a gap, the register would make two visits of it.
    this.holdMs = options.holdMs ?? Math.min(HOLD_MS, options.gapMs / 2);
  }

  /** Devices whose visit is open. */
  get size(): number {
    return this.table.size;
  }

  has(mac: MacAddress): boolean {
    return this.table.find(mac) !== ABSENT;
  }

  /** The open visit of a device as it is now; null when there is none. */
  visitOf(mac: MacAddress): Visit | null {
    const row = this.table.find(mac);
    return row === ABSENT ? null : this.upToDate(row);
  }

  /** Brings the times and numbers of a visit up to date. Otherwise they are as at the latest call of the listener. */
  update(visit: Visit): void {
    if (this.isOpen(visit)) this.upToDate(visit.row);
  }

  /**
   * Moves the event times of all open visits, and of `others`, by `shiftMs`, because the clock was wrong. Open visits in `others`
   * move once.
   */
  shiftTimes(shiftMs: number, others: Iterable<Visit>): void {
    if (shiftMs === 0) return;
    const { table } = this;
    for (const visit of others) {
      if (this.isOpen(visit)) continue;
      visit.firstMs += shiftMs;
      visit.lastMs += shiftMs;
      visit.lastSightingMs += shiftMs;
    }
    for (const row of table.rows()) {
      for (const column of [FIRST_MS, LAST_MS, CLOCK_OFFSET_MS])
        table.set(row, column, table.get(row, column) + shiftMs);
      table.shiftKeepAlive(row, shiftMs);
      this.upToDate(row);
    }
  }

  /** Yields the open visits, up to date. */
  *open(): Generator<Visit> {
    for (const row of this.table.rows()) yield this.upToDate(row);
  }

  /** Yields the open visits of devices that were not heard since `steadyMs`. */
  *silentSince(steadyMs: number): Generator<Visit> {
    const { table } = this;
    for (const row of table.rows()) if (table.get(row, ACTIVE_MS) <= steadyMs) yield table.visitIn(row);
  }

  /** Returns the steady time of the latest sighting or keep-alive of an open visit; null when the visit is over. */
  heardMs(visit: Visit): number | null {
    return this.isOpen(visit) ? this.table.get(visit.row, ACTIVE_MS) : null;
  }

  /** Replaces a repeater's MAC by that of the device behind it. To be called before anything else is done with the sighting. */
  attribute(sighting: Sighting, steadyMs: number): void {
    this.repeaters.attribute(sighting, steadyMs);
  }

  observe(sighting: Sighting, eventMs: number, steadyMs: number): void {
    const { table, options } = this;
    let row = table.find(sighting.mac);
    if (row !== ABSENT && steadyMs - table.get(row, ACTIVE_MS) > options.gapMs) {
      this.end(row);
      row = ABSENT;
    }
    if (row === ABSENT) this.begin(sighting, eventMs, steadyMs);
    else {
      const atMs = inClockOf(table.get(row, CLOCK_OFFSET_MS), eventMs, steadyMs);
      if (atMs > table.get(row, LAST_MS)) table.set(row, LAST_MS, atMs);
      else if (atMs < table.get(row, FIRST_MS)) table.set(row, FIRST_MS, atMs);
      table.set(row, ACTIVE_MS, steadyMs);
      table.set(row, SIGHTINGS, table.get(row, SIGHTINGS) + 1);
      table.visitIn(row).heardOn |= sighting.heardOn;
      const isNews = this.merge(row, sighting);
      const dueMs = table.get(row, DUE_MS);
      if (isNews && dueMs > steadyMs + options.settleMs) this.due(this.bursts, row, steadyMs + options.settleMs);
      else if (dueMs === NOT_DUE) this.due(this.holding, row, steadyMs + this.holdMs);
    }
  }

  /**
   * Prolongs the open visit of a device. Returns whether there is one. It begins no visit: after the gap it only ends the old one. The
   * listener is called as rarely as for sightings without news. Allocates nothing.
   */
  keepAlive(mac: MacAddress, eventMs: number, steadyMs: number): boolean {
    const { table } = this;
    const row = table.find(mac);
    if (row === ABSENT) return false;
    if (steadyMs - table.get(row, ACTIVE_MS) > this.options.gapMs) {
      this.end(row);
      return false;
    }
    table.keepAlive(row, inClockOf(table.get(row, CLOCK_OFFSET_MS), eventMs, steadyMs));
    table.set(row, ACTIVE_MS, steadyMs);
    if (table.get(row, DUE_MS) === NOT_DUE) this.due(this.holding, row, steadyMs + this.holdMs);
    return true;
  }

  /** Forwards what is due at `steadyMs` and ends the visits whose gap is over. */
  advance(steadyMs: number): void {
    if (steadyMs < this.nextDueMs) return;
    const { bursts, holding, table, options } = this;
    for (let row = bursts.take(steadyMs); row !== ABSENT; row = bursts.take(steadyMs)) {
      if (this.isJoining(table.visitIn(row))) this.due(bursts, row, steadyMs + options.settleMs);
      else this.forward(row);
    }
    for (let row = holding.take(steadyMs); row !== ABSENT; row = holding.take(steadyMs)) this.forward(row);
    if (steadyMs >= this.sweepMs) {
      this.endAll((row) => steadyMs - table.get(row, ACTIVE_MS) > options.gapMs);
      this.sweepMs = steadyMs + options.gapMs / 8;
    }
    this.nextDueMs = Math.min(bursts.headMs(), holding.headMs());
    if (table.size > 0) this.nextDueMs = Math.min(this.nextDueMs, this.sweepMs);
  }

  /** Forwards every visit that waits to be forwarded, without waiting for its burst to go quiet. Visits stay open. */
  forwardAll(): void {
    for (const row of this.table.rows()) if (this.table.get(row, DUE_MS) !== NOT_DUE) this.forward(row);
  }

  /** Ends every visit, in the order in which they began. */
  flush(): void {
    this.endAll(() => true);
    this.sweepMs = Number.NEGATIVE_INFINITY;
    this.nextDueMs = NOT_DUE;
  }

  /** Removes everything about a device, with news that was not forwarded, and from what is known of others. */
  forget(mac: MacAddress): void {
    this.repeaters.forget(mac);
    const row = this.table.find(mac);
    if (row !== ABSENT) this.remove(row);
    for (const other of this.table.rows()) {
      const visit = this.table.visitIn(other);
      if (visit.kin?.mac === mac) visit.kin = null;
    }
  }

  private begin(sighting: Sighting, eventMs: number, steadyMs: number): void {
    const { table } = this;
    const visit = new Visit(sighting.mac, eventMs);
    const row = table.add(visit);
    visit.row = row;
    visit.heardOn = sighting.heardOn;
    table.set(row, FIRST_MS, eventMs);
    table.set(row, LAST_MS, eventMs);
    table.set(row, ACTIVE_MS, steadyMs);
    table.set(row, CLOCK_OFFSET_MS, eventMs - steadyMs);
    table.set(row, SIGHTINGS, 1);
    this.merge(row, sighting);
    this.due(this.bursts, row, steadyMs + this.options.settleMs);
  }

  private due(queue: DueQueue, row: number, dueMs: number): void {
    queue.add(row, dueMs);
    if (dueMs < this.nextDueMs) this.nextDueMs = dueMs;
  }

  /** Returns the visit, with its times and numbers copied from its row. */
  private upToDate(row: number): Visit {
    const { table } = this;
    const visit = table.visitIn(row);
    visit.firstMs = table.get(row, FIRST_MS);
    visit.lastSightingMs = table.get(row, LAST_MS);
    visit.lastMs = Math.max(visit.lastSightingMs, table.lastKeepAliveMs(row));
    visit.sightings = table.get(row, SIGHTINGS);
    visit.keepAlives = table.keepAlives(row);
    // This is done here, and not for every frame in `observe`.
    if (visit.kin !== null) {
      const kinRow = table.find(visit.kin.mac);
      if (kinRow !== ABSENT && this.wasHeardSinceBeginOf(visit, kinRow)) visit.kin = null;
    }
    return visit;
  }

  /** Whether the device in `row` was active after `visit` began. If so, they are two devices. */
  private wasHeardSinceBeginOf(visit: Visit, row: number): boolean {
    const { table } = this;
    const beganMs = table.get(visit.row, FIRST_MS) - table.get(visit.row, CLOCK_OFFSET_MS);
    return table.get(row, ACTIVE_MS) > beganMs;
  }

  /**
   * Whether to wait for the settle time once more, because the device asked for an address and has none yet. Many servers (dnsmasq)
   * first test for three seconds whether an address is free, and a report is more useful with the address.
   */
  private isJoining(visit: Visit): boolean {
    if (visit.isWaitedFor || visit.ipv4s.length > 0 || !visit.via.includes('dhcp') || this.options.settleMs === 0)
      return false;
    visit.isWaitedFor = true;
    return true;
  }

  private forward(row: number): void {
    this.table.set(row, DUE_MS, NOT_DUE);
    this.listener.onActive(this.upToDate(row));
  }

  /** Ends the visits in the rows that `isOver` picks, in the order in which they began. */
  private endAll(isOver: (row: number) => boolean): void {
    const over: Visit[] = [];
    for (const row of this.table.rows()) if (isOver(row)) over.push(this.upToDate(row));
    over.sort((a, b) => a.firstMs - b.firstMs || a.mac - b.mac);
    // The listener may have made the tracker forget a visit.
    for (const visit of over) if (this.isOpen(visit)) this.end(visit.row);
  }

  private end(row: number): void {
    const visit = this.upToDate(row);
    if (this.table.get(row, DUE_MS) !== NOT_DUE) this.forward(row);
    if (!this.isOpen(visit)) return;
    this.remove(row);
    this.listener.onEnded(visit);
  }

  /** Whether it was neither ended nor forgotten. Its row may have another visit by then. */
  private isOpen(visit: Visit): boolean {
    return this.table.find(visit.mac) === visit.row && this.table.visitIn(visit.row) === visit;
  }

  private remove(row: number): void {
    const visit = this.table.visitIn(row);
    this.table.remove(row);
    this.kinship.remove(visit);
  }

  /** Adds the facts of the sighting to the visit. Returns whether any of them is news. */
  private merge(row: number, sighting: Sighting): boolean {
    const facts = sighting.facts();
    if (this.table.knows(row, facts)) return false;
    const visit = this.table.visitIn(row);
    const { vlan, hostname, vendorClass, clientId } = visit;
    const isNews = this.add(visit, sighting);
    // A fact that was replaced is news again when the device returns to it.
    if (
      (vlan !== null && vlan !== visit.vlan) ||
      (hostname !== null && hostname !== visit.hostname) ||
      (vendorClass !== null && vendorClass !== visit.vendorClass) ||
      // Null stands for the device's own address, which can be replaced as well.
      clientId !== visit.clientId
    )
      this.table.forgetFacts(row);
    this.table.learn(row, facts);
    return isNews;
  }

  private add(visit: Visit, sighting: Sighting): boolean {
    let isNews = false;
    if (!visit.via.includes(sighting.via)) {
      visit.via = listWith(visit.via, sighting.via);
      isNews = true;
    }
    if (sighting.ipv4 !== 0 && hasRoomFor(visit.ipv4s, sighting.ipv4)) {
      visit.ipv4s = visit.ipv4s.concat(sighting.ipv4);
      isNews = true;
    }
    if (sighting.ipv6.length > 0) {
      const ipv6 = formatIpv6(sighting.ipv6.bytes, sighting.ipv6.start);
      if (hasRoomFor(visit.ipv6s, ipv6)) {
        visit.ipv6s = visit.ipv6s.concat(ipv6);
        isNews = true;
      }
    }
    if (sighting.vlan !== 0 && visit.vlan !== sighting.vlan) {
      isNews = isNews || visit.vlan === null;
      visit.vlan = sighting.vlan;
    }
    const hostname = safeText(sighting.hostname, HOSTNAME_LENGTH);
    if (hostname !== null && hostname !== visit.hostname) {
      this.kinship.rename(visit, hostname);
      isNews = true;
    }
    const vendorClass = safeText(sighting.vendorClass, VENDOR_CLASS_LENGTH);
    if (vendorClass !== null && vendorClass !== visit.vendorClass) {
      visit.vendorClass = shared(vendorClass);
      isNews = true;
    }
    // The list is no news, because it comes with the first DHCP frame, which is.
    if (sighting.parameterList.length > 0) visit.parameterList = sharedParameterList(sighting.parameterList);
    if (sighting.clientId.length > 0) this.kinship.identify(visit, sighting.clientId);
    if (sighting.forwarded) visit.forwarded = true;
    if (sighting.leased && !visit.leased) {
      visit.leased = true;
      isNews = true;
    }
    // A device that changes its name with every frame must not be forwarded with every frame.
    if (isNews) visit.newsCount++;
    return isNews && visit.newsCount <= MAX_NEWS;
  }
}

/** Returns event time by the wall clock as it was when the visit began: `offsetMs` more than steady time. */
function inClockOf(offsetMs: number, eventMs: number, steadyMs: number): number {
  const expectedMs = steadyMs + offsetMs;
  return Math.abs(eventMs - expectedMs) > CLOCK_WAS_SET_MS ? Math.round(expectedMs) : eventMs;
}

const vendorClasses = new Map<string, string>();

/** Returns the same text for equal vendor classes, which are long and few, so that visits share it. */
function shared(vendorClass: string): string {
  const known = vendorClasses.get(vendorClass);
  if (known !== undefined) return known;
  if (vendorClasses.size >= MAX_VENDOR_CLASSES) vendorClasses.clear();
  vendorClasses.set(vendorClass, vendorClass);
  return vendorClass;
}

const protocolLists: (readonly Protocol[])[] = [];

/** Returns `list` with `protocol` at its end. There are few such lists, and all visits share them. */
function listWith(list: readonly Protocol[], protocol: Protocol): readonly Protocol[] {
  const isIt = (other: readonly Protocol[]) =>
    other.length === list.length + 1 &&
    other[list.length] === protocol &&
    list.every((known, index) => known === other[index]);
  const shared = protocolLists.find(isIt);
  if (shared !== undefined) return shared;
  const longer = list.concat(protocol);
  protocolLists.push(longer);
  return longer;
}

/** Whether an address is new, and the list is not full. */
function hasRoomFor<Address>(list: readonly Address[], address: Address): boolean {
  return list.length < MAX_IPS && !list.includes(address);
}
