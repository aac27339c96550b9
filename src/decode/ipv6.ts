// IPv6 (RFC 8200) and its extension headers, as far as needed to find Neighbor Discovery and DHCPv6 inside.
import { decodeDhcpv6 } from './dhcpv6.js';
import type { LinkHeader } from './link-layer.js';
import { decodeNdp } from './ndp.js';
import { uint8, uint16 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';
import { Datagram, PROTOCOL_UDP, readDatagram } from './udp.js';

const HEADER_LENGTH = 40;
const DHCPV6_CLIENT_PORT = 546;
const DHCPV6_SERVER_PORT = 547;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const ICMPV6 = 58;
const DESTINATION_OPTIONS = 60;
/** RFC 8200, 4.1 lists seven. A frame with more than eight is none that we look for. */
const MAX_EXTENSION_HEADERS = 8;

const datagram = new Datagram();

/** When the payload length goes beyond the frame, the capture was cut at its snap length, and the octets that are there are used. */
export function decodeIpv6(
  frame: Uint8Array,
  at: number,
  frameEnd: number,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  if (frameEnd - at < HEADER_LENGTH) return 'short-ip';
  if (uint8(frame, at) >> 4 !== 6) return 'bad-ip';
  // 0 stands for a jumbogram, or for segmentation offload on the sending machine.
  const payloadLength = uint16(frame, at + 4) || frameEnd - at - HEADER_LENGTH;
  const end = Math.min(frameEnd, at + HEADER_LENGTH + payloadLength);

  let protocol = uint8(frame, at + 6);
  let payload = at + HEADER_LENGTH;
  for (let headers = 0; headers < MAX_EXTENSION_HEADERS; headers++) {
    switch (protocol) {
      case ICMPV6:
        return decodeNdp(frame, at, payload, end, link, sighting, announcement);
      case PROTOCOL_UDP: {
        const verdict = readDatagram(frame, payload, end, DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT, datagram);
        return verdict ?? decodeDhcpv6(frame, at, datagram, link, sighting, announcement);
      }
      case HOP_BY_HOP:
      case ROUTING:
      case DESTINATION_OPTIONS:
      case FRAGMENT: {
        if (end - payload < 8) return 'short-ip';
        const next = uint8(frame, payload);
        if (protocol === FRAGMENT) {
          // Only a first fragment has ports; Neighbor Discovery must not come in fragments at all (RFC 6980, 5).
          const fragmentOffset = uint16(frame, payload + 2) >> 3;
          if (fragmentOffset !== 0 || next !== PROTOCOL_UDP) return 'other';
          payload += 8;
        } else {
          payload += 8 + uint8(frame, payload + 1) * 8;
        }
        if (payload > end) return 'short-ip';
        protocol = next;
        break;
      }
      default:
        return 'other';
    }
  }
  return 'other';
}
