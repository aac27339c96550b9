// Which device holds which IPv4 address, by its own ARP. Nearly every frame comes here, so a known holder costs reading a single row.
import type { MacAddress } from '../addresses/mac-address.js';

/** The first holder of an address keeps it until it was silent for this long. */
export const HELD_FOR_MS = 24 * 3_600_000;
/** A holder is noted once in this time, however often it sends. */
const NOTED_EVERY_MS = 60_000;
/** A power of two, more than a location has addresses. Of two addresses with the same row only the latest is known. */
const ROWS = 1_024;

// The columns of a row.
const IPV4 = 0;
const MAC = 1;
const HEARD_MS = 2;
const COLUMNS = 3;

export class AddressHolders {
  private readonly cells = new Float64Array(ROWS * COLUMNS);
  /** Random, so that nobody on the network can choose addresses that share a row. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;

  /** `mac` claims `ipv4`. Returns false when it is known as the holder and was noted less than a minute ago. */
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

  /** Returns the holder of an address; 0 when none is known. */
  holderOf(ipv4: number, steadyMs: number): MacAddress {
    const row = this.rowOf(ipv4);
    if (this.cells[row + IPV4] !== ipv4 || steadyMs - (this.cells[row + HEARD_MS] as number) > HELD_FOR_MS) return 0;
    return this.cells[row + MAC] as number;
  }

  forget(mac: MacAddress): void {
    for (let row = 0; row < this.cells.length; row += COLUMNS)
      if (this.cells[row + MAC] === mac) this.cells.fill(0, row, row + COLUMNS);
  }

  private rowOf(ipv4: number): number {
    let hash = Math.imul(ipv4 ^ this.seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) & (ROWS - 1)) * COLUMNS;
  }
}
