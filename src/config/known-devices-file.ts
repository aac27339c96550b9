// The local list of known devices: a CSV file with the columns mac and name.
import { readFileSync } from 'node:fs';
import { formatMac, isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';

/** Larger files are refused. No space has so many devices. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Reads a line of CSV (RFC 4180 without line breaks in fields); null when its quotes do not match. */
function fields(line: string): string[] | null {
  const found: string[] = [];
  const field = /("(?:[^"]|"")*"|[^",]*)(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) return null;
    const [, content = '', separator] = match;
    found.push((content.startsWith('"') ? content.slice(1, -1).replace(/""/g, '"') : content).trim());
    if (separator === '') return found;
  }
}

/** Names by MAC, or a sentence for each of the first ten wrong lines. */
export type KnownDevicesFile =
  | { readonly ok: true; readonly devices: ReadonlyMap<MacAddress, string> }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads `path`: `mac,name` lines in UTF-8, any MAC notation, an optional heading, `#` comments and blank lines.
 * Never throws: that a file cannot be read is one of the problems.
 */
export function readKnownDevicesFile(path: string): KnownDevicesFile {
  let text: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_BYTES) return { ok: false, problems: [`${path} is larger than 16 MB`] };
    text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { ok: false, problems: [`cannot read ${path} (${code})`] };
  }
  const devices = new Map<MacAddress, string>();
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [macText, name = ''] = fields(line) ?? [];
    if (index === 0 && macText?.toLowerCase() === 'mac') continue;
    const mac = macText === undefined ? null : parseMac(macText);
    if (mac === null || !isDeviceMac(mac)) {
      problems.push(
        `${path} line ${index + 1}: expected a device's MAC address and a name, such as 3c:22:fb:00:00:01,Anna`,
      );
    } else devices.set(mac, name === '' ? formatMac(mac) : name);
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, 10) };
  return { ok: true, devices };
}
