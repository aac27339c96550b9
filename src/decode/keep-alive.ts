// Keep-alives: broadcast and multicast frames, of which only the link-layer addresses are read.
import { isDeviceMac, type MacAddress, readMac } from '../addresses/mac-address.js';
import type { LinkType } from './link-layer.js';
import { uint8, uint16 } from './octets.js';

const GROUP_BIT = 0x01;
const ETHERNET_SOURCE_END = 12;
const SLL_SOURCE_END = 12;
const SLL2_SOURCE_END = 18;
const ETHERNET_ADDRESS_LENGTH = 6;

/** Packet types of a cooked capture (linux/if_packet.h). What the machine itself sends has another: PACKET_OUTGOING. */
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;

/** Whether the frame was sent to a broadcast or multicast address. False when it is too short to say so. */
export function isToGroup(frame: Uint8Array, length: number, linkType: LinkType): boolean {
  switch (linkType) {
    case 'ethernet':
      return length > 0 && (uint8(frame, 0) & GROUP_BIT) !== 0;
    case 'linux-sll':
      return length >= 2 && isGroupPacketType(uint16(frame, 0));
    case 'linux-sll2':
      return length > 10 && isGroupPacketType(uint8(frame, 10));
    case 'null':
    case 'raw':
      return false;
  }
}

/**
 * Returns the device that sent a broadcast or multicast frame; 0 when the frame is neither, or when its source is no device's address.
 * Of the first `length` octets of `frame` only the addresses are read.
 */
export function readKeepAlive(frame: Uint8Array, length: number, linkType: LinkType): MacAddress {
  const end = Math.min(length, frame.length);
  switch (linkType) {
    case 'ethernet':
      return end >= ETHERNET_SOURCE_END && isToGroup(frame, end, linkType) ? deviceAt(frame, 6) : 0;
    case 'linux-sll':
      if (end < SLL_SOURCE_END || !isToGroup(frame, end, linkType)) return 0;
      return uint16(frame, 4) === ETHERNET_ADDRESS_LENGTH ? deviceAt(frame, 6) : 0;
    case 'linux-sll2':
      if (end < SLL2_SOURCE_END || !isToGroup(frame, end, linkType)) return 0;
      return uint8(frame, 11) === ETHERNET_ADDRESS_LENGTH ? deviceAt(frame, 12) : 0;
    case 'null':
    case 'raw':
      return 0;
  }
}

function deviceAt(frame: Uint8Array, at: number): MacAddress {
  const mac = readMac(frame, at);
  return isDeviceMac(mac) ? mac : 0;
}

function isGroupPacketType(packetType: number): boolean {
  return packetType === PACKET_BROADCAST || packetType === PACKET_MULTICAST;
}
