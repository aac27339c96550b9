// Folds sightings into visits and bursts. Pure and clock-free: time comes in with each call.
import { formatIpv6 } from '../decode/ip-address.js';
import type { Protocol, Sighting, Span } from '../decode/sighting.js';
import { HOSTNAME_LENGTH, safeText, VENDOR_CLASS_LENGTH } from '../decode/text.js';
import type { MacAddress } from '../devices/mac-address.js';

/** By default a device that stays is forwarded at most this often, unless it shows a new fact: two calls of Redis a minute. */
const HOLD_MS = 30_000;
/** A device keeps this many addresses of each family; more is no household device but a scan. */
const MOST_IPS = 8;
/** A visit's facts are news this many times; after that they are still kept, but wait for the next regular forwarding. */
const MOST_NEWS = 16;
/** Event time that runs away from steady time by more than this within a visit is the wall clock being set, not the frame being late. */
const CLOCK_WAS_SET_MS = 120_000;

const NONE: readonly Protocol[] = [];
const NOT_DUE = Number.POSITIVE_INFINITY;

/** What ties two devices to one owner, most likely. */
export interface Kin {
  readonly mac: MacAddress;
  readonly by: 'DHCP client id' | 'host name';
}

/** Names that devices have until their owners give them one: they tie nobody to anybody. */
const COMMON_NAME =
  /^(iphone|ipad|watch|macbook(-?(air|pro))?|imac|android(-\w+)?|galaxy-\w+|pixel-\w+|localhost|unknown)$/i;

/** One visit as this sensor saw it. The tracker alone writes to it. */
export class Visit {
  /** Event times, ms since the epoch. */
  firstMs: number;
  lastMs: number;
  sightings = 0;
  // Lists are replaced, never pushed to: a list that grows makes room for seventeen, and nearly all of these stay at one or two.
  via: readonly Protocol[] = NONE;
  ipv4s: readonly number[] = [];
  ipv6s: readonly string[] = [];
  hostname: string | null = null;
  vendorClass: string | null = null;
  /** DHCP client identifier in hexadecimal. */
  clientId: string | null = null;
  vlan: number | null = null;
  /** Another visit that was open when this device showed the same identity: perhaps one person's phone with a new address. */
  kin: Kin | null = null;
  /** Something else on the network spoke for the device at least once: a relay, a proxy, a repeater. */
  forwarded = false;

  /** What was to be added to steady time for event time when the visit began. */
  readonly clockOffsetMs: number;
  /** Steady time of the latest sighting; gaps are measured with it. */
  activeMs: number;
  /** Steady time at which the listener must hear of this visit again. */
  dueMs = NOT_DUE;
  hostnameHash = 0;
  vendorClassHash = 0;
  clientIdHash = 0;
  ipv6Hashes: readonly number[] = [];
  newsCount = 0;
  /** Its first news were held back once, because the address was still to come. */
  isWaitedFor = false;

  constructor(
    readonly mac: MacAddress,
    eventMs: number,
    steadyMs: number,
  ) {
    this.firstMs = eventMs;
    this.lastMs = eventMs;
    this.clockOffsetMs = eventMs - steadyMs;
    this.activeMs = steadyMs;
  }
}

/** Hears what the tracker found out. Calls come from within `observe`, `advance` and `flush`. */
export interface VisitListener {
  /** A burst has settled, a fact was added, or a device that stays was active again. */
  onActive(visit: Visit): void;
  /** The visit is over: no sighting for longer than the gap. `onActive` has had its last news. */
  onEnded(visit: Visit): void;
}

/** Visits that become due in the order they were added, because each queue adds one constant delay. */
class DueQueue {
  // Two plain lists, because an object for each entry would be the only one that a frame of a known device costs.
  private visits: Visit[] = [];
  private times: number[] = [];
  private next = 0;

  add(visit: Visit, dueMs: number): void {
    visit.dueMs = dueMs;
    this.visits.push(visit);
    this.times.push(dueMs);
  }

  /** When the first entry is due; infinity when there is none. Entries that were overtaken are passed over. */
  headMs(): number {
    while (this.next < this.visits.length) {
      const dueMs = this.times[this.next] as number;
      if (this.visits[this.next]?.dueMs === dueMs) return dueMs;
      this.drop();
    }
    return NOT_DUE;
  }

  /** Takes out the first entry, when it is due by `steadyMs`. */
  take(steadyMs: number): Visit | undefined {
    if (this.headMs() > steadyMs) return undefined;
    const visit = this.visits[this.next];
    this.drop();
    return visit;
  }

  private drop(): void {
    this.next++;
    if (this.next < 1024 || this.next * 2 < this.visits.length) return;
    this.visits = this.visits.slice(this.next);
    this.times = this.times.slice(this.next);
    this.next = 0;
  }
}

export interface VisitTrackerOptions {
  /** A silence longer than this ends a visit, ms. */
  readonly gapMs: number;
  /** How long a burst's facts are collected before they are forwarded as one, ms. */
  readonly settleMs: number;
  /** A device that stays is forwarded at most this often, ms; by default every 30 s, or twice in a gap that is short. */
  readonly holdMs?: number;
}

/**
 * Two times go in. Event time (when the frame was captured, ms since the epoch) says when a visit was. Steady time (any
 * clock that never jumps, ms) measures gaps and delays; in a replay it is the event time too.
 *
 * The wall clock may be set while a visit is open. The visit goes on in the clock it began with: neither does it reach into the
 * future, where it would swallow visits to come, nor back over visits that were before it. What began after the clock was set has
 * the new time. So a visit that began while the clock was wrong has a wrong start to its end, and is taken for another one by
 * whoever sees the device by a right clock: another sensor, or this one once it was started anew.
 */
export class VisitTracker {
  private readonly visits = new Map<MacAddress, Visit>();
  private readonly settling = new DueQueue();
  private readonly holding = new DueQueue();
  /** Open visits by what identifies their owner. */
  private readonly byHostname = new Map<string, Visit>();
  private readonly byClientId = new Map<string, Visit>();
  private readonly holdMs: number;
  private sweepMs = Number.NEGATIVE_INFINITY;
  /** Steady time at which `advance` has something to do next; infinity when nothing waits. */
  nextDueMs = NOT_DUE;

  constructor(
    private readonly options: VisitTrackerOptions,
    private readonly listener: VisitListener,
  ) {
    // A register that other sensors write to as well would take one visit for two if it heard less often than the gap.
    this.holdMs = options.holdMs ?? Math.min(HOLD_MS, options.gapMs / 2);
  }

  /** Devices whose visit is open. */
  get size(): number {
    return this.visits.size;
  }

  has(mac: MacAddress): boolean {
    return this.visits.has(mac);
  }

  open(): IterableIterator<Visit> {
    return this.visits.values();
  }

  observe(sighting: Sighting, eventMs: number, steadyMs: number): void {
    let visit = this.visits.get(sighting.mac);
    if (visit !== undefined && steadyMs - visit.activeMs > this.options.gapMs) {
      this.end(visit);
      visit = undefined;
    }
    if (visit === undefined) {
      visit = new Visit(sighting.mac, eventMs, steadyMs);
      this.visits.set(sighting.mac, visit);
      this.merge(visit, sighting);
      this.due(this.settling, visit, steadyMs + this.options.settleMs);
    } else {
      const atMs = inClockOf(visit, eventMs, steadyMs);
      if (atMs > visit.lastMs) visit.lastMs = atMs;
      else if (atMs < visit.firstMs) visit.firstMs = atMs;
      visit.activeMs = steadyMs;
      const isNews = this.merge(visit, sighting);
      if (isNews && visit.dueMs > steadyMs + this.options.settleMs) {
        this.due(this.settling, visit, steadyMs + this.options.settleMs);
      } else if (visit.dueMs === NOT_DUE) this.due(this.holding, visit, steadyMs + this.holdMs);
    }
    visit.sightings++;
  }

  /** Forwards what is due at `steadyMs` and ends the visits whose gap is over. */
  advance(steadyMs: number): void {
    if (steadyMs < this.nextDueMs) return;
    for (let visit = this.settling.take(steadyMs); visit !== undefined; visit = this.settling.take(steadyMs)) {
      if (this.isJoining(visit)) this.due(this.settling, visit, steadyMs + this.options.settleMs);
      else this.forward(visit);
    }
    for (let visit = this.holding.take(steadyMs); visit !== undefined; visit = this.holding.take(steadyMs)) {
      this.forward(visit);
    }
    if (steadyMs >= this.sweepMs) {
      for (const visit of this.visits.values()) if (steadyMs - visit.activeMs > this.options.gapMs) this.end(visit);
      this.sweepMs = steadyMs + this.options.gapMs / 8;
    }
    this.nextDueMs = Math.min(this.settling.headMs(), this.holding.headMs());
    if (this.visits.size > 0) this.nextDueMs = Math.min(this.nextDueMs, this.sweepMs);
  }

  /** Forwards every visit that still has news, without waiting for it to settle. Visits stay open. */
  settleAll(): void {
    for (const visit of this.visits.values()) if (visit.dueMs !== NOT_DUE) this.forward(visit);
  }

  /** Ends every visit, in the order in which they began. */
  flush(): void {
    const open = [...this.visits.values()].sort((a, b) => a.firstMs - b.firstMs || a.mac - b.mac);
    for (const visit of open) this.end(visit);
    this.sweepMs = Number.NEGATIVE_INFINITY;
    this.nextDueMs = NOT_DUE;
  }

  /** Drops what is known of a device, unreported news included. */
  forget(mac: MacAddress): void {
    const visit = this.visits.get(mac);
    if (visit === undefined) return;
    visit.dueMs = NOT_DUE;
    this.remove(visit);
  }

  private due(queue: DueQueue, visit: Visit, dueMs: number): void {
    queue.add(visit, dueMs);
    if (dueMs < this.nextDueMs) this.nextDueMs = dueMs;
  }

  /**
   * A device that asked for an address and has none yet is given the settle time once more: many servers (dnsmasq) first try for
   * three seconds whether the address is free, and a report without it is worth less.
   */
  private isJoining(visit: Visit): boolean {
    if (visit.isWaitedFor || visit.ipv4s.length > 0 || !visit.via.includes('dhcp') || this.options.settleMs === 0)
      return false;
    visit.isWaitedFor = true;
    return true;
  }

  private forward(visit: Visit): void {
    visit.dueMs = NOT_DUE;
    this.listener.onActive(visit);
  }

  private end(visit: Visit): void {
    if (visit.dueMs !== NOT_DUE) this.forward(visit);
    this.remove(visit);
    this.listener.onEnded(visit);
  }

  private remove(visit: Visit): void {
    this.visits.delete(visit.mac);
    unindex(this.byHostname, visit.hostname, visit);
    unindex(this.byClientId, visit.clientId, visit);
  }

  /** Remembers whose identity this is, or finds that it is that of another open visit. */
  private identify(visit: Visit, index: Map<string, Visit>, identity: string, by: Kin['by']): void {
    const first = index.get(identity);
    const isOpen = first !== undefined && visit.activeMs - first.activeMs <= this.options.gapMs;
    if (!isOpen) index.set(identity, visit);
    else if (first !== visit) visit.kin ??= { mac: first.mac, by };
  }

  /** Adds what the sighting says to the visit. Answers whether any of it is news to the listener. */
  private merge(visit: Visit, sighting: Sighting): boolean {
    let isNews = false;
    if (!visit.via.includes(sighting.via)) {
      visit.via = listWith(visit.via, sighting.via);
      isNews = true;
    }
    if (sighting.ipv4 !== 0 && hasRoomFor(visit.ipv4s, sighting.ipv4)) {
      visit.ipv4s = visit.ipv4s.concat(sighting.ipv4);
      isNews = true;
    }
    // Devices use several IPv6 addresses in turn: none is made text twice.
    if (sighting.ipv6.length > 0) {
      const hash = sighting.ipv6.hash();
      if (hasRoomFor(visit.ipv6Hashes, hash)) {
        visit.ipv6Hashes = visit.ipv6Hashes.concat(hash);
        visit.ipv6s = visit.ipv6s.concat(formatIpv6(sighting.ipv6.bytes, sighting.ipv6.start));
        isNews = true;
      }
    }
    if (sighting.vlan !== 0 && visit.vlan !== sighting.vlan) {
      isNews = isNews || visit.vlan === null;
      visit.vlan = sighting.vlan;
    }
    if (differs(sighting.hostname, visit.hostnameHash)) {
      visit.hostnameHash = sighting.hostname.hash();
      const hostname = safeText(sighting.hostname, HOSTNAME_LENGTH);
      if (hostname !== null && hostname !== visit.hostname) {
        unindex(this.byHostname, visit.hostname, visit);
        visit.hostname = hostname;
        if (!COMMON_NAME.test(hostname)) this.identify(visit, this.byHostname, hostname, 'host name');
      }
      isNews = true;
    }
    if (differs(sighting.vendorClass, visit.vendorClassHash)) {
      visit.vendorClassHash = sighting.vendorClass.hash();
      visit.vendorClass = safeText(sighting.vendorClass, VENDOR_CLASS_LENGTH) ?? visit.vendorClass;
      isNews = true;
    }
    if (differs(sighting.clientId, visit.clientIdHash)) {
      visit.clientIdHash = sighting.clientId.hash();
      unindex(this.byClientId, visit.clientId, visit);
      visit.clientId = hexOf(sighting.clientId);
      this.identify(visit, this.byClientId, visit.clientId, 'DHCP client id');
    }
    if (sighting.forwarded) visit.forwarded = true;
    // A device that changes its name with every frame must not be reported with every frame.
    if (isNews) visit.newsCount++;
    return isNews && visit.newsCount <= MOST_NEWS;
  }
}

/** Event time by the wall clock as it was when the visit began. */
function inClockOf(visit: Visit, eventMs: number, steadyMs: number): number {
  const expectedMs = steadyMs + visit.clockOffsetMs;
  return Math.abs(eventMs - expectedMs) > CLOCK_WAS_SET_MS ? Math.round(expectedMs) : eventMs;
}

function unindex(index: Map<string, Visit>, identity: string | null, visit: Visit): void {
  if (identity !== null && index.get(identity) === visit) index.delete(identity);
}

function differs(fact: Span, knownHash: number): boolean {
  return fact.end > fact.start && fact.hash() !== knownHash;
}

const protocolLists = new Map<string, readonly Protocol[]>();

/** `list` with one more at its end. There are few such lists, and all visits share them. */
function listWith(list: readonly Protocol[], protocol: Protocol): readonly Protocol[] {
  const longer = list.concat(protocol);
  const shared = protocolLists.get(longer.join());
  if (shared !== undefined) return shared;
  protocolLists.set(longer.join(), longer);
  return longer;
}

/** Whether an address, or the hash of one, is new to a list that is bounded. */
function hasRoomFor(list: readonly number[], address: number): boolean {
  return list.length < MOST_IPS && !list.includes(address);
}

function hexOf(span: Span): string {
  return Buffer.from(span.bytes.buffer, span.bytes.byteOffset + span.start, span.end - span.start).toString('hex');
}
