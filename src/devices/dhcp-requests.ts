// The DHCP requests of the last seconds. A message of a server is evidence only if it answers one of them.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Announcement } from '../decode/sighting.js';

/** How long an answer may take. dnsmasq tests for three seconds whether an address is free. */
const ANSWERED_WITHIN_MS = 10_000;
/** A power of two. At a thousand requests a second, three of four are still known when a server answers after 0.3 s. */
const ROWS = 1_024;

export interface DhcpRequest {
  readonly client: number;
  readonly xid: number;
  readonly atMs: number;
  /** The server that the client names (option 54), 0 when it names none. */
  readonly serverIpv4: number;
  /** The relay that passed it on, and the source of its IP packet; 0 when it came from the client itself. */
  readonly relay: MacAddress;
  readonly relaySourceIpv4: number;
}

/** Each client has a row, found by a hash. Of two clients with the same row only the latest is known. */
export class DhcpRequests {
  private readonly rows: (DhcpRequest | undefined)[] = new Array(ROWS).fill(undefined);
  /** Random, so that nobody on the network can choose clients that share a row. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;

  add({ client, xid, serverIpv4, relayIpv4, station, stationIpv4 }: Announcement, steadyMs: number): void {
    const isRelayed = relayIpv4 !== 0;
    this.rows[this.rowOf(client)] = {
      client,
      xid,
      atMs: steadyMs,
      serverIpv4,
      relay: isRelayed ? station : 0,
      relaySourceIpv4: isRelayed ? stationIpv4 : 0,
    };
  }

  /** Returns the latest request of this client if it has this transaction id and is not too old; null otherwise. */
  find(client: number, xid: number, steadyMs: number): DhcpRequest | null {
    const request = this.rows[this.rowOf(client)];
    if (request === undefined || request.client !== client || request.xid !== xid) return null;
    return Math.abs(steadyMs - request.atMs) <= ANSWERED_WITHIN_MS ? request : null;
  }

  forget(mac: MacAddress): void {
    this.rows.forEach((request, row) => {
      if (request?.client === mac || request?.relay === mac) this.rows[row] = undefined;
    });
  }

  private rowOf(client: number): number {
    let hash = client ^ this.seed ^ Math.imul(client / 0x1_0000_0000, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) & (ROWS - 1);
  }
}
