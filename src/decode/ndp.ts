// IPv6 Neighbor Discovery (RFC 4861): what ARP is to IPv4, and the routers' advertisements.
import { isLinkLocal, isUnspecified } from '../addresses/ip-address.js';
import { isDeviceMac, readMac } from '../addresses/mac-address.js';
import type { LinkHeader } from './link-layer.js';
import { uint8, uint16 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';

const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

const SOURCE_LINK_LAYER_ADDRESS = 1;
const TARGET_LINK_LAYER_ADDRESS = 2;

const IPV6_SOURCE = 8;
const IPV6_HOP_LIMIT = 7;
const TARGET = 8;
const ROUTER_LIFETIME = 6;

/**
 * The device is the one that the link-layer option names, else the Ethernet source. A solicitation from :: (duplicate address
 * detection, RFC 4862 5.4.2) is a sighting without an address, like an ARP probe. Only a router advertisement announces a router (the
 * router flag of a neighbour advertisement is set by any laptop that forwards for its virtual machines), and only the station that
 * sent it: an advertisement that names another one in its link-layer option announces nobody.
 *
 * `ip` is where the IPv6 header starts, `at` the ICMPv6 header. The checksum is not verified (often left to the network card).
 */
export function decodeNdp(
  frame: Uint8Array,
  ip: number,
  at: number,
  end: number,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  if (end - at < 4) return 'short-icmpv6';
  const type = uint8(frame, at);
  const fixed = fixedLength(type);
  if (fixed === 0) return 'other';
  // A lower hop limit means that the packet was routed, so it is not of this link (RFC 4861, 6.1.1, 6.1.2, 7.1.1, 7.1.2). Codes other
  // than 0 do not exist.
  if (uint8(frame, ip + IPV6_HOP_LIMIT) !== 255 || uint8(frame, at + 1) !== 0) return 'other';
  if (end - at < fixed) return 'short-icmpv6';

  const wanted = type === NEIGHBOR_ADVERTISEMENT ? TARGET_LINK_LAYER_ADDRESS : SOURCE_LINK_LAYER_ADDRESS;
  let mac = link.source;
  for (let optionAt = at + fixed; optionAt < end; ) {
    if (end - optionAt < 8) return 'bad-icmpv6';
    // In units of eight octets; 0 must be discarded (RFC 4861, 4.6).
    const units = uint8(frame, optionAt + 1);
    const next = optionAt + units * 8;
    if (units === 0 || next > end) return 'bad-icmpv6';
    if (uint8(frame, optionAt) === wanted && units === 1) mac = readMac(frame, optionAt + 2);
    optionAt = next;
  }
  if (!isDeviceMac(mac)) return 'other';

  if (type === ROUTER_ADVERTISEMENT) {
    // A router speaks from its link-local address (RFC 4861, 6.1.2). A lifetime of 0 says that it is none (4.2).
    const lifetime = uint16(frame, at + ROUTER_LIFETIME);
    if (lifetime > 0 && mac === link.source && isLinkLocal(frame, ip + IPV6_SOURCE)) {
      announcement.kind = 'router-advertisement';
      announcement.station = mac;
      announcement.vlan = link.vlan;
    }
    return 'other';
  }
  sighting.mac = mac;
  sighting.via = 'ndp';
  sighting.forwarded = link.source !== 0 && link.source !== mac;
  const address = type === NEIGHBOR_ADVERTISEMENT ? at + TARGET : ip + IPV6_SOURCE;
  if (!isUnspecified(frame, address)) sighting.ipv6.set(frame, address, address + 16);
  return 'sighting';
}

/** Octets before the options (RFC 4861, 4.1 to 4.4); 0 for messages that are not ours. */
function fixedLength(type: number): number {
  switch (type) {
    case ROUTER_SOLICITATION:
      return 8;
    case ROUTER_ADVERTISEMENT:
      return 16;
    case NEIGHBOR_SOLICITATION:
    case NEIGHBOR_ADVERTISEMENT:
      return 24;
    default:
      return 0;
  }
}
