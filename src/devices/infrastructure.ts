// The network's own equipment, as it announces itself: DHCP servers, routers, virtual router addresses, the sensor itself.
import type { MacAddress } from './mac-address.js';

/** More than this many announcers on one network is an attack, not a network: later ones are not believed. */
const MOST_ANNOUNCERS = 64;

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
}

/** Learns who is equipment and answers what role a device has. */
export class Infrastructure {
  private readonly own = new Set<MacAddress>();
  private readonly macs = new Map<MacAddress, string>();
  private readonly ips = new Map<number, string>();

  constructor(ownMacs: Iterable<MacAddress> = []) {
    this.addOwn(ownMacs);
  }

  /** The sensor's own interfaces; more may come while it runs. */
  addOwn(macs: Iterable<MacAddress>): void {
    for (const mac of macs) this.own.add(mac);
  }

  /** The address of the sensor's own default gateway, known without waiting for an announcement. */
  addGateway(ipv4: number): void {
    learn(this.ips, ipv4, 'the router');
  }

  /** Takes in what a frame announces. Answers whether anything of it was new. */
  learn(announcement: EquipmentAnnouncement): boolean {
    // Not `||` between the calls: each must be made.
    const news = [
      learn(this.macs, announcement.dhcpServerMac, 'the DHCP server'),
      learn(this.ips, announcement.dhcpServerIp, 'the DHCP server'),
      learn(this.ips, announcement.routerIp, 'the router that DHCP announces'),
      learn(this.macs, announcement.routerMac, 'a router that announces itself (IPv6 router advertisement)'),
    ];
    return news.includes(true);
  }

  /** What part of the network this device is, as a phrase with its article; null for anybody else's. */
  roleOf(mac: MacAddress, ipv4: number): string | null {
    if (this.own.has(mac)) return 'the sensor itself';
    const announced = this.macs.get(mac) ?? (ipv4 === 0 ? undefined : this.ips.get(ipv4));
    if (announced !== undefined) return announced;
    const block = VIRTUAL_ROUTERS.find(([first, last]) => mac >= first && mac <= last);
    return block === undefined ? null : `a virtual router address (${block[2]})`;
  }
}

function learn<Key>(known: Map<Key, string>, key: Key, role: string): boolean {
  if (key === 0 || known.has(key) || known.size >= MOST_ANNOUNCERS) return false;
  known.set(key, role);
  return true;
}
