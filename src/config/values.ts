// The kinds of values of settings. Each reads a text, and says what would be right when it is wrong.
import { z } from 'zod';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `15m`, `30s`, `1h30m`, `250ms`, `1d` or a bare `0` as milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  const lower = text.trim().toLowerCase();
  if (lower === '0') return 0;
  if (!/^(\d+(ms|s|m|h|d))+$/.test(lower)) return null;
  let total = 0;
  for (const [, amount, unit] of lower.matchAll(/(\d+)(ms|s|m|h|d)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** Returns milliseconds as settings are written: `15m`, `1h30m`, `250ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  let left = Math.round(milliseconds);
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text;
}

/** Timers of Node.js take less than 2^31 ms. A longer one would end at once. */
export const MAX_TIMER_MS = 24 * 86_400_000;
export const MAX_DURATION_MS = 366 * 86_400_000;

export function duration(initial: string, minimumMs: number, maximumMs: number) {
  return z
    .string()
    .default(initial)
    .transform((text, context) => {
      const milliseconds = parseDuration(text);
      if (milliseconds === null || milliseconds < minimumMs || milliseconds > maximumMs) {
        const least = minimumMs === 0 ? '' : `at least ${formatDuration(minimumMs)} and `;
        const range = `${least}at most ${formatDuration(maximumMs)}`;
        context.addIssue({ code: 'custom', message: `must be a duration such as 30s, 15m or 24h, ${range}` });
        return z.NEVER;
      }
      return milliseconds;
    });
}

export function flag(initial: 'true' | 'false') {
  return z
    .string()
    .default(initial)
    .transform((text, context) => {
      const lower = text.toLowerCase();
      if (['true', 'yes', 'on', '1'].includes(lower)) return true;
      if (['false', 'no', 'off', '0'].includes(lower)) return false;
      context.addIssue({ code: 'custom', message: 'must be true or false' });
      return z.NEVER;
    });
}

export function wholeNumber(minimum: number, maximum: number) {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      context.addIssue({ code: 'custom', message: `must be a whole number from ${minimum} to ${maximum}` });
      return z.NEVER;
    }
    return value;
  });
}

export function url(protocols: readonly string[], example: string) {
  return z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), {
    message: `must be a URL such as ${example}`,
    abort: true,
  });
}

export function hasLogin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.username + url.password !== '';
}

/** A value for an HTTP header: printable ASCII without spaces at the ends. */
export const headerText = () =>
  z.string().regex(/^[!-~]([ -~]*[!-~])?$/, { message: 'must be printable ASCII, without spaces around it' });

export const text = () => z.string();
export const list = () =>
  z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    );

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
