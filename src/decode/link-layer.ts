// The link layer: from the first byte of a frame to its network-layer payload, through VLAN tags and LLC headers.
import { type MacAddress, readMac } from '../addresses/mac-address.js';
import { uint8, uint16, uint32 } from './octets.js';

/**
 * How the frames of a capture begin. `null` is the four-byte header of BSD and macOS loopback and tunnel interfaces
 * (LINKTYPE_NULL and LINKTYPE_LOOP), `raw` an IP packet with nothing before it. See https://www.tcpdump.org/linktypes.html
 */
export type LinkType = 'ethernet' | 'linux-sll' | 'linux-sll2' | 'null' | 'raw';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_8021Q = 0x8100;
const ETHERTYPE_8021AD = 0x88a8;
/** Stacked tags of equipment older than 802.1ad. */
const ETHERTYPE_QINQ = 0x9100;
/** The frame has no EtherType, so it is none that we look for. */
const ETHERTYPE_NONE = 0;

/** IEEE 802.3, 3.2.6: up to this value the field is a length and an LLC header follows. */
const MAX_LENGTH = 1500;
/** RFC 1042: LLC DSAP and SSAP 0xaa, control 3 (unnumbered information), then the first octet of OUI zero. */
const SNAP = 0xaaaa0300;

const ETHERNET_LENGTH = 14;
const SLL_LENGTH = 16;
const SLL2_LENGTH = 20;
const NULL_LENGTH = 4;

/** What the link layer of one frame said. One object serves all frames. */
export class LinkHeader {
  etherType = ETHERTYPE_NONE;
  /** Where the network-layer packet starts. */
  payload = 0;
  /** The station that sent this frame on this link; 0 when the link type does not tell. Not yet checked to be a device's. */
  source: MacAddress = 0;
  /** VLAN id of the outermost tag that carries one, 1 to 4094; 0 without. */
  vlan = 0;
}

/** Fills in `header`. Returns false when the frame ends inside its link-layer header. */
export function readLinkHeader(frame: Uint8Array, length: number, linkType: LinkType, header: LinkHeader): boolean {
  header.source = 0;
  header.vlan = 0;
  switch (linkType) {
    case 'ethernet':
      if (length < ETHERNET_LENGTH) return false;
      header.source = readMac(frame, 6);
      return readTags(frame, length, uint16(frame, 12), ETHERNET_LENGTH, header);
    case 'linux-sll':
      if (length < SLL_LENGTH) return false;
      if (uint16(frame, 4) === 6) header.source = readMac(frame, 6);
      return readTags(frame, length, uint16(frame, 14), SLL_LENGTH, header);
    case 'linux-sll2':
      if (length < SLL2_LENGTH) return false;
      if (uint8(frame, 11) === 6) header.source = readMac(frame, 12);
      return readTags(frame, length, uint16(frame, 0), SLL2_LENGTH, header);
    case 'null':
      return readVersion(frame, length, NULL_LENGTH, header);
    case 'raw':
      return readVersion(frame, length, 0, header);
  }
}

/** Reads any number of VLAN tags. Each takes four bytes of the frame, so this ends. */
function readTags(frame: Uint8Array, length: number, firstType: number, firstAt: number, header: LinkHeader): boolean {
  let type = firstType;
  let at = firstAt;
  while (type === ETHERTYPE_8021Q || type === ETHERTYPE_8021AD || type === ETHERTYPE_QINQ) {
    if (at + 4 > length) return false;
    const id = uint16(frame, at) & 0x0fff;
    // 0 is a priority tag, 4095 is reserved (IEEE 802.1Q, table 9-2).
    if (header.vlan === 0 && id !== 0x0fff) header.vlan = id;
    type = uint16(frame, at + 2);
    at += 4;
  }
  if (type <= MAX_LENGTH) {
    if (at + 8 <= length && uint32(frame, at) === SNAP && uint16(frame, at + 4) === 0) {
      type = uint16(frame, at + 6);
      at += 8;
    } else {
      type = ETHERTYPE_NONE;
    }
  }
  header.etherType = type;
  header.payload = at;
  return true;
}

/**
 * Reads from the packet itself whether it is IPv4 or IPv6. The address family in a `null` header is of no use: it is in the byte order
 * of the capturing machine, and IPv6 is 10, 24, 28 or 30, depending on its system.
 */
function readVersion(frame: Uint8Array, length: number, at: number, header: LinkHeader): boolean {
  if (length <= at) return false;
  const version = uint8(frame, at) >> 4;
  header.etherType = version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_NONE;
  header.payload = at;
  return true;
}
