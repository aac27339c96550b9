// The devices that provide a service to the network, in a bounded table. No attacker can push out the others, or keep them out.
import type { MacAddress } from '../addresses/mac-address.js';

/** Only an attack shows more devices with the same service. */
const MAX_ANNOUNCERS = 64;
/** A role that was not repeated for this long is forgotten. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;
/** A role that is heard again after this time is more than a short forgery. */
const LASTING_MS = 10 * 60_000;

/** A service that a device provides to the network. */
export type Service = 'dhcp-server' | 'dhcp-relay' | 'dhcpv6-server' | 'ipv6-router';

export interface Announcer {
  readonly mac: MacAddress;
  readonly vlan: number;
  readonly service: Service;
  /** The address by which clients know it, 0 when there is none (IPv6). */
  readonly ipv4: number;
  readonly sinceMs: number;
  heardMs: number;
  /** A client took its offer: it acknowledged. */
  isAccepted: boolean;
  /** The router that it names to its clients (0 for none), and when it last did. */
  routerIpv4: number;
  routerMs: number;
  /** Its role was reported (EquipmentOptions.onRole), or must not be. */
  isReported: boolean;
}

export function isLasting({ sinceMs, heardMs }: { readonly sinceMs: number; readonly heardMs: number }): boolean {
  return heardMs - sinceMs >= LASTING_MS;
}

/**
 * A lasting announcer is never removed for another. A new one takes the place of one that was heard for a short time only, so that
 * earlier forgeries do not keep out the real one. But an announcer whose offers no client took replaces only others like it.
 */
export class Announcers {
  private readonly all = new Map<string, Announcer>();
  private latestMs = Number.NEGATIVE_INFINITY;

  /**
   * With `expiresBySilence`, an announcer is forgotten a day after it was last heard. Otherwise it is forgotten only if another one is
   * heard a day after it: on a weekend there may be no DHCP requests, and nothing must be forgotten then.
   */
  constructor(private readonly expiresBySilence: boolean) {}

  /** Takes in a consistent announcement. Returns null when there is no room for another announcer. */
  learn(
    claim: Pick<Announcer, 'mac' | 'vlan' | 'service' | 'ipv4' | 'isAccepted'>,
    steadyMs: number,
  ): Announcer | null {
    this.latestMs = Math.max(this.latestMs, steadyMs);
    const key = `${claim.vlan} ${claim.mac}`;
    const known = this.all.get(key);
    if (known !== undefined) {
      known.heardMs = Math.max(known.heardMs, steadyMs);
      known.isAccepted ||= claim.isAccepted;
    }
    this.forgetOld();
    if (known !== undefined) return known;
    const isFull = this.all.size >= MAX_ANNOUNCERS;
    if (isFull && !this.makeRoomFor(claim.isAccepted)) return null;
    // In a flood each one replaces another, and the log would have a line for each.
    const news = { sinceMs: steadyMs, heardMs: steadyMs, routerIpv4: 0, routerMs: steadyMs, isReported: isFull };
    const announcer: Announcer = { ...claim, ...news };
    this.all.set(key, announcer);
    return announcer;
  }

  /** Returns the services of a device, in each VLAN. `steadyMs` is the time now, here and below. */
  of(mac: MacAddress, steadyMs: number): Announcer[] {
    return this.current(steadyMs).filter((other) => other.mac === mac);
  }

  /** Whether another device is known to clients by this address, and is better proven than the claim. */
  isTaken(
    { ipv4, vlan, mac, isAccepted }: Omit<Parameters<Announcers['learn']>[0], 'service'>,
    steadyMs: number,
  ): boolean {
    return [...this.all.values()].some(
      (other) =>
        other.ipv4 === ipv4 &&
        other.vlan === vlan &&
        other.mac !== mac &&
        (isLasting(other) || (other.isAccepted && !isAccepted)) &&
        steadyMs - other.heardMs <= FORGOTTEN_AFTER_MS,
    );
  }

  /** Whether this announcer counts in its VLAN: it is the first whose offers clients accept, or else the first. */
  isFirst(announcer: Announcer, steadyMs: number): boolean {
    const inVlan = this.current(steadyMs).filter(({ vlan }) => vlan === announcer.vlan);
    return announcer === (inVlan.find(({ isAccepted }) => isAccepted) ?? inVlan[0]);
  }

  /** Whether no other announcer is known in its VLAN. */
  isOnly(announcer: Announcer, steadyMs: number): boolean {
    return this.current(steadyMs).every((other) => other === announcer || other.vlan !== announcer.vlan);
  }

  /** Returns the announcers in the order in which they were learned. */
  private current(steadyMs: number): Announcer[] {
    return [...this.all.values()].filter((other) => this.isCurrent(other, steadyMs));
  }

  private isCurrent({ heardMs }: Announcer, steadyMs: number): boolean {
    return (this.expiresBySilence ? steadyMs : this.latestMs) - heardMs <= FORGOTTEN_AFTER_MS;
  }

  forget(mac: MacAddress): void {
    for (const [key, one] of this.all) if (one.mac === mac) this.all.delete(key);
  }

  private forgetOld(): void {
    for (const [key, other] of this.all) if (!this.isCurrent(other, this.latestMs)) this.all.delete(key);
  }

  private makeRoomFor(isAccepted: boolean): boolean {
    let leastKey: string | null = null;
    let least: Announcer | null = null;
    for (const [key, other] of this.all) {
      if (isLasting(other) || (other.isAccepted && !isAccepted)) continue;
      const isLess =
        least === null ||
        (least.isAccepted && !other.isAccepted) ||
        (least.isAccepted === other.isAccepted && other.heardMs < least.heardMs);
      if (isLess) [leastKey, least] = [key, other];
    }
    return leastKey !== null && this.all.delete(leastKey);
  }
}
