// The machine's network interfaces, as Linux shows them under /sys/class/net and /proc/net.
import { readdirSync, readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { formatIpv4, isLinkLocal, parseIpv4, parseIpv6 } from '../addresses/ip-address.js';
import { type MacAddress, parseMac } from '../addresses/mac-address.js';
import type { OwnAddresses } from './probe.js';

const SYS = '/sys/class/net';
/** ARPHRD_ETHER of linux/if_arp.h: Ethernet, and Wi-Fi in its ordinary mode. */
const ARPHRD_ETHER = 1;
const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;

export interface NetworkInterface {
  readonly name: string;
  /** Changes when an interface is deleted and made again under the same name. */
  readonly index: number;
  readonly mac: MacAddress | null;
  readonly isEthernet: boolean;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  readonly hasBroadcast: boolean;
  readonly isLoopback: boolean;
  /** Whether it takes in only such multicast as this machine has asked for. Network cards and macvlans do, veths and bridges do not. */
  readonly filtersMulticast: boolean;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // The interface is gone, or down (reading the carrier then fails with EINVAL). Both mean "no".
    return null;
  }
}

/** libpcap's name for all interfaces together. The kernel does not know it. It is always there and up. */
const ANY: NetworkInterface = {
  name: 'any',
  index: 0,
  mac: null,
  isEthernet: false,
  isUp: true,
  hasCarrier: true,
  hasBroadcast: true,
  isLoopback: false,
  filtersMulticast: false,
};

/** Returns the interface as it is now; null when there is none of that name. */
export function readInterface(name: string): NetworkInterface | null {
  if (name === ANY.name) return ANY;
  if (name === '' || name.includes('/') || name.startsWith('.')) return null;
  const index = read(`${SYS}/${name}/ifindex`);
  if (index === null) return null;
  const flags = Number(read(`${SYS}/${name}/flags`) ?? 0);
  return {
    name,
    index: Number(index),
    mac: parseMac(read(`${SYS}/${name}/address`) ?? ''),
    isEthernet: Number(read(`${SYS}/${name}/type`)) === ARPHRD_ETHER,
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: read(`${SYS}/${name}/carrier`) === '1',
    hasBroadcast: (flags & IFF_BROADCAST) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    filtersMulticast: (flags & (IFF_PROMISC | IFF_ALLMULTI)) === 0 && isCardOrOnCard(name),
  };
}

/** A card has a device, and what is made from one (macvlan, VLAN, bond) a lower interface. So has a bridge, but it filters nothing. */
function isCardOrOnCard(name: string): boolean {
  try {
    const entries = readdirSync(`${SYS}/${name}`);
    return !entries.includes('bridge') && entries.some((entry) => entry === 'device' || entry.startsWith('lower_'));
  } catch {
    // It has just gone.
    return false;
  }
}

/** Returns how many frames the interface or its driver has lost (libpcap reports them in promiscuous mode only). */
export function readDrops(name: string): number {
  const counter = (what: string) => Number(read(`${SYS}/${name}/statistics/${what}`) ?? 0);
  return counter('rx_missed_errors') + counter('rx_fifo_errors');
}

/** Returns all interfaces, in the order of their names. */
export function listInterfaces(): NetworkInterface[] {
  let names: string[] = [];
  try {
    names = readdirSync(SYS);
  } catch {
    // This is not Linux, or /sys is not there.
  }
  return names
    .sort()
    .map(readInterface)
    .filter((found) => found !== null);
}

/** Returns the addresses of this machine's own interfaces, which are no visitors. */
export function ownMacs(): Set<MacAddress> {
  return new Set(listInterfaces().flatMap(({ mac }) => (mac === null || mac === 0 ? [] : [mac])));
}

/** Returns what this machine sends from on an interface; null when the interface has no MAC address. */
export function ownAddressesOn(name: string): OwnAddresses | null {
  const mac = readInterface(name)?.mac ?? 0;
  if (mac === 0) return null;
  const all = addressesOn(name);
  const ipv4s = all.flatMap(({ address, netmask }) => {
    const [number, mask] = [parseIpv4(address), parseIpv4(netmask)];
    return number === null || mask === null ? [] : [{ address: number, mask }];
  });
  const ipv6s = all.map(({ address }) => parseIpv6(address)).filter((octets) => octets !== null);
  return { mac, ipv4s, linkLocal: ipv6s.find((octets) => isLinkLocal(octets, 0)) ?? null };
}

function addressesOn(name: string): readonly NetworkInterfaceInfo[] {
  try {
    // An IPv4 address may have a label of its own: eth0:1.
    return Object.entries(networkInterfaces()).flatMap(([label, addresses = []]) =>
      label === name || label.startsWith(`${name}:`) ? addresses : [],
    );
  } catch {
    // A sandbox that allows no netlink sockets.
    return [];
  }
}

/** Whether this machine forwards IPv4 packets, as routers and hosts of containers do. */
export function forwardsPackets(): boolean {
  return read('/proc/sys/net/ipv4/ip_forward') === '1';
}

export interface DefaultRoute {
  readonly interfaceName: string;
  /** IPv4 address of the gateway as an unsigned 32-bit number; 0 for a route without one, or over IPv6. */
  readonly gatewayIpv4: number;
}

/** Returns the default route with the least metric, of IPv4 (/proc/net/route) or else of IPv6; null when there is none. */
export function defaultRoute(): DefaultRoute | null {
  const rows = (text: string | null) => (text ?? '').split('\n').map((line) => line.trim().split(/\s+/));
  const ipv4 = rows(read('/proc/net/route'))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  const [name, , gateway = '0'] = ipv4[0] ?? [];
  if (name !== undefined) {
    // The kernel prints the address in the machine's byte order. All machines that are supported are little-endian.
    return { interfaceName: name, gatewayIpv4: Buffer.from(gateway.padStart(8, '0'), 'hex').readUInt32LE() };
  }
  const ipv6 = rows(read('/proc/net/ipv6_route'))
    .filter(
      ([destination, prefix, , , , , , , , device]) =>
        /^0+$/.test(destination ?? '') && prefix === '00' && device !== 'lo',
    )
    .sort((a, b) => Number.parseInt(a[5] ?? '0', 16) - Number.parseInt(b[5] ?? '0', 16));
  const ipv6Name = ipv6[0]?.[9];
  return ipv6Name === undefined ? null : { interfaceName: ipv6Name, gatewayIpv4: 0 };
}

const ATF_COM = 0x2;

/** Returns the MAC that the system has resolved for an IPv4 address (/proc/net/arp, complete entries only); null when it has none. */
export function neighbourMac(ipv4: number): MacAddress | null {
  const text = formatIpv4(ipv4);
  for (const line of (read('/proc/net/arp') ?? '').split('\n').slice(1)) {
    const [address, , flags, mac = ''] = line.trim().split(/\s+/);
    if (address === text && (Number(flags) & ATF_COM) !== 0) return parseMac(mac);
  }
  return null;
}
