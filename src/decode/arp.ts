// ARP for IPv4 over Ethernet (RFC 826): requests, replies, probes and announcements (RFC 5227).
import { isDeviceMac, readMac } from '../addresses/mac-address.js';
import { ETHERTYPE_IPV4, type LinkHeader } from './link-layer.js';
import { uint8, uint16, uint32 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';

const FIXED_LENGTH = 8;
const LENGTH = 28;
const HTYPE_ETHERNET = 1;
const REQUEST = 1;
const REPLY = 2;

/**
 * The sender hardware address is the device, not the Ethernet source: the two differ behind a proxy or a repeater, and
 * with Microsoft NLB. A probe (sender address 0.0.0.0, RFC 5227 1.1) is a sighting without an address. A frame announces who
 * holds the address only when its sender is also its Ethernet source: any station can claim it for another one.
 */
export function decodeArp(
  frame: Uint8Array,
  at: number,
  end: number,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  if (end - at < FIXED_LENGTH) return 'short-arp';
  if (uint16(frame, at) !== HTYPE_ETHERNET || uint16(frame, at + 2) !== ETHERTYPE_IPV4) return 'other';
  if (uint8(frame, at + 4) !== 6 || uint8(frame, at + 5) !== 4) return 'other';
  const opcode = uint16(frame, at + 6);
  if (opcode !== REQUEST && opcode !== REPLY) return 'other';
  if (end - at < LENGTH) return 'short-arp';

  const sender = readMac(frame, at + 8);
  if (!isDeviceMac(sender)) return 'other';
  sighting.mac = sender;
  sighting.via = 'arp';
  const address = uint32(frame, at + 14);
  sighting.ipv4 = address;
  if (address === 0) sighting.probedIpv4 = uint32(frame, at + 24);
  sighting.forwarded = link.source !== 0 && link.source !== sender;
  if (address !== 0 && link.source === sender) {
    announcement.kind = 'holds-ipv4';
    announcement.station = sender;
    announcement.stationIpv4 = address;
  }
  return 'sighting';
}
