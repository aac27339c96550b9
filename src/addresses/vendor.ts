// Who made a device, by the IEEE registries MA-L, MA-M and MA-S (oui-data). The longest prefix counts.
import { fstatSync, openSync, readSync } from 'node:fs';
import { ownFile } from '../own-files.js';
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

/** The MA-L blocks under this name are divided into the smaller blocks MA-M and MA-S. */
const SUBDIVIDED = 'IEEE Registration Authority';

/** Octets that are read at once around the middle of the part still to search. No line is longer than half of them. */
const WINDOW = 1_024;
/** So many blocks are remembered, then all are forgotten. Only a flood of made-up addresses reaches this number. */
const MAX_NAMES = 65_536;

/**
 * vendor-names.txt has a line for each prefix, `3C22FB Apple, Inc.`, in order: first by the length of the prefix, then by the prefix
 * (scripts/vendor-names.ts makes it). To hold it all would take many megabytes, for the few dozen vendors that a space sees. So each vendor
 * is searched for in the file, once. A test holds this against the registries, for every prefix.
 */
class VendorFile {
  private readonly file = openSync(ownFile('addresses/vendor-names.txt'), 'r');
  private readonly size = fstatSync(this.file).size;
  private readonly window = Buffer.alloc(WINDOW);
  private readonly names = new Map<number, string | null>();

  nameOf(mac: MacAddress): string | null {
    const name = this.nameOfBlock(mac, 6);
    // Some blocks that are subdivided are not listed themselves.
    if (name !== null && name !== SUBDIVIDED) return name;
    return this.nameOfBlock(mac, 9) ?? this.nameOfBlock(mac, 7) ?? name;
  }

  /** The block's prefix is the first `digits` hexadecimal digits of the address. */
  private nameOfBlock(mac: MacAddress, digits: number): string | null {
    const prefix = Math.floor(mac / 16 ** (12 - digits));
    const key = prefix * 16 + digits;
    let name = this.names.get(key);
    if (name === undefined) {
      name = this.search(prefix.toString(16).toUpperCase().padStart(digits, '0'));
      if (this.names.size >= MAX_NAMES) this.names.clear();
      this.names.set(key, name);
    }
    return name;
  }

  private search(prefix: string): string | null {
    // If the file has the line, it begins between `low` and `high`.
    let low = 0;
    let high = this.size;
    while (low < high) {
      const { start, text } = this.lineAt(Math.floor((low + high) / 2));
      // The file has become shorter: it is being overwritten.
      if (text === '') return null;
      const found = text.slice(0, text.indexOf(' '));
      const order = found.length - prefix.length || (found < prefix ? -1 : 1);
      if (found === prefix) return Buffer.from(text.slice(found.length + 1), 'latin1').toString();
      if (order < 0) low = start + text.length + 1;
      else high = start;
    }
    return null;
  }

  /** The line that the octet at `position` is part of, without its line break, one character an octet. */
  private lineAt(position: number): { start: number; text: string } {
    const from = Math.max(0, position - WINDOW / 2);
    const text = this.window.toString('latin1', 0, readSync(this.file, this.window, 0, WINDOW, from));
    const start = text.lastIndexOf('\n', position - from - 1) + 1;
    const end = text.indexOf('\n', start);
    return { start: from + start, text: text.slice(start, end === -1 ? undefined : end) };
  }
}

let vendors: VendorFile | undefined;

/** Whether the device's software made the address up, so that it says nothing about the device's maker. */
export function isRandomised(mac: MacAddress): boolean {
  return isLocallyAdministered(mac) && !LOCAL_PREFIXES.has(Math.floor(mac / 2 ** 24));
}

/**
 * Returns the maker's name as registered, without the postal address. Null when nobody registered the prefix, or the address is
 * random.
 */
export function vendorOf(mac: MacAddress): string | null {
  if (isLocallyAdministered(mac)) return LOCAL_PREFIXES.get(Math.floor(mac / 2 ** 24)) ?? null;
  vendors ??= new VendorFile();
  return vendors.nameOf(mac);
}
