// The logger, and the masking of MAC addresses in it.
import { type DestinationStream, type Logger, pino } from 'pino';
import { formatMac, type MacAddress, parseMac } from '../addresses/mac-address.js';
import type { Config } from '../config/config.js';

export type { Logger } from 'pino';

/** Writes a MAC for a log line: `3c:22:fb:**:**:56` unless LOG_MACS=full. */
export type MacForLog = (mac: MacAddress) => string;

export function macForLog(setting: Config['logMacs']): MacForLog {
  return setting === 'full' ? formatMac : (mac) => formatMac(mac).replace(/^(..:..:..):..:..:(..)$/, '$1:**:**:$2');
}

/** Also as four digits three times, and as a number: as the code has it. No time of ours has so many digits. */
const MACS = /\b(?:(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|\d{14,15})\b/gi;

/** Masks every MAC in a text from elsewhere, such as an error message of Nexudus. */
export function textForLog(text: string, setting: Config['logMacs']): string {
  if (setting === 'full') return text;
  return text.replace(MACS, (found) => {
    const mac = found.length > 12 && /^\d+$/.test(found) ? Number(found) : parseMac(found.replaceAll('.', ''));
    return macForLog('masked')(mac !== null && mac < 2 ** 48 ? mac : 0);
  });
}

/** Writes JSON lines, or readable text on a terminal. `destination` is for tests. */
export async function createLogger(level: Config['logLevel'], destination?: DestinationStream): Promise<Logger> {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } };
  if (destination !== undefined) return pino(options, destination);
  if (!process.stdout.isTTY) return pino(options);
  const { default: pretty } = await import('pino-pretty');
  const colorize = process.env.NO_COLOR === undefined || process.env.NO_COLOR === '';
  return pino(options, pretty({ colorize, translateTime: 'SYS:HH:MM:ss', singleLine: true, sync: true }));
}

function levelName(level: string): { level: string } {
  return { level };
}
