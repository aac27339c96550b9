// MAC addresses as 48-bit numbers: cheap to compare and to use as a Map key; text only at the edges.

/** An EUI-48, as an integer from 0 to 2^48 - 1. The first octet is the most significant. */
export type MacAddress = number;

const OCTET_0 = 2 ** 40;
const LARGEST = 2 ** 48 - 1;

/** Reads the six octets at `offset`. The caller has checked that they are inside the buffer. */
export function readMac(bytes: Uint8Array, offset: number): MacAddress {
  // By hand, because this runs for every frame: DataView and readUIntBE are slower. JavaScript shifts only 32 bits.
  const high = ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
  const low =
    (bytes[offset + 2] as number) * 0x1000000 +
    (((bytes[offset + 3] as number) << 16) | ((bytes[offset + 4] as number) << 8) | (bytes[offset + 5] as number));
  return high * 0x100000000 + low;
}

const NOTATIONS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/,
  /^[0-9a-f]{12}$/,
];

/** Reads a MAC written as `3c:22:fb:00:00:01`, `3C-22-FB-00-00-01`, `3c22.fb00.0001` or `3c22fb000001`; null for anything else. */
export function parseMac(text: string): MacAddress | null {
  const lower = text.trim().toLowerCase();
  if (!NOTATIONS.some((notation) => notation.test(lower))) return null;
  return Number.parseInt(lower.replace(/[^0-9a-f]/g, ''), 16);
}

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

function write(mac: MacAddress, separator: string): string {
  const high = Math.floor(mac / 0x1000000);
  const low = mac % 0x1000000;
  return [high >> 16, (high >> 8) & 0xff, high & 0xff, low >> 16, (low >> 8) & 0xff, low & 0xff]
    .map((octet) => OCTETS[octet])
    .join(separator);
}

/** Returns twelve lower-case digits without separators, as visit ids and Redis keys have them. */
export function macDigits(mac: MacAddress): string {
  return write(mac, '');
}

/** Returns the form that this project prints: `3c:22:fb:00:00:01`. */
export function formatMac(mac: MacAddress): string {
  return write(mac, ':');
}

/** Whether this can be the address of a device: not zero, not broadcast, not multicast (IEEE 802, I/G bit clear). */
export function isDeviceMac(mac: MacAddress): boolean {
  return mac > 0 && mac < LARGEST && (Math.floor(mac / OCTET_0) & 0x01) === 0;
}

/** Whether the U/L bit is set: an address that software chose, such as the private addresses of phones (IEEE 802c). */
export function isLocallyAdministered(mac: MacAddress): boolean {
  return (Math.floor(mac / OCTET_0) & 0x02) !== 0;
}
