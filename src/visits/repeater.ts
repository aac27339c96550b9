// Devices behind a repeater that writes its own MAC into the frames it passes on. DHCP still shows the device (`chaddr`), but its ARP
// frames look like the repeater's. So when the repeater sends from an IP address that a device requested through it, the frame is the
// device's.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Sighting } from '../decode/sighting.js';

/** So many addresses behind repeaters are kept. The ones requested longest ago are forgotten first. */
const MAX_ADDRESSES = 1_024;
/** An address that is not used for this long is forgotten. Most leases are no longer. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;
/** A device uses its new address within this time. A later sender is another device. */
const BURST_MS = 60_000;

interface Behind {
  readonly device: MacAddress;
  readonly repeater: MacAddress;
  /** When the address was requested, or later when the repeater last sent from it. */
  usedMs: number;
  isUsed: boolean;
}

export class Repeaters {
  /** By IPv4 address, in the order of the requests. */
  private readonly behind = new Map<number, Behind>();

  /**
   * `isOwn` returns whether a device that is here was seen with an address. Then the address is its own, and nobody can redirect its
   * frames to another device with a forged request. A forgery has an effect only on a device that comes within a minute after it, with
   * a fixed address and without DHCP. So `onRepeater` is called whenever a device is first taken for the repeater of another: perhaps
   * it is none, and hidden.
   */
  constructor(
    private readonly isOwn: (mac: MacAddress, ipv4: number) => boolean,
    private readonly onRepeater: (repeater: MacAddress) => void = () => {},
  ) {}

  /**
   * Attributes an ARP sighting to the device behind the repeater that sent it. This is impossible for Neighbor Discovery, because no
   * message shows which IPv6 address belongs to a `chaddr`.
   */
  attribute(sighting: Sighting, steadyMs: number): void {
    if (sighting.via === 'dhcp') this.learn(sighting, steadyMs);
    else if (sighting.via === 'arp' && this.behind.size > 0) {
      const ipv4 = sighting.ipv4 || sighting.probedIpv4;
      const known = this.behind.get(ipv4);
      if (known === undefined || known.repeater !== sighting.mac) return;
      if (steadyMs - known.usedMs > (known.isUsed ? FORGOTTEN_AFTER_MS : BURST_MS)) this.behind.delete(ipv4);
      else if (!this.isOwn(sighting.mac, ipv4)) {
        if (!known.isUsed) this.onRepeater(known.repeater);
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
      // The address was requested directly, by another device or by the repeater for itself.
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
