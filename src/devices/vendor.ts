// Who made a device, by the IEEE registries MA-L, MA-M and MA-S (oui-data), the longest prefix first.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { isLocallyAdministered, type MacAddress } from './mac-address.js';

/**
 * Locally administered prefixes that software other than a phone's private Wi-Fi address uses. No registry that oui-data
 * holds lists them (the IEEE's CID registry is apart), and they are not random: the prefix names what made them.
 */
const LOCAL_PREFIXES: ReadonlyMap<number, string> = new Map([
  [0x525400, 'QEMU/KVM virtual machine'],
  [0x0242ac, 'Docker container'],
  [0x0a0027, 'VirtualBox host-only network'],
  [0x02004c, 'Microsoft loopback adapter'],
  [0x020054, 'Novell virtual adapter'],
  [0x024247, 'Docker bridge'],
]);

/** Prefix digits: 24, 28 and 36 bits, as numbers. */
let registries: Map<number, string>[] | undefined;

function load(): Map<number, string>[] {
  const path = createRequire(import.meta.url).resolve('oui-data');
  const records = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(path, 'utf8')));
  const loaded = [new Map<number, string>(), new Map<number, string>(), new Map<number, string>()];
  const names = new Map<string, string>();
  for (const [prefix, record] of Object.entries(records)) {
    const name = firstLine(record);
    let shared = names.get(name);
    if (shared === undefined) {
      // A copy: a slice would keep the whole record, postal address included, in memory.
      shared = Buffer.from(name).toString();
      names.set(shared, shared);
    }
    loaded[prefix.length === 6 ? 0 : prefix.length === 7 ? 1 : 2]?.set(Number.parseInt(prefix, 16), shared);
  }
  return loaded;
}

function firstLine(record: string): string {
  const end = record.indexOf('\n');
  return (end < 0 ? record : record.slice(0, end)).trim();
}

/** Whether the address was made up by the device's software and says nothing about who made it. */
export function isRandomised(mac: MacAddress): boolean {
  return isLocallyAdministered(mac) && !LOCAL_PREFIXES.has(Math.floor(mac / 2 ** 24));
}

/** The maker's name as registered, without the postal address; null when the prefix is nobody's or the address is random. */
export function vendorOf(mac: MacAddress): string | null {
  if (isLocallyAdministered(mac)) return LOCAL_PREFIXES.get(Math.floor(mac / 2 ** 24)) ?? null;
  registries ??= load();
  const [large, medium, small] = registries;
  return (
    small?.get(Math.floor(mac / 2 ** 12)) ??
    medium?.get(Math.floor(mac / 2 ** 20)) ??
    large?.get(Math.floor(mac / 2 ** 24)) ??
    null
  );
}
