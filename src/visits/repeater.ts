// Devices behind a repeater that writes its own MAC into the frames it passes on. DHCP still shows the device (`chaddr`), but its ARP
// seems to be the repeater's. What is sent with an address that was asked for through the repeater is the device's.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Sighting } from '../decode/sighting.js';

/** Addresses behind repeaters: past this, those that were asked for longest ago are forgotten. */
const MAX_ADDRESSES = 1_024;
/** As long as most leases. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;
/** A device speaks with its new address at once. One that does so later was not the one that asked. */
const BURST_MS = 60_000;

interface Behind {
  readonly device: MacAddress;
  readonly repeater: MacAddress;
  /** When the address was asked for, then when the repeater last sent with it. */
  usedMs: number;
  isUsed: boolean;
}

export class Repeaters {
  /** By IPv4 address; the one that was asked for last comes last. */
  private readonly behind = new Map<number, Behind>();

  /**
   * `isOwn` tells whether a device that is here was seen with an address: then the address is its own, and whoever forges a request in
   * its name cannot take its ARP away from it. Only a device that comes with a fixed address, and without DHCP, less than a minute
   * after such a forgery counts as another one.
   */
  constructor(private readonly isOwn: (mac: MacAddress, ipv4: number) => boolean) {}

  /**
   * Attributes an ARP sighting to the device behind the repeater that sent it.
   *
   * Not for Neighbor Discovery: nothing ties an IPv6 address to the `chaddr`.
   */
  attribute(sighting: Sighting, steadyMs: number): void {
    if (sighting.via === 'dhcp') this.learn(sighting, steadyMs);
    else if (sighting.via === 'arp' && this.behind.size > 0) {
      const ipv4 = sighting.ipv4 || sighting.probedIpv4;
      const known = this.behind.get(ipv4);
      if (known === undefined || known.repeater !== sighting.mac) return;
      if (steadyMs - known.usedMs > (known.isUsed ? FORGOTTEN_AFTER_MS : BURST_MS)) this.behind.delete(ipv4);
      else if (!this.isOwn(sighting.mac, ipv4)) {
        known.usedMs = steadyMs;
        known.isUsed = true;
        sighting.mac = known.device;
        sighting.forwarded = true;
      }
    }
  }

  private learn({ mac, ipv4, repeater }: Sighting, steadyMs: number): void {
    if (ipv4 === 0) return;
    const known = this.behind.get(ipv4);
    if (repeater === 0) {
      // Asked for directly: by another device, or by the repeater, whose own address it is.
      if (known !== undefined && known.device !== mac) this.behind.delete(ipv4);
      return;
    }
    this.behind.delete(ipv4);
    const [oldest] = this.behind.keys();
    if (oldest !== undefined && this.behind.size >= MAX_ADDRESSES) this.behind.delete(oldest);
    const isSame = known?.device === mac && known.repeater === repeater;
    this.behind.set(ipv4, { device: mac, repeater, usedMs: steadyMs, isUsed: isSame && known.isUsed });
  }

  forget(mac: MacAddress): void {
    for (const [ipv4, { device, repeater }] of this.behind)
      if (device === mac || repeater === mac) this.behind.delete(ipv4);
  }
}
