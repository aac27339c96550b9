// The kernel's part of the work: a filter (pcap-filter(7)) that lets through the few frames a sighting can come from.
import type { LinkType } from '../decode/frame.js';

/**
 * A filter has no loops: it looks behind this many VLAN tags, and passes what has more, which hardly exists, unseen. With three, the
 * filter would be larger than kernels before 6.8 allow (net.core.optmem_max, 20,480 octets): libpcap would then run it in user space,
 * and every frame would be copied to us.
 */
export const MAX_TAGS = 2;

/**
 * A filter for frames of `linkType`, live or from a file: ARP, DHCPv4, and with `ipv6` Neighbor Discovery and DHCPv6; plain, under
 * VLAN tags, and in LLC/SNAP. Of a fragmented packet it passes the first fragment.
 *
 * It reads the frame at fixed places rather than with the keywords `arp`, `udp port` and `vlan`: those do not look behind
 * LLC/SNAP, `vlan` exists for Ethernet only, and the kernel takes the outer tag off before a live filter runs. Here a frame
 * that lost its tag is simply one with one tag fewer.
 */
export function captureFilter(linkType: LinkType, options: { ipv6: boolean }): string {
  switch (linkType) {
    case 'ethernet':
      return inFrame(12, 14, MAX_TAGS, options.ipv6);
    case 'linux-sll':
      return inFrame(14, 16, MAX_TAGS, options.ipv6);
    case 'linux-sll2':
      return inFrame(0, 20, MAX_TAGS, options.ipv6);
    case 'null':
      return inPacket(4, options.ipv6);
    case 'raw':
      return inPacket(0, options.ipv6);
  }
}

/**
 * A filter for the keep-alives among the frames of `linkType`: those to a broadcast or multicast address that `captureFilter` keeps
 * out. Null for links without addresses, where there are none.
 *
 * The test of the address comes first: it takes two instructions to be rid of unicast frames, which most are.
 */
export function keepAliveFilter(linkType: LinkType, options: { ipv6: boolean }): string | null {
  const group = toGroup(linkType);
  return group === null ? null : `(${group}) and not (${captureFilter(linkType, options)})`;
}

/** A filter for all that one of the two others lets through. */
export function captureOrKeepAliveFilter(linkType: LinkType, options: { ipv6: boolean }): string {
  const group = toGroup(linkType);
  const capture = captureFilter(linkType, options);
  // In this order: what ends before the address of its cooked header may still be ARP by its protocol.
  return group === null ? capture : `(${capture}) or (${group})`;
}

/** Broadcast and multicast: the I/G bit of the destination, or in cooked captures, which have no destination, the packet type. */
function toGroup(linkType: LinkType): string | null {
  switch (linkType) {
    case 'ethernet':
      return 'link[0] & 1 != 0';
    case 'linux-sll':
      return 'link[0:2] = 1 or link[0:2] = 2';
    case 'linux-sll2':
      return 'link[10] = 1 or link[10] = 2';
    case 'null':
    case 'raw':
      return null;
  }
}

/** `type` is where the EtherType (or IEEE 802.3 length) lies, `payload` where the packet starts. */
function inFrame(type: number, payload: number, tags: number, ipv6: boolean): string {
  const ways = [byEtherType(type, payload, ipv6)];
  const behindTag = tags > 0 ? ` and (${inFrame(payload + 2, payload + 4, tags - 1, ipv6)})` : '';
  ways.push(`(${isTag(type)}${behindTag})`);
  // Last, so that the optimiser drops the test for a length once the EtherType is known: most frames are IP that is not ours.
  ways.push(`(${isSnap(type, payload)} and (${byEtherType(payload + 6, payload + 8, ipv6)}))`);
  return ways.join(' or ');
}

function byEtherType(type: number, packet: number, ipv6: boolean): string {
  const arp = `link[${type}:2] = 0x0806`;
  const dhcp = `(link[${type}:2] = 0x0800 and ${isDhcp(packet)})`;
  const ip6 = `(link[${type}:2] = 0x86dd and (${isNdpOrDhcpv6(packet)}))`;
  return ipv6 ? `${arp} or ${dhcp} or ${ip6}` : `${arp} or ${dhcp}`;
}

/** Where nothing else tells the protocol, the first four bits of the packet do. */
function inPacket(packet: number, ipv6: boolean): string {
  const dhcp = `(link[${packet}] & 0xf0 = 0x40 and ${isDhcp(packet)})`;
  const ip6 = `(link[${packet}] & 0xf0 = 0x60 and (${isNdpOrDhcpv6(packet)}))`;
  return ipv6 ? `${dhcp} or ${ip6}` : dhcp;
}

function isTag(type: number): string {
  return `(link[${type}:2] = 0x8100 or link[${type}:2] = 0x88a8 or link[${type}:2] = 0x9100)`;
}

/** RFC 1042, and a length where the EtherType would be. */
function isSnap(type: number, payload: number): string {
  return `link[${type}:2] <= 1500 and link[${payload}:4] = 0xaaaa0300 and link[${payload + 4}:2] = 0`;
}

/** UDP, not a later fragment, ports 67 or 68 behind an IPv4 header of any length. */
function isDhcp(packet: number): string {
  const headerLength = `((link[${packet}] & 0xf) << 2)`;
  return (
    `link[${packet + 9}] = 17 and link[${packet + 6}:2] & 0x1fff = 0 and ` +
    eitherPort(`${packet} + ${headerLength}`, `${packet + 2} + ${headerLength}`, 67)
  );
}

/**
 * Directly behind the IPv6 header, or behind one extension header; fragments carry DHCPv6 only (RFC 6980). What has two extension
 * headers or more, which hardly exists on a LAN, passes unseen.
 */
function isNdpOrDhcpv6(packet: number): string {
  const first = packet + 6;
  const next = packet + 40;
  const behind = `((link[${next + 1}] << 3) + ${next + 8})`;
  const isOurs = (protocol: number, at: string) =>
    `(link[${protocol}] = 58 and link[${at}] >= 133 and link[${at}] <= 136) or ` +
    `(link[${protocol}] = 17 and ${eitherPort(at, `${at} + 2`, 546)})`;
  const isExtension = (protocol: number) =>
    `(link[${protocol}] = 0 or link[${protocol}] = 43 or link[${protocol}] = 60)`;
  const isFirstFragment = `link[${first}] = 44 and link[${next}] = 17 and link[${next + 2}:2] & 0xfff8 = 0`;
  return (
    `${isOurs(first, `${next}`)} or ` +
    `(${isExtension(first)} and (${isOurs(next, behind)} or ${isExtension(next)} or link[${next}] = 44)) or ` +
    `(${isFirstFragment} and ${eitherPort(`${next + 8}`, `${next + 10}`, 546)})`
  );
}

/** Source or destination port is `port` or the one after it. */
function eitherPort(source: string, destination: string, port: number): string {
  const isOurs = (at: string) => `link[${at}:2] = ${port} or link[${at}:2] = ${port + 1}`;
  return `(${isOurs(source)} or ${isOurs(destination)})`;
}
