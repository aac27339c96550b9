// The values of arguments and options: text in, or an error that says what to write.
import { InvalidArgumentError } from 'commander';
import { isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';
import { parseDuration } from '../config/values.js';
import { LABEL_NAME_RULE, labelName } from '../devices/labels.js';

/** Reads ISO 8601, in UTC where no zone is named. Returns milliseconds since 1970. */
export function timeOf(text: string): number {
  const [, year, month, day, time = ''] = /^(\d{4})-(\d\d)-(\d\d)(?:T(.+))?$/i.exec(text) ?? [];
  const hasZone = time === '' || /(Z|[+-]\d\d:?\d\d)$/i.test(time);
  const atMs = Date.parse(hasZone ? text : `${text}Z`);
  // JavaScript takes 30 February for 2 March.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (year === undefined || !isDay || Number.isNaN(atMs)) {
    throw new InvalidArgumentError('Write a time such as 2026-03-02T09:00Z.');
  }
  return atMs;
}

export function macOf(text: string): MacAddress {
  const mac = parseMac(text);
  if (mac === null) throw new InvalidArgumentError('Write a MAC address such as 3c:22:fb:00:00:01.');
  return mac;
}

export function deviceMacOf(text: string): MacAddress {
  const mac = macOf(text);
  if (!isDeviceMac(mac))
    throw new InvalidArgumentError('This is no address of one device, but zero, broadcast or multicast.');
  return mac;
}

/** The number of a location in Nexudus. */
export function businessOf(text: string): number {
  const business = Number(text);
  if (!/^\d+$/.test(text) || business < 1 || business >= 2 ** 31)
    throw new InvalidArgumentError('Write the number of the location in Nexudus.');
  return business;
}

export function labelNameOf(text: string): string {
  const name = labelName(text);
  if (name === null) throw new InvalidArgumentError(`${LABEL_NAME_RULE[0]?.toUpperCase()}${LABEL_NAME_RULE.slice(1)}.`);
  return name;
}

/** Adds comma-separated rules to those of earlier options. */
export function collectRules(value: string, earlier: string[]): string[] {
  return [
    ...earlier,
    ...value
      .split(',')
      .map((rule) => rule.trim())
      .filter((rule) => rule !== ''),
  ];
}

/** How long `doctor --watch` listens, ms. */
export function watchMsOf(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === null || milliseconds < 1_000 || milliseconds > 3_600_000)
    throw new InvalidArgumentError('Write a duration from 1s to 1h, such as 30s.');
  return milliseconds;
}
