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
    this.ipv6.clear();
    this.hostname.clear();
    this.vendorClass.clear();
    this.clientId.clear();
    this.parameterList.clear();
    this.forwarded = false;
  }
}

/** What one frame says about the network's own equipment. Every field is 0 when the frame does not say it. */
export class Announcement {
  /** Ethernet source of a DHCP server's OFFER or ACK that no relay passed on, or of a DHCPv6 ADVERTISE or REPLY. */
  dhcpServerMac: MacAddress = 0;
  /** DHCP option 54 of an OFFER, an ACK or a client's REQUEST, an unsigned 32-bit IPv4 address. */
  dhcpServerIp = 0;
  /** First address of DHCP option 3 of an OFFER or ACK. */
  routerIp = 0;
  /** Sender of an IPv6 router advertisement. */
  routerMac: MacAddress = 0;
  /** Ethernet source of a client's DHCP message that a relay passed on. */
  relayMac: MacAddress = 0;

  clear(): void {
    this.dhcpServerMac = 0;
    this.dhcpServerIp = 0;
    this.routerIp = 0;
    this.routerMac = 0;
    this.relayMac = 0;
  }

  get isEmpty(): boolean {
    const { dhcpServerMac, dhcpServerIp, routerIp, routerMac, relayMac } = this;
    return dhcpServerMac === 0 && dhcpServerIp === 0 && routerIp === 0 && routerMac === 0 && relayMac === 0;
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
