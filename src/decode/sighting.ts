// The objects that decoders fill in. One object of each kind serves all frames, so that a frame that adds nothing costs no
// allocation. What is to be kept must be copied before the next frame.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Protocol } from './protocol.js';

/** Bytes in a frame or in a decoder's own buffer: from `start` up to, not including, `end`. Empty means absent. */
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

  /** Returns FNV-1a of the bytes, signed. It shows whether a fact is known already, without making text of it. */
  hash(): number {
    let hash = 0x811c9dc5;
    for (let i = this.start; i < this.end; i++) hash = Math.imul(hash ^ (this.bytes[i] as number), 0x01000193);
    return hash;
  }
}

const VIA_NUMBERS: Readonly<Record<Protocol, number>> = { arp: 1, dhcp: 2, ndp: 3, dhcpv6: 4 };

/** One step of a hash over 32-bit numbers. With the same `hash`, different values give different results. */
function mix(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x9e3779b1);
  return product ^ (product >>> 15);
}

/** What one frame proves: this MAC was active. With it come the facts that the frame has about the device. */
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
  /** Another station than the device sent the frame: a proxy, a repeater, a DHCP relay. */
  forwarded = false;
  /**
   * The repeater that passed on a DHCP client's broadcast with its own MAC as the source. 0 for all other frames. Relays and routers
   * are not repeaters: they send from an IP address of their own.
   */
  repeater: MacAddress = 0;
  /** A DHCP server's ACK to the device, from a server that is believed; who knows the servers sets it. */
  leased = false;
  /** The bit of the interface that heard the frame; 0 when there is only one. Who listens sets it. It is no fact about the device. */
  heardOn = 0;

  /**
   * Returns all facts but `parameterList` as one number. Sightings with the same facts have the same number. It is never 0.
   */
  facts(): number {
    // Small facts have bits of their own.
    const bits = (this.forwarded ? 1 : 0) + (this.leased ? 2 : 0);
    let hash = mix(0, (VIA_NUMBERS[this.via] * 4 + bits) * 4_096 + this.vlan);
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
    this.leased = false;
    this.heardOn = 0;
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
 * What one frame says about the network's own equipment. devices/equipment.ts decides what to believe. Only `kind` is cleared for each
 * frame. The other fields are valid for the kinds that they name.
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

/** Why a frame is malformed. Each has a counter, and none is logged for itself. */
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
 * What a decoder returns. `sighting`: the Sighting is filled in. `other`: a correct frame that is no sighting; the Announcement may
 * be filled in. Anything else: the frame is malformed, and neither object is valid.
 */
export type Verdict = 'sighting' | 'other' | Malformed;
