// What a decoder writes its findings into. One object of each kind serves all frames, so that a frame that adds
// nothing costs no allocation: whoever keeps something copies it before the next frame.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Protocol } from './protocol.js';

/** Bytes inside a frame (or inside a decoder's scratch buffer): from `start` up to, not including, `end`. Empty means absent. */
export class Span {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  clear(): void {
    this.start = 0;
    this.end = 0;
  }

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  copy(other: Span): void {
    this.set(other.bytes, other.start, other.end);
  }

  /** FNV-1a over the bytes, signed: tells cheaply, without making text, whether a fact is the one already known. */
  hash(): number {
    let hash = 0x811c9dc5;
    for (let i = this.start; i < this.end; i++) hash = Math.imul(hash ^ (this.bytes[i] as number), 0x01000193);
    return hash;
  }
}

const VIA_NUMBERS: Readonly<Record<Protocol, number>> = { arp: 1, dhcp: 2, ndp: 3, dhcpv6: 4 };

/** One step of a hash over 32-bit numbers; for each `hash` it maps different values to different answers. */
function mix(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x9e3779b1);
  return product ^ (product >>> 15);
}

/** What one frame proves: this MAC was active, with what the frame says about it besides. */
export class Sighting {
  mac: MacAddress = 0;
  via: Protocol = 'arp';
  /** VLAN id of the outermost tag, 1 to 4094 (0 when untagged or only priority-tagged). */
  vlan = 0;
  /** The device's IPv4 address as an unsigned 32-bit number; 0 when the frame gives none. */
  ipv4 = 0;
  /** The address that an ARP probe asks for, because the device is about to use it; 0 for all else. */
  probedIpv4 = 0;
  /** The device's IPv6 address, 16 bytes, empty when the frame gives none. */
  readonly ipv6 = new Span();
  /** Raw host name, untrusted: DHCP option 12, else the name in option 81 (or DHCPv6 option 39) as dotted text. */
  readonly hostname = new Span();
  /** Raw vendor class, untrusted: DHCP option 60. */
  readonly vendorClass = new Span();
  /** DHCP option 61 (type octet included), or the DHCPv6 DUID (at most 130 octets). */
  readonly clientId = new Span();
  /** DHCP option 55. */
  readonly parameterList = new Span();
  /** The frame reached us from another station than the one it speaks for: a proxy, a repeater, a DHCP relay. */
  forwarded = false;
  /**
   * The station that sent a DHCP client's broadcast in place of the client: a repeater that writes its own MAC into what it passes on.
   * 0 for all else. No relay or router is meant: those send under an IP address of their own.
   */
  repeater: MacAddress = 0;

  /**
   * All that is said about the device, in one number: the same for sightings that say the same, and never 0. What the device asks of a
   * DHCP server (`parameterList`) is left out.
   */
  facts(): number {
    // All that is small has bits of its own.
    let hash = mix(0, (VIA_NUMBERS[this.via] * 2 + (this.forwarded ? 1 : 0)) * 4_096 + this.vlan);
    hash = mix(hash, this.ipv4);
    // Most sightings have none of these.
    if (this.ipv6.length > 0) hash = mix(hash, this.ipv6.hash());
    if (this.hostname.length > 0) hash = mix(hash ^ 1, this.hostname.hash());
    if (this.vendorClass.length > 0) hash = mix(hash ^ 2, this.vendorClass.hash());
    if (this.clientId.length > 0) hash = mix(hash ^ 3, this.clientId.hash());
    return hash || 1;
  }

  clear(): void {
    this.mac = 0;
    this.vlan = 0;
    this.ipv4 = 0;
    this.probedIpv4 = 0;
    this.ipv6.clear();
    this.hostname.clear();
    this.vendorClass.clear();
    this.clientId.clear();
    this.parameterList.clear();
    this.forwarded = false;
    this.repeater = 0;
  }
}

/** What a frame says about who runs the network. */
export type AnnouncementKind =
  | 'nothing'
  /** ARP: `station` holds `stationIpv4`. */
  | 'holds-ipv4'
  /** A client asks a DHCP server, perhaps through a relay. */
  | 'dhcp-request'
  | 'dhcp-offer'
  | 'dhcp-ack'
  | 'dhcpv6-request'
  | 'dhcpv6-advertise'
  | 'dhcpv6-reply'
  /** `station` offers itself as a router for IPv6. */
  | 'router-advertisement';

/**
 * What one frame says about the network's own equipment. Nothing of it is believed yet: see src/devices/equipment.ts. Only `kind` is
 * cleared for each frame; the other fields mean something for the kinds that they name.
 */
export class Announcement {
  kind: AnnouncementKind = 'nothing';
  /** All kinds: the Ethernet source; 0 when the link type does not tell, or when no device can have it. */
  station: MacAddress = 0;
  /** All kinds but `holds-ipv4`: VLAN id as in a Sighting. */
  vlan = 0;
  /** `holds-ipv4`: the address. DHCPv4: the source of the IP packet. An unsigned 32-bit number. */
  stationIpv4 = 0;
  /** DHCP: the client, by its `chaddr` or by a hash of its DUID; the two cannot be equal. */
  client = 0;
  /** DHCP: the transaction id. */
  xid = 0;
  /** DHCPv4: option 54 of a client's REQUEST, an OFFER or an ACK; 0 without. */
  serverIpv4 = 0;
  /** OFFER and ACK: the first address of option 3; 0 without. */
  routerIpv4 = 0;
  /** OFFER and ACK: option 1; 0 without. */
  subnetMask = 0;
  /** DHCPv4: `giaddr`; 0 when no relay passed the message on. */
  relayIpv4 = 0;

  clear(): void {
    this.kind = 'nothing';
  }

  get isEmpty(): boolean {
    return this.kind === 'nothing';
  }
}

/** Why a frame that should have been decodable was not. Each is a counter, none is ever a log line of its own. */
export type Malformed =
  | 'short-link-header'
  | 'short-arp'
  | 'short-ip'
  | 'bad-ip'
  | 'short-udp'
  | 'bad-udp'
  | 'short-dhcp'
  | 'bad-dhcp'
  | 'bad-dhcp-options'
  | 'short-icmpv6'
  | 'bad-icmpv6'
  | 'short-dhcpv6'
  | 'bad-dhcpv6';

/**
 * A decoder's answer. `sighting`: the Sighting it was given is filled in. `other`: a proper frame that proves nobody's
 * presence (the Announcement may still be filled in). Anything else: malformed, and neither object means anything.
 */
export type Verdict = 'sighting' | 'other' | Malformed;
