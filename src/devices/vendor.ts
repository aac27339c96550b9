// Who made a device, by the IEEE registries MA-L, MA-M and MA-S (oui-data), the longest prefix first.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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

const NEWLINE = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_N = 0x6e;

/** One registry: its prefixes as numbers, in ascending order, and where each one's name starts. */
class Registry {
  private readonly prefixes: number[] = [];
  private readonly names: number[] = [];

  /** Prefixes come in ascending order, as they stand in the file. */
  add(prefix: number, nameAt: number): void {
    this.prefixes.push(prefix);
    this.names.push(nameAt);
  }

  find(prefix: number): number | undefined {
    let low = 0;
    let high = this.prefixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.prefixes[middle] as number) < prefix) low = middle + 1;
      else high = middle;
    }
    return this.prefixes[low] === prefix ? this.names[low] : undefined;
  }
}

/**
 * oui-data is a JSON object of 5.6 MB with a line for each prefix: ` "3C22FB": "Apple, Inc.\n1 Infinite Loop\n...",`. Parsing it takes a
 * fifth of a second and 40 MB, for the few dozen vendors that a space sees. So its lines are only indexed, and a name becomes text
 * when somebody asks for it. A test holds this against JSON.parse, for every prefix.
 */
class VendorFile {
  /** The names, as JSON writes them, each up to its first line break and ended by a quote. */
  private readonly names: Buffer;
  private readonly large = new Registry();
  private readonly medium = new Registry();
  private readonly small = new Registry();

  constructor() {
    const { large, medium, small } = this;
    const file = readFileSync(createRequire(import.meta.url).resolve('oui-data'));
    // Names move to the front of the file's own buffer, over what was read already; the postal addresses go.
    let kept = 0;
    for (let line = 0, next: number; line < file.length; line = next) {
      next = file.indexOf(NEWLINE, line) + 1 || file.length;
      if (file[line] !== SPACE) continue;
      const start = line + ' "'.length;
      let at = start;
      let prefix = 0;
      for (; at < next && file[at] !== QUOTE; at++) prefix = prefix * 16 + digitOf(file[at] as number);
      const registry = at - start === 6 ? large : at - start === 7 ? medium : small;
      registry.add(prefix, kept);
      const nameAt = at + '": "'.length;
      const nameEnd = endOfName(file, nameAt);
      file.copyWithin(kept, nameAt, nameEnd);
      kept += nameEnd - nameAt;
      file[kept++] = QUOTE;
    }
    this.names = Buffer.from(file.subarray(0, kept));
  }

  nameOf(mac: MacAddress): string | null {
    const at =
      this.small.find(Math.floor(mac / 2 ** 12)) ??
      this.medium.find(Math.floor(mac / 2 ** 20)) ??
      this.large.find(Math.floor(mac / 2 ** 24));
    return at === undefined ? null : this.nameAt(at);
  }

  private nameAt(at: number): string {
    return String(JSON.parse(`"${this.names.toString('utf8', at, endOfName(this.names, at))}"`)).trim();
  }
}

/** Where the JSON string at `at` ends, or its first line, whose break is written as a backslash and an n. */
function endOfName(json: Buffer, at: number): number {
  let end = at;
  while (end < json.length && json[end] !== QUOTE && !(json[end] === BACKSLASH && json[end + 1] === LETTER_N)) {
    end += json[end] === BACKSLASH ? 2 : 1;
  }
  return end;
}

/** The value of a hexadecimal digit: 0 to 9 are 0x30 and up, A to F 0x41 and up. */
function digitOf(character: number): number {
  return (character & 0x0f) + (character > 0x40 ? 9 : 0);
}

let vendors: VendorFile | undefined;

/** Whether the address was made up by the device's software and says nothing about who made it. */
export function isRandomised(mac: MacAddress): boolean {
  return isLocallyAdministered(mac) && !LOCAL_PREFIXES.has(Math.floor(mac / 2 ** 24));
}

/** The maker's name as registered, without the postal address; null when the prefix is nobody's or the address is random. */
export function vendorOf(mac: MacAddress): string | null {
  if (isLocallyAdministered(mac)) return LOCAL_PREFIXES.get(Math.floor(mac / 2 ** 24)) ?? null;
  vendors ??= new VendorFile();
  return vendors.nameOf(mac);
}
