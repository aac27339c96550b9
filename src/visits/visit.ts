// One visit as this sensor saw it: what is known of the device, as far as the pipeline has to know it.

import type { MacAddress } from '../addresses/mac-address.js';
import type { Protocol } from '../decode/protocol.js';

const NO_PROTOCOLS: readonly Protocol[] = [];
const NO_IPV4S: readonly number[] = [];
const NO_IPV6S: readonly string[] = [];

/** The earlier address of a device, most likely, and what both have shown. */
export interface Kin {
  readonly mac: MacAddress;
  readonly by: 'DHCP client id' | 'host name';
}

/** The tracker alone writes to it. Lists are replaced, never pushed to: what somebody took from here stays what it was. */
export class Visit {
  /** Event times, ms since the epoch; of the first and the latest sighting that the listener heard of. */
  firstMs: number;
  lastMs: number;
  /** Sightings that the listener heard of. */
  sightings = 0;
  via: readonly Protocol[] = NO_PROTOCOLS;
  ipv4s: readonly number[] = NO_IPV4S;
  ipv6s: readonly string[] = NO_IPV6S;
  hostname: string | null = null;
  vendorClass: string | null = null;
  /** DHCP option 55, in the device's order, of the last DHCP frame that said anything new. One array serves all visits that ask alike. */
  parameterList: readonly number[] | null = null;
  /** DHCP client identifier in hexadecimal; null also when it is made of the MAC, as most are. */
  clientId: string | null = null;
  vlan: number | null = null;
  /** A device of the same identity that has been silent since this one came: perhaps this one under its earlier address. */
  kin: Kin | null = null;
  /** Something else on the network spoke for the device at least once: a relay, a proxy, a repeater. */
  forwarded = false;

  /** Where the tracker keeps what changes with every frame. */
  row = 0;
  newsCount = 0;
  /** Its first news were held back once, because the address was still to come. */
  isWaitedFor = false;

  constructor(
    readonly mac: MacAddress,
    eventMs: number,
  ) {
    this.firstMs = eventMs;
    this.lastMs = eventMs;
  }
}
