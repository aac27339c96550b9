// The filters that run in the kernel (pcap-filter(7)): for the frames that can hold a sighting, and for keep-alives.
import type { LinkType } from '../decode/frame.js';

/**
 * The filter reads behind this many VLAN tags, because filters have no loops. A frame with more tags, which is very rare, passes
 * whatever it holds. With three tags the filter would be larger than kernels before 6.8 allow (net.core.optmem_max, 20,480 octets).
 * libpcap would then run it in user space, and every frame would be copied to this process.
 */
export const MAX_TAGS = 2;

/**
 * Returns a filter for frames of `linkType`, live or from a file: ARP, DHCPv4, and with `ipv6` Neighbor Discovery and DHCPv6. They pass
 * untagged, with VLAN tags, and in LLC/SNAP. Of a fragmented packet the first fragment passes.
 *
 * It reads the frame at fixed places, without the keywords `arp`, `udp port` and `vlan`. These do not read behind LLC/SNAP, `vlan`
 * exists for Ethernet only, and the kernel removes the outer tag before a live filter runs. Here such a frame has one tag fewer.
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
 * Returns a filter for the keep-alives among the frames of `linkType`: the frames to a broadcast or multicast address that
 * `captureFilter` does not let through. Null for links without addresses, which have no keep-alives.
 *
 * The test of the address comes first, because two instructions then reject unicast frames, which most are.
 */
export function keepAliveFilter(linkType: LinkType, options: { ipv6: boolean }): string | null {
  const group = toGroup(linkType);
  return group === null ? null : `(${group}) and not (${captureFilter(linkType, options)})`;
}

/** Returns a filter for all that either of the two others lets through. */
export function captureOrKeepAliveFilter(linkType: LinkType, options: { ipv6: boolean }): string {
  const group = toGroup(linkType);
  const capture = captureFilter(linkType, options);
  // The capture filter comes first: a frame that ends before the address in its cooked header can still be ARP.
  return group === null ? capture : `(${capture}) or (${group})`;
}

/** Broadcast and multicast. Ethernet has the I/G bit of the destination. Cooked captures have no destination, but a packet type. */
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

/** `type` is the place of the EtherType (or IEEE 802.3 length), `payload` that of the packet. */
function inFrame(type: number, payload: number, tags: number, ipv6: boolean): string {
  const ways = [byEtherType(type, payload, ipv6)];
  const behindTag = tags > 0 ? ` and (${inFrame(payload + 2, payload + 4, tags - 1, ipv6)})` : '';
  ways.push(`(${isTag(type)}${behindTag})`);
  // This comes last, so that the optimiser drops the test for a length once the EtherType is known. Most frames are IP.
  ways.push(`(${isSnap(type, payload)} and (${byEtherType(payload + 6, payload + 8, ipv6)}))`);
  return ways.join(' or ');
}

function byEtherType(type: number, packet: number, ipv6: boolean): string {
  const arp = `link[${type}:2] = 0x0806`;
  const dhcp = `(link[${type}:2] = 0x0800 and ${isDhcp(packet)})`;
  const ip6 = `(link[${type}:2] = 0x86dd and (${isNdpOrDhcpv6(packet)}))`;
  return ipv6 ? `${arp} or ${dhcp} or ${ip6}` : `${arp} or ${dhcp}`;
}

/** Links without an EtherType: the first four bits of the packet are the version of IP. */
function inPacket(packet: number, ipv6: boolean): string {
  const dhcp = `(link[${packet}] & 0xf0 = 0x40 and ${isDhcp(packet)})`;
  const ip6 = `(link[${packet}] & 0xf0 = 0x60 and (${isNdpOrDhcpv6(packet)}))`;
  return ipv6 ? `${dhcp} or ${ip6}` : dhcp;
}

function isTag(type: number): string {
  return `(link[${type}:2] = 0x8100 or link[${type}:2] = 0x88a8 or link[${type}:2] = 0x9100)`;
}

/** RFC 1042: there is a length in place of the EtherType. */
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
 * Directly behind the IPv6 header, or behind one extension header. In fragments there is only DHCPv6 (RFC 6980). A packet with two
 * extension headers or more, which is very rare on a LAN, passes whatever it holds.
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
