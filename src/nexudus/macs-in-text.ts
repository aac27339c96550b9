// MAC addresses in text that people typed: any notation, any separator, rubbish between them.
import { isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';

/**
 * A MAC in one of its notations. It must not be part of something longer: no letter or digit touches it, and no further group of hex
 * digits hangs on with the notation's own separator (an EUI-64, an IPv6 address), or with any separator for bare digits (the tail of a
 * UUID).
 */
const MAC = new RegExp(
  [
    standingAlone(':', '[0-9a-f]{2}(?::[0-9a-f]{2}){5}'),
    standingAlone('-', '[0-9a-f]{2}(?:-[0-9a-f]{2}){5}'),
    standingAlone('\\.', '[0-9a-f]{4}(?:\\.[0-9a-f]{4}){2}'),
    standingAlone('[:.-]', '[0-9a-f]{12}'),
  ].join('|'),
  'gi',
);

function standingAlone(separator: string, digits: string): string {
  return `(?<![0-9a-z])(?<!(?<![0-9a-z])[0-9a-f]+${separator})${digits}(?![0-9a-z])(?!${separator}[0-9a-f]+(?![0-9a-z]))`;
}

/** The device MACs in `text`, each once, in the order they stand there. */
export function macsIn(text: string): MacAddress[] {
  const macs = new Set<MacAddress>();
  for (const [digits] of text.matchAll(MAC)) {
    const mac = parseMac(digits);
    if (mac !== null && isDeviceMac(mac)) macs.add(mac);
  }
  return [...macs];
}
