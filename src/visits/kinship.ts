// Finds a device that shows the identity of another one, which was not heard since it came. Most likely it is the same device, with a
// new address.
import { type MacAddress, readMac } from '../addresses/mac-address.js';
import type { Span } from '../decode/sighting.js';
import { isGenericName } from './generic-name.js';
import type { Visit } from './visit.js';

/** RFC 2132, 9.14: most client identifiers are a hardware type and a hardware address. */
const HARDWARE_ID_LENGTH = 7;
const HARDWARE_ETHERNET = 1;

export interface OpenVisits {
  /** The visit of this device, when it is open. */
  visitOf(mac: MacAddress): Visit | null;
  /** Whether `visit` may be the device of `first` with a new address. Called when `visit` shows an identity. */
  mayPrecede(first: Visit, visit: Visit): boolean;
}

export class Kinship {
  private readonly byHostname = new Map<string, Visit>();
  private readonly byClientId = new Map<string, Visit>();

  constructor(private readonly open: OpenVisits) {}

  /** The device of `visit` has a new name. */
  rename(visit: Visit, hostname: string): void {
    unindex(this.byHostname, visit.hostname, visit);
    visit.hostname = hostname;
    if (isGenericName(hostname)) return;
    const first = this.byHostname.get(hostname);
    if (first !== undefined && this.open.mayPrecede(first, visit)) visit.kin ??= { mac: first.mac, by: 'host name' };
    else this.byHostname.set(hostname, visit);
  }

  /** The device of `visit` shows this client identifier (DHCP option 61, or a DUID). */
  identify(visit: Visit, clientId: Span): void {
    const { bytes, start } = clientId;
    const isHardware = clientId.length === HARDWARE_ID_LENGTH && bytes[start] === HARDWARE_ETHERNET;
    const mac = isHardware ? readMac(bytes, start + 1) : null;
    // Nearly always it is the device's own address, and needs no entry: a device that shows it later finds this one by its address.
    const isOwn = mac === visit.mac;
    const shown = isOwn && this.byClientId.size === 0 ? null : hexOf(clientId);
    if (!isOwn && shown === visit.clientId) return;
    unindex(this.byClientId, visit.clientId, visit);
    visit.clientId = isOwn ? null : shown;
    if (shown === null) return;
    const first = (isOwn || mac === null ? null : this.open.visitOf(mac)) ?? this.byClientId.get(shown);
    if (first !== undefined && this.open.mayPrecede(first, visit)) {
      visit.kin ??= { mac: first.mac, by: 'DHCP client id' };
    } else if (!isOwn) this.byClientId.set(shown, visit);
  }

  /** The visit is over. */
  remove(visit: Visit): void {
    unindex(this.byHostname, visit.hostname, visit);
    unindex(this.byClientId, visit.clientId, visit);
  }
}

function unindex(index: Map<string, Visit>, identity: string | null, visit: Visit): void {
  if (identity !== null && index.get(identity) === visit) index.delete(identity);
}

function hexOf(span: Span): string {
  return Buffer.from(span.bytes.buffer, span.bytes.byteOffset + span.start, span.end - span.start).toString('hex');
}
