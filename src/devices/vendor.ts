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

/**
 * oui-data is a JSON object of 5.6 MB with a line for each prefix: ` "3C22FB": "Apple, Inc.\n1 Infinite Loop\n...",`. Parsing it takes a
 * fifth of a second and 40 MB, for the few dozen vendors that a space sees. So its lines are only indexed, and a name becomes text
 * when somebody asks for it. A test holds this against JSON.parse, for every prefix.
 */
class Registries {
  private readonly file = readFileSync(createRequire(import.meta.url).resolve('oui-data'));
  /** MA-L, MA-M and MA-S: where in the file each prefix's name starts. */
  private readonly large = new Map<number, number>();
  private readonly medium = new Map<number, number>();
  private readonly small = new Map<number, number>();

  constructor() {
    const { file } = this;
    let next = 0;
    for (let at = 0; at < file.length; at = next) {
      next = file.indexOf(NEWLINE, at) + 1 || file.length;
      if (file[at] !== SPACE || file[at + 1] !== QUOTE) continue;
      at += 2;
      let prefix = 0;
      let digits = 0;
      for (; file[at] !== QUOTE && at < next; at++) {
        prefix = prefix * 16 + digitOf(file[at] as number);
        digits++;
      }
      const registry = digits === 6 ? this.large : digits === 7 ? this.medium : this.small;
      registry.set(prefix, at + '": "'.length);
    }
    if (this.large.size === 0) throw new Error('the vendor registry (oui-data) is in a format that is not known');
  }

  nameOf(mac: MacAddress): string | null {
    const at =
      this.small.get(Math.floor(mac / 2 ** 12)) ??
      this.medium.get(Math.floor(mac / 2 ** 20)) ??
      this.large.get(Math.floor(mac / 2 ** 24));
    return at === undefined ? null : this.firstLine(at);
  }

  /** The string at `at`, up to its first line break, which JSON writes as a backslash and an n. */
  private firstLine(at: number): string {
    const { file } = this;
    let end = at;
    while (end < file.length && file[end] !== QUOTE && !(file[end] === BACKSLASH && file[end + 1] === LETTER_N)) {
      end += file[end] === BACKSLASH ? 2 : 1;
    }
    return String(JSON.parse(`"${file.toString('utf8', at, end)}"`)).trim();
  }
}

/** The value of a hexadecimal digit: 0 to 9 are 0x30 and up, A to F 0x41 and up. */
function digitOf(character: number): number {
  return (character & 0x0f) + (character > 0x40 ? 9 : 0);
}

let registries: Registries | undefined;

/** Whether the address was made up by the device's software and says nothing about who made it. */
export function isRandomised(mac: MacAddress): boolean {
  return isLocallyAdministered(mac) && !LOCAL_PREFIXES.has(Math.floor(mac / 2 ** 24));
}

/** The maker's name as registered, without the postal address; null when the prefix is nobody's or the address is random. */
export function vendorOf(mac: MacAddress): string | null {
  if (isLocallyAdministered(mac)) return LOCAL_PREFIXES.get(Math.floor(mac / 2 ** 24)) ?? null;
  registries ??= new Registries();
  return registries.nameOf(mac);
}
