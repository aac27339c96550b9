// Decodes a frame: bytes in, a verdict out. All other decoders are called from here.
import { decodeArp } from './arp.js';
import { decodeIpv4 } from './ipv4.js';
import { decodeIpv6 } from './ipv6.js';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  LinkHeader,
  type LinkType,
  readLinkHeader,
} from './link-layer.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';

export type { LinkType } from './link-layer.js';

const link = new LinkHeader();

/**
 * Decodes the first `length` octets of `frame`. The octets behind them, which may remain from an earlier frame, are not read. Clears
 * and fills in `sighting` and `announcement`, whose spans stay valid until `frame` changes or another frame is decoded.
 * Never throws; takes time linear in `length`.
 */
export function decodeFrame(
  frame: Uint8Array,
  length: number,
  linkType: LinkType,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  sighting.clear();
  announcement.clear();
  const end = Math.min(length, frame.length);
  if (!readLinkHeader(frame, end, linkType, link)) return 'short-link-header';
  sighting.vlan = link.vlan;
  switch (link.etherType) {
    case ETHERTYPE_ARP:
      return decodeArp(frame, link.payload, end, link, sighting, announcement);
    case ETHERTYPE_IPV4:
      return decodeIpv4(frame, link.payload, end, link, sighting, announcement);
    case ETHERTYPE_IPV6:
      return decodeIpv6(frame, link.payload, end, link, sighting, announcement);
    default:
      return 'other';
  }
}
