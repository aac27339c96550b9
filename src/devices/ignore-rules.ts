// The rules in the settings for devices that are equipment: by MAC or prefix, by vendor and by host name. config/ignore-rules.ts
// reads them.
import { type MacAddress, macDigits } from '../addresses/mac-address.js';

export interface MacRule {
  /** The first 2 to 12 digits of the addresses that are ignored, in lower case. */
  readonly digits: string;
  readonly written: string;
}

export interface NameRule {
  readonly matches: (name: string) => boolean;
  readonly written: string;
}

export interface IgnoreRules {
  readonly macs: readonly MacRule[];
  readonly vendors: readonly NameRule[];
  readonly hostnames: readonly NameRule[];
}

export const NO_IGNORE_RULES: IgnoreRules = { macs: [], vendors: [], hostnames: [] };

/** Returns the reason to ignore this device, as a phrase; null when no rule matches. */
export function ignoredBecause(
  rules: IgnoreRules,
  device: { mac: MacAddress; vendor: string | null; hostname: string | null },
): string | null {
  if (rules.macs.length > 0) {
    const digits = macDigits(device.mac);
    const rule = rules.macs.find((candidate) => digits.startsWith(candidate.digits));
    if (rule !== undefined) return `its address matches the ignore rule ${rule.written}`;
  }
  const { vendor, hostname } = device;
  if (vendor !== null) {
    const rule = rules.vendors.find((candidate) => candidate.matches(vendor));
    if (rule !== undefined) return `its vendor matches the ignore rule ${rule.written}`;
  }
  if (hostname !== null) {
    const rule = rules.hostnames.find((candidate) => candidate.matches(hostname));
    if (rule !== undefined) return `its host name matches the ignore rule ${rule.written}`;
  }
  return null;
}
