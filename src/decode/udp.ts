// UDP (RFC 768): picks out the datagrams of one protocol and says where their payload lies.
import { uint16 } from './octets.js';
import type { Malformed } from './sighting.js';

export const PROTOCOL_UDP = 17;
const HEADER_LENGTH = 8;

/** The payload of a UDP datagram inside a frame. One object serves all frames. */
export class Datagram {
  start = 0;
  end = 0;
  /** The payload goes on behind the frame, which is a first fragment or was cut at a snap length. */
  cut = false;
}

/**
 * Fills in `datagram` and returns null when it comes from or goes to one of two ports. Returns a verdict otherwise. Octets
 * after the UDP length are padding. The checksum is not verified (it is often left to the network card).
 */
export function readDatagram(
  frame: Uint8Array,
  at: number,
  end: number,
  port: number,
  otherPort: number,
  datagram: Datagram,
): Malformed | 'other' | null {
  if (end - at < HEADER_LENGTH) return 'short-udp';
  const source = uint16(frame, at);
  const destination = uint16(frame, at + 2);
  if (source !== port && source !== otherPort && destination !== port && destination !== otherPort) return 'other';
  const length = uint16(frame, at + 4);
  if (length < HEADER_LENGTH) return 'bad-udp';
  datagram.start = at + HEADER_LENGTH;
  datagram.cut = length > end - at;
  datagram.end = datagram.cut ? end : at + length;
  return null;
}
