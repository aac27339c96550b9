// The devices that were shown to serve the network in one way: a bounded table that nobody can empty or fill for the others.
import type { MacAddress } from '../addresses/mac-address.js';

/** More than this many devices that serve one network in one way is an attack, not a network. */
const MAX_ANNOUNCERS = 64;
/** A role that was not repeated for this long is forgotten. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;
/** What was heard again this long after it was first heard is no passing forgery. */
const LASTING_MS = 10 * 60_000;

/** What a device does for the network. */
export type Service = 'dhcp-server' | 'dhcp-relay' | 'dhcpv6-server' | 'ipv6-router';

export interface Announcer {
  readonly mac: MacAddress;
  readonly vlan: number;
  readonly service: Service;
  /** The address by which clients know it, 0 when there is none (IPv6). */
  readonly ipv4: number;
  readonly sinceMs: number;
  heardMs: number;
  /** Clients took what it offered: it acknowledged. */
  isAccepted: boolean;
  /** The router that it names to its clients, and when it last did; 0 when it has named none. */
  routerIpv4: number;
  routerMs: number;
  /** The log knows of it, or is not to be told. */
  isTold: boolean;
}

export function isLasting({ sinceMs, heardMs }: { readonly sinceMs: number; readonly heardMs: number }): boolean {
  return heardMs - sinceMs >= LASTING_MS;
}

/**
 * An announcer that was heard for more than a few minutes is never pushed out. A newer one gets the place of one that was heard for
 * a moment only, so forgeries that came first do not keep the real one out; but an offer that nobody took pushes out only such offers.
 */
export class Announcers {
  private readonly all = new Map<string, Announcer>();
  private latestMs = Number.NEGATIVE_INFINITY;

  /**
   * `expiresBySilence`: an announcer is forgotten a day after it was last heard. Otherwise that needs another one that is heard
   * meanwhile: over a weekend nobody asks a DHCP server, and nothing is forgotten.
   */
  constructor(private readonly expiresBySilence: boolean) {}

  /** Takes in one announcement that is consistent. Returns null when there is no room for another announcer. */
  learn(told: Pick<Announcer, 'mac' | 'vlan' | 'service' | 'ipv4' | 'isAccepted'>, steadyMs: number): Announcer | null {
    this.latestMs = Math.max(this.latestMs, steadyMs);
    const key = `${told.vlan} ${told.mac}`;
    const known = this.all.get(key);
    if (known !== undefined) {
      known.heardMs = Math.max(known.heardMs, steadyMs);
      known.isAccepted ||= told.isAccepted;
    }
    this.forgetOld();
    if (known !== undefined) return known;
    const isFull = this.all.size >= MAX_ANNOUNCERS;
    if (isFull && !this.makeRoomFor(told.isAccepted)) return null;
    // In a flood each one pushes out another, and the log would have a line for each.
    const news = { sinceMs: steadyMs, heardMs: steadyMs, routerIpv4: 0, routerMs: steadyMs, isTold: isFull };
    const announcer: Announcer = { ...told, ...news };
    this.all.set(key, announcer);
    return announcer;
  }

  /** What this device is known as, in each VLAN where it is. `steadyMs` is the time now, here and below. */
  of(mac: MacAddress, steadyMs: number): Announcer[] {
    return this.current(steadyMs).filter((one) => one.mac === mac);
  }

  /** Whether another device has this address towards clients, and nobody may take it over who only now says that he has it. */
  isTaken(
    { ipv4, vlan, mac, isAccepted }: Omit<Parameters<Announcers['learn']>[0], 'service'>,
    steadyMs: number,
  ): boolean {
    return [...this.all.values()].some(
      (one) =>
        one.ipv4 === ipv4 &&
        one.vlan === vlan &&
        one.mac !== mac &&
        (isLasting(one) || (one.isAccepted && !isAccepted)) &&
        steadyMs - one.heardMs <= FORGOTTEN_AFTER_MS,
    );
  }

  /** Whether this is the one whose word counts in its VLAN: the first whose offers clients accept, or else the first. */
  isFirst(announcer: Announcer, steadyMs: number): boolean {
    const inVlan = this.current(steadyMs).filter(({ vlan }) => vlan === announcer.vlan);
    return announcer === (inVlan.find(({ isAccepted }) => isAccepted) ?? inVlan[0]);
  }

  /** Whether no other one is known in its VLAN. */
  isOnly(announcer: Announcer, steadyMs: number): boolean {
    return this.current(steadyMs).every((one) => one === announcer || one.vlan !== announcer.vlan);
  }

  /** In the order in which they were learned. */
  private current(steadyMs: number): Announcer[] {
    return [...this.all.values()].filter((one) => this.isCurrent(one, steadyMs));
  }

  private isCurrent({ heardMs }: Announcer, steadyMs: number): boolean {
    return (this.expiresBySilence ? steadyMs : this.latestMs) - heardMs <= FORGOTTEN_AFTER_MS;
  }

  private forgetOld(): void {
    for (const [key, one] of this.all) if (!this.isCurrent(one, this.latestMs)) this.all.delete(key);
  }

  private makeRoomFor(isAccepted: boolean): boolean {
    let leastKey: string | null = null;
    let least: Announcer | null = null;
    for (const [key, one] of this.all) {
      if (isLasting(one) || (one.isAccepted && !isAccepted)) continue;
      const isLess =
        least === null ||
        (least.isAccepted && !one.isAccepted) ||
        (least.isAccepted === one.isAccepted && one.heardMs < least.heardMs);
      if (isLess) [leastKey, least] = [key, one];
    }
    return leastKey !== null && this.all.delete(leastKey);
  }
}
