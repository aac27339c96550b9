// The devices that asked for an address by DHCP within a day, in a bounded table. Such a device is a guest of the network and does not run
// it, whatever is sent in its name.
import type { MacAddress } from '../addresses/mac-address.js';

const MAX_CLIENTS = 4_096;
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;

export class DhcpClients {
  /** When each last asked; the one that asked the longest time ago is the first. */
  private readonly askedMs = new Map<MacAddress, number>();

  note(mac: MacAddress, steadyMs: number): void {
    this.askedMs.delete(mac);
    const [oldest] = this.askedMs.keys();
    if (oldest !== undefined && this.askedMs.size >= MAX_CLIENTS) this.askedMs.delete(oldest);
    this.askedMs.set(mac, steadyMs);
  }

  has(mac: MacAddress, steadyMs: number): boolean {
    const askedMs = this.askedMs.get(mac);
    return askedMs !== undefined && steadyMs - askedMs <= FORGOTTEN_AFTER_MS;
  }

  forget(mac: MacAddress): void {
    this.askedMs.delete(mac);
  }
}
