// Finds MAC addresses in text that people typed: in any notation, with anything between them.
import { isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';

/**
 * A MAC in one of its notations. It must not be part of something longer: no letter or digit may be next to it, and no further group
 * of hex digits may follow with the notation's own separator (an EUI-64, an IPv6 address), or with any separator if the MAC itself
 * has none (the end of a UUID).
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

/** Returns the device MACs in `text`, each once, in their order in the text. */
export function macsIn(text: string): MacAddress[] {
  const macs = new Set<MacAddress>();
  for (const [digits] of text.matchAll(MAC)) {
    const mac = parseMac(digits);
    if (mac !== null && isDeviceMac(mac)) macs.add(mac);
  }
  return [...macs];
}
