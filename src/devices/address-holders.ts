// Which device holds which IPv4 address, by its own ARP. Nearly every frame passes here, so what is known costs a look at one row.
import type { MacAddress } from '../addresses/mac-address.js';

/** The first holder keeps an address until it was not heard for this long. */
export const HELD_FOR_MS = 24 * 3_600_000;
/** A holder that speaks all the time is noted once in this time. */
const NOTED_EVERY_MS = 60_000;
/** A power of two, and more addresses than a location has. An address that shares a row with another is forgotten for it. */
const ROWS = 1_024;

// The columns of a row.
const IPV4 = 0;
const MAC = 1;
const HEARD_MS = 2;
const COLUMNS = 3;

export class AddressHolders {
  private readonly cells = new Float64Array(ROWS * COLUMNS);
  /** Nobody on the network can tell which addresses share a row. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;

  /** `mac` says that it holds `ipv4`. Returns false when it said so less than a minute ago and is known as the holder. */
  note(mac: MacAddress, ipv4: number, steadyMs: number): boolean {
    const { cells } = this;
    const row = this.rowOf(ipv4);
    const silentMs = steadyMs - (cells[row + HEARD_MS] as number);
    const isSameAddress = cells[row + IPV4] === ipv4;
    const isSame = isSameAddress && cells[row + MAC] === mac;
    if (isSame && Math.abs(silentMs) < NOTED_EVERY_MS) return false;
    if (isSame || !isSameAddress || silentMs > HELD_FOR_MS) {
      cells[row + IPV4] = ipv4;
      cells[row + MAC] = mac;
      cells[row + HEARD_MS] = steadyMs;
    }
    return true;
  }

  /** The first device that held this address, as long as it is remembered and heard; 0 without. */
  holderOf(ipv4: number, steadyMs: number): MacAddress {
    const row = this.rowOf(ipv4);
    if (this.cells[row + IPV4] !== ipv4 || steadyMs - (this.cells[row + HEARD_MS] as number) > HELD_FOR_MS) return 0;
    return this.cells[row + MAC] as number;
  }

  private rowOf(ipv4: number): number {
    let hash = Math.imul(ipv4 ^ this.seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) & (ROWS - 1)) * COLUMNS;
  }
}
