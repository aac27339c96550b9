// A visit as this sensor saw it, with the facts about the device.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Protocol } from '../decode/protocol.js';

const NO_PROTOCOLS: readonly Protocol[] = [];
const NO_IPV4S: readonly number[] = [];
const NO_IPV6S: readonly string[] = [];

/** Most likely the earlier address of a device, and the identity that both addresses showed. */
export interface Kin {
  readonly mac: MacAddress;
  readonly by: 'DHCP client id' | 'host name';
}

/** Only the tracker writes to it. Lists are replaced, never changed, so a list that was read stays the same. */
export class Visit {
  /** Event times, ms since the epoch, at the latest call of the listener: of the first and the latest sighting. */
  firstMs: number;
  lastSightingMs: number;
  /** The same for the latest sighting or keep-alive. */
  lastMs: number;
  /** Numbers at the latest call of the listener. */
  sightings = 0;
  keepAlives = 0;
  via: readonly Protocol[] = NO_PROTOCOLS;
  ipv4s: readonly number[] = NO_IPV4S;
  ipv6s: readonly string[] = NO_IPV6S;
  hostname: string | null = null;
  vendorClass: string | null = null;
  /** DHCP option 55, in the device's order, of the latest DHCP frame with news. Visits with the same list share the array. */
  parameterList: readonly number[] | null = null;
  /** DHCP client identifier in hexadecimal. Null when there is none, and when it is made of the MAC, as most are. */
  clientId: string | null = null;
  vlan: number | null = null;
  /** A device with the same identity that was not heard since this visit began. It may be this device under its earlier address. */
  kin: Kin | null = null;
  /** At least one frame came from another station: a relay, a proxy, a repeater. */
  forwarded = false;
  /** A DHCP server that is believed gave the device its address. */
  leased = false;
  /** Bits of the interfaces on which the device was sighted; 0 when there is only one. */
  heardOn = 0;

  /** The row in the visit table, which has what changes with every frame. */
  row = 0;
  newsCount = 0;
  /** Its first news was held back once, until the device has an address. */
  isWaitedFor = false;

  constructor(
    readonly mac: MacAddress,
    eventMs: number,
  ) {
    this.firstMs = eventMs;
    this.lastSightingMs = eventMs;
    this.lastMs = eventMs;
  }
}
