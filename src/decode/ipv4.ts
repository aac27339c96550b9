// IPv4 (RFC 791), as far as needed to find the DHCP message inside.
import { decodeDhcp } from './dhcp.js';
import type { LinkHeader } from './link-layer.js';
import { uint8, uint16 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';
import { Datagram, PROTOCOL_UDP, readDatagram } from './udp.js';

const MIN_HEADER = 20;
const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;

const datagram = new Datagram();

/**
 * The header checksum is not verified: on the sending machine a capture shows it before the network card fills it in. When
 * the total length goes beyond the frame, the capture was cut at its snap length, and the octets that are there are used.
 */
export function decodeIpv4(
  frame: Uint8Array,
  at: number,
  frameEnd: number,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  if (frameEnd - at < MIN_HEADER) return 'short-ip';
  if (uint8(frame, at) >> 4 !== 4) return 'bad-ip';
  const headerLength = (uint8(frame, at) & 0x0f) * 4;
  // Segmentation offload leaves the total length 0 in captures made on the sending machine.
  const totalLength = uint16(frame, at + 2) || frameEnd - at;
  if (headerLength < MIN_HEADER) return 'bad-ip';
  if (frameEnd - at < headerLength) return 'short-ip';
  if (totalLength < headerLength) return 'bad-ip';
  if (uint8(frame, at + 9) !== PROTOCOL_UDP) return 'other';
  // Only the first fragment has the ports and the start of the DHCP message.
  const fragmentOffset = uint16(frame, at + 6) & 0x1fff;
  if (fragmentOffset !== 0) return 'other';

  const end = Math.min(frameEnd, at + totalLength);
  const verdict = readDatagram(frame, at + headerLength, end, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, datagram);
  return verdict ?? decodeDhcp(frame, at, datagram, link, sighting, announcement);
}
