// A label as JSON, as `label --json` prints it and the status API returns it. And the advice how to keep labels without Redis.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import type { Label, LabelKind } from '../devices/labels.js';

export interface LabelJson {
  readonly type: 'label';
  readonly mac: string;
  readonly as: LabelKind;
  readonly name: string | null;
  readonly since: string;
}

export function labelJson(mac: MacAddress, { kind, name, sinceMs }: Label): LabelJson {
  return { type: 'label', mac: formatMac(mac), as: kind, name, since: new Date(sinceMs).toISOString() };
}

/** Returns all labels, the latest first. */
export function labelsJson(labels: ReadonlyMap<MacAddress, Label>): LabelJson[] {
  return [...labels]
    .sort(([macA, a], [macB, b]) => b.sinceMs - a.sinceMs || macA - macB)
    .map(([mac, label]) => labelJson(mac, label));
}

/** Returns the settings that would keep labels which end with the process. `ignoreMacs` are the rules in IGNORE_MACS now. */
export function labelNotice(labels: ReadonlyMap<MacAddress, Label>, ignoreMacs: readonly string[]): string {
  const all = [...labels];
  const equipment = all.filter(([, { kind }]) => kind === 'equipment').map(([mac]) => formatMac(mac));
  const known = all
    .filter(([, { kind }]) => kind === 'known')
    .map(([mac, { name }]) => `${formatMac(mac)},${csv(name)}`);
  const steps = [
    ...(equipment.length > 0 ? [`set IGNORE_MACS=${[...ignoreMacs, ...equipment].join(',')}`] : []),
    ...(known.length > 0 ? [`add to KNOWN_DEVICES_FILE: ${known.join(' | ')}`] : []),
  ];
  const advice = steps.length === 0 ? '' : ` To keep them, set REDIS_URL, or ${steps.join(' and ')}`;
  return `REDIS_URL is not set: labels are forgotten when this monitor ends.${advice}`;
}

/** Returns a field of CSV (RFC 4180), as config/known-devices-file.ts reads it. */
function csv(text: string | null): string {
  if (text === null) return '';
  return /[",#]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
