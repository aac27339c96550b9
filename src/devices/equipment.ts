// The network's own equipment, as it announces itself: DHCP servers, routers, virtual router addresses, the sensor itself.
import type { MacAddress } from '../addresses/mac-address.js';

/** More than this many announcers on one network is an attack, not a network: later ones are not believed. */
const MOST_ANNOUNCERS = 64;
/**
 * An IP address that announcements of its kind left out for this long is no equipment's any more: it may be a visitor's by now. A
 * network on which nothing is announced at all, as over a long weekend, forgets nothing.
 */
const LEFT_OUT_MS = 24 * 3_600_000;

/** Addresses that a group of routers shares: first and last MAC of each block, and the protocol they belong to. */
const VIRTUAL_ROUTERS: readonly [first: MacAddress, last: MacAddress, protocol: string][] = [
  [0x00005e000100, 0x00005e0001ff, 'VRRP'], // RFC 9568 section 7.3, IPv4 (CARP uses it too)
  [0x00005e000200, 0x00005e0002ff, 'VRRP'], // RFC 9568 section 7.3, IPv6
  [0x00000c07ac00, 0x00000c07acff, 'HSRP'], // RFC 2281 section 5.5
  [0x00000c9ff000, 0x00000c9fffff, 'HSRP version 2'],
  [0x000573a00000, 0x000573a00fff, 'HSRP for IPv6'],
  [0x0007b4000000, 0x0007b4ffffff, 'GLBP'],
];

/** What a frame says about the network's equipment; a field is 0 where it says nothing. */
export interface EquipmentAnnouncement {
  readonly dhcpServerMac: MacAddress;
  readonly dhcpServerIp: number;
  readonly routerIp: number;
  readonly routerMac: MacAddress;
  readonly relayMac: MacAddress;
}

interface AnnouncedIp {
  readonly role: string;
  /** Infinity for what is no announcement and stays. */
  announcedMs: number;
}

/** Learns who is equipment and answers what role a device has. */
export class Equipment {
  private readonly own = new Set<MacAddress>();
  private readonly macs = new Map<MacAddress, string>();
  private readonly ips = new Map<number, AnnouncedIp>();

  constructor(ownMacs: Iterable<MacAddress> = []) {
    this.addOwn(ownMacs);
  }

  /** The sensor's own interfaces; more may come while it runs. */
  addOwn(macs: Iterable<MacAddress>): void {
    for (const mac of macs) this.own.add(mac);
  }

  /** The address of the sensor's own default gateway, known without waiting for an announcement. */
  addGateway(ipv4: number): void {
    this.ips.set(ipv4, { role: 'the router', announcedMs: Number.POSITIVE_INFINITY });
  }

  /** Takes in what a frame announces. `steadyMs` is of any clock that never jumps; event time in a replay. */
  learn(announcement: EquipmentAnnouncement, steadyMs = performance.now()): void {
    this.learnMac(announcement.dhcpServerMac, 'the DHCP server');
    this.learnMac(announcement.routerMac, 'a router that announces itself (IPv6 router advertisement)');
    this.learnMac(announcement.relayMac, 'a DHCP relay');
    this.learnIp(announcement.dhcpServerIp, 'the DHCP server', steadyMs);
    this.learnIp(announcement.routerIp, 'the router that DHCP announces', steadyMs);
  }

  /** What part of the network this device is, as a phrase with its article; null for anybody else's. */
  roleOf(mac: MacAddress, ipv4: number): string | null {
    if (this.own.has(mac)) return 'the sensor itself';
    const announced = this.macs.get(mac) ?? (ipv4 === 0 ? undefined : this.ips.get(ipv4)?.role);
    if (announced !== undefined) return announced;
    const block = VIRTUAL_ROUTERS.find(([first, last]) => mac >= first && mac <= last);
    return block === undefined ? null : `a virtual router address (${block[2]})`;
  }

  private learnMac(mac: MacAddress, role: string): void {
    if (mac !== 0 && !this.macs.has(mac) && this.macs.size < MOST_ANNOUNCERS) this.macs.set(mac, role);
  }

  private learnIp(ipv4: number, role: string, steadyMs: number): void {
    if (ipv4 === 0) return;
    for (const [ip, other] of this.ips) {
      if (other.role === role && steadyMs - other.announcedMs > LEFT_OUT_MS) this.ips.delete(ip);
    }
    const known = this.ips.get(ipv4);
    if (known !== undefined) known.announcedMs = Math.max(known.announcedMs, steadyMs);
    else if (this.ips.size < MOST_ANNOUNCERS) this.ips.set(ipv4, { role, announcedMs: steadyMs });
  }
}
