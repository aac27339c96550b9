// Every setting there is: its variable, default, meaning and what values are right. Environment in, plain Config out.
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import type { MacAddress } from '../addresses/mac-address.js';
import { type IgnoreRules, parseIgnoreRules } from '../devices/ignore-rules.js';
import { totpSecret } from '../nexudus/totp-secret.js';
import { readKnownDevicesFile } from './known-devices-file.js';

/** One or more settings are wrong. `problems` has one line each, naming the variable and what would be right. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

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

/** A timer of Node's takes less than 2^31 ms, and a longer one ends at once. */
const LONGEST_TIMER_MS = 24 * 86_400_000;
const LONGEST_MS = 366 * 86_400_000;

function duration(initial: string, minimumMs: number, maximumMs: number) {
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

/** Writes milliseconds the way settings are written: `15m`, `1h30m`, `250ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  let rest = Math.round(milliseconds);
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

function flag(initial: 'true' | 'false') {
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

function wholeNumber(minimum: number, maximum: number) {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      context.addIssue({ code: 'custom', message: `must be a whole number from ${minimum} to ${maximum}` });
      return z.NEVER;
    }
    return value;
  });
}

function url(protocols: readonly string[], example: string) {
  return z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), {
    message: `must be a URL such as ${example}`,
    abort: true,
  });
}

/** User name and password as the connection to Redis reads them. */
function hasReadableLogin(redisUrl: string): boolean {
  const { username = '', password = '' } = URL.parse(redisUrl) ?? {};
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    return false;
  }
}

function hasLogin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.username + url.password !== '';
}

/** What can stand in an HTTP header: printable ASCII, no space at its ends. */
const headerText = () =>
  z.string().regex(/^[!-~]([ -~]*[!-~])?$/, { message: 'must be printable ASCII, without spaces around it' });

function isTotpSecret(text: string): boolean {
  try {
    totpSecret(text);
    return true;
  } catch {
    return false;
  }
}

const text = () => z.string();
const list = () =>
  z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    );

/** Secrets, and the one setting that can hold a password. Each may come from the file that `NAME_FILE` names. */
export const SECRETS = [
  'NEXUDUS_USERNAME',
  'NEXUDUS_PASSWORD',
  'NEXUDUS_TOTP_SECRET',
  'NEXUDUS_ACCESS_TOKEN',
  'REDIS_URL',
  'STATUS_TOKEN',
] as const;

const ENVIRONMENT = z.object({
  NEXUDUS_URL: url(['http:', 'https:'], 'https://spaces.nexudus.com')
    .refine((text) => !hasLogin(text), {
      message: 'must not have a user name or password in it: use NEXUDUS_USERNAME and NEXUDUS_PASSWORD',
    })
    .default('https://spaces.nexudus.com')
    .describe('The Nexudus API, or a sandbox, test server or proxy'),
  NEXUDUS_USERNAME: text().optional().describe('E-mail of an administrator account made for the monitor'),
  NEXUDUS_PASSWORD: text().optional().describe('Its password'),
  NEXUDUS_TOTP_SECRET: z
    .string()
    .refine(isTotpSecret, { message: 'must be the base32 secret shown when two-factor login was set up' })
    .optional()
    .describe('Base32 secret, when the account has two-factor login'),
  NEXUDUS_ACCESS_TOKEN: headerText().optional().describe('A ready access token, instead of user name and password'),
  NEXUDUS_CLIENT_ID: headerText()
    .optional()
    .describe('Tells sensors that share a login apart; by default made from the host name, interface and business'),
  NEXUDUS_BUSINESS_ID: wholeNumber(1, 2 ** 31 - 1)
    .optional()
    .describe('The location: the number in the address of its page in Nexudus'),
  NEXUDUS_POSTS_PER_MINUTE: wholeNumber(1, 60_000)
    .default(60)
    .describe('Failed check-ins posted in a minute at most, by all sensors on one Redis together'),
  NEXUDUS_POSTS_PER_DAY: wholeNumber(1, 10_000_000)
    .default(2_500)
    .describe('Failed check-ins posted in a day (UTC) at most, by all sensors on one Redis together'),
  CAPTURE_INTERFACE: list().describe('Interfaces to listen on, comma-separated; by default that of the default route'),
  CAPTURE_PROMISCUOUS: flag('false').describe('Also take frames meant for others; only of use on a mirror port'),
  CAPTURE_IPV6: flag('true').describe('Also listen to Neighbor Discovery and DHCPv6'),
  REDIS_URL: url(['redis:', 'rediss:'], 'redis://127.0.0.1:6379/0')
    .refine(hasReadableLogin, { message: 'must have % in user name and password written as %25' })
    .optional()
    .describe('Keeps visits and the outbox over restarts and between sensors; without it they live in memory'),
  VISIT_GAP: duration('15m', 1_000, LONGEST_TIMER_MS).describe(
    'A device silent for longer than this has left; its return is a new visit',
  ),
  SETTLE_TIME: duration('3s', 0, 600_000).describe("How long a device's first frames are collected before a decision"),
  DIRECTORY_REFRESH: duration('5m', 10_000, 86_400_000).describe('How often registered devices are read from Nexudus'),
  KNOWN_DEVICES_FILE: text()
    .optional()
    .describe('CSV file (mac,name) of devices that are known besides those in Nexudus'),
  IGNORE_MACS: list().describe('MACs or prefixes of equipment, comma-separated: 00:11:22:33:44:55, 00:11:22'),
  IGNORE_VENDORS: list().describe('Vendors of equipment, comma-separated, * matches anything: Ubiquiti*, *Printer*'),
  IGNORE_HOSTNAMES: list().describe('Host names of equipment, comma-separated, * matches anything: printer-*, ap?'),
  SPACE_TIMEZONE: z
    .string()
    .refine(isTimeZone, { message: 'must be a time zone name such as Europe/Madrid' })
    .optional()
    .describe('Time zone of the location; when set, failed check-ins carry the local time as well'),
  DRY_RUN: flag('false').describe('Decide and log, but post nothing'),
  REPORT_AGAIN_AFTER: duration('0s', 0, LONGEST_MS).describe(
    'Least time between two reports of one device; 0s reports every visit',
  ),
  REPORT_INACTIVE: flag('false').describe('Also report registered devices of inactive or archived coworkers'),
  SILENCE_ALARM: duration('15m', 0, LONGEST_TIMER_MS).describe(
    'No frame for this long while the link is up is an alarm; 0s turns it off',
  ),
  RETENTION: duration('24h', 60_000, LONGEST_MS).describe(
    'How long anything about a device is kept after its visit ended',
  ),
  STATUS_HOST: text().default('127.0.0.1').describe('Address of the status server'),
  STATUS_PORT: wholeNumber(0, 65_535).default(9467).describe('Port of the status server; 0 turns it off'),
  STATUS_TOKEN: z
    .string()
    .min(16, { message: 'must have at least 16 characters' })
    .optional()
    .describe('Password of the status server; required when STATUS_HOST is not loopback'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
      message: 'must be one of fatal, error, warn, info, debug, trace',
    })
    .default('info')
    .describe('Least serious message that is logged'),
  LOG_MACS: z
    .enum(['masked', 'full'], { message: 'must be masked or full' })
    .default('masked')
    .describe('Whether MAC addresses in logs are masked (3c:22:fb:**:**:56) or full'),
});

/** Name, default (as text, null for none) and meaning of every variable, for the README, `--help` and their test. */
export const VARIABLES: readonly { name: string; initial: string | null; meaning: string; secret: boolean }[] =
  Object.entries(ENVIRONMENT.shape).map(([name, schema]) => ({
    name,
    initial: initialText(name, schema),
    meaning: schema.description ?? '',
    secret: (SECRETS as readonly string[]).includes(name),
  }));

function initialText(name: string, schema: z.ZodType): string | null {
  const initial = schema.safeParse(undefined).data;
  if (initial === undefined || (Array.isArray(initial) && initial.length === 0)) return null;
  const isDuration = /^(VISIT_GAP|SETTLE_TIME|DIRECTORY_REFRESH|REPORT_AGAIN_AFTER|SILENCE_ALARM|RETENTION)$/.test(
    name,
  );
  return isDuration ? formatDuration(Number(initial)) : String(initial);
}

/** How the monitor logs in to Nexudus. */
export type Login =
  | { kind: 'password'; username: string; password: string; totpSecret: string | null }
  | { kind: 'token'; accessToken: string };

/** The validated settings. Times are milliseconds; names of units are in the field names. */
export interface Config {
  readonly nexudusUrl: string;
  readonly login: Login | null;
  readonly clientId: string | null;
  readonly businessId: number | null;
  readonly postsPerMinute: number;
  readonly postsPerDay: number;
  readonly interfaces: readonly string[];
  readonly promiscuous: boolean;
  readonly ipv6: boolean;
  readonly redisUrl: string | null;
  readonly visitGapMs: number;
  readonly settleTimeMs: number;
  readonly directoryRefreshMs: number;
  /** The local list: names by MAC. */
  readonly knownDevices: ReadonlyMap<MacAddress, string>;
  readonly ignore: IgnoreRules;
  readonly timeZone: string | null;
  readonly dryRun: boolean;
  readonly reportAgainAfterMs: number;
  readonly reportInactive: boolean;
  readonly silenceAlarmMs: number;
  readonly retentionMs: number;
  readonly statusHost: string;
  readonly statusPort: number;
  readonly statusToken: string | null;
  readonly logLevel: z.infer<typeof ENVIRONMENT>['LOG_LEVEL'];
  readonly logMacs: 'masked' | 'full';
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * Adds what `.env` in the working directory says; the real environment wins, whether it names a secret or the file that holds it.
 * @throws ConfigError when there is a .env that cannot be read
 */
export function loadDotEnv(): void {
  if (!existsSync('.env')) return;
  let text: string;
  try {
    text = readFileSync('.env', 'utf8');
  } catch (error) {
    throw new ConfigError([
      `.env: it is there but cannot be read (${errorCode(error)}); make it readable for the user running this`,
    ]);
  }
  // Compose files pass variables that nobody set as empty ones.
  const given = new Set(Object.keys(process.env).filter((name) => process.env[name] !== ''));
  for (const [name, value] of Object.entries(parseEnv(text))) {
    const other = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`;
    if (!given.has(name) && !given.has(other)) process.env[name] = value ?? '';
  }
}

function withSecretFiles(environment: NodeJS.ProcessEnv, problems: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name } of VARIABLES) {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== '')
      values[name] = name.endsWith('PASSWORD') ? (environment[name] ?? '') : value;
  }
  for (const name of SECRETS) {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path === '') continue;
    if (values[name] !== undefined) {
      problems.push(`${name}_FILE: set either ${name} or ${name}_FILE, not both`);
      continue;
    }
    try {
      const secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      if (secret === '') problems.push(`${name}_FILE: ${path} is empty`);
      else values[name] = secret;
    } catch (error) {
      problems.push(`${name}_FILE: cannot read ${path} (${errorCode(error)})`);
    }
  }
  return values;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** What a command needs beyond proper values: `nexudus` is a login and a location. */
export interface Needs {
  readonly nexudus: boolean;
}

/**
 * Reads the settings from `environment`. Empty variables count as unset.
 * @throws ConfigError naming every problem at once; secrets' values are never part of a message.
 */
export function readConfig(environment: NodeJS.ProcessEnv, needs: Needs): Config {
  const problems: string[] = [];
  const values = withSecretFiles(environment, problems);
  const parsed = ENVIRONMENT.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    const isSecret =
      (SECRETS as readonly string[]).includes(name) || (name === 'NEXUDUS_URL' && values[name]?.includes('@'));
    const given = isSecret ? '' : ` (is ${JSON.stringify(values[name])})`;
    problems.push(`${name}: ${issue.message}${given}`);
  }
  // Rules across variables look at what is valid so far, so that every problem is named in one go.
  const valid = <Name extends keyof typeof ENVIRONMENT.shape>(name: Name) =>
    ENVIRONMENT.shape[name].safeParse(values[name]).data as z.infer<typeof ENVIRONMENT>[Name] | undefined;

  const ignore = parseIgnoreRules({
    macs: valid('IGNORE_MACS') ?? [],
    vendors: valid('IGNORE_VENDORS') ?? [],
    hostnames: valid('IGNORE_HOSTNAMES') ?? [],
  });
  problems.push(...ignore.problems.map((problem) => `IGNORE_MACS: ${problem}`));

  let knownDevices: ReadonlyMap<MacAddress, string> = new Map();
  if (values.KNOWN_DEVICES_FILE !== undefined) {
    const file = readKnownDevicesFile(values.KNOWN_DEVICES_FILE);
    if (file.ok) knownDevices = file.devices;
    else problems.push(...file.problems.map((problem) => `KNOWN_DEVICES_FILE: ${problem}`));
  }

  const hasName = values.NEXUDUS_USERNAME !== undefined;
  const hasPassword = values.NEXUDUS_PASSWORD !== undefined;
  if (hasName !== hasPassword) {
    problems.push(
      `${hasName ? 'NEXUDUS_PASSWORD' : 'NEXUDUS_USERNAME'}: must be set too, user name and password go together`,
    );
  }
  if (values.NEXUDUS_ACCESS_TOKEN !== undefined && (hasName || hasPassword)) {
    problems.push('NEXUDUS_ACCESS_TOKEN: set either this or NEXUDUS_USERNAME and NEXUDUS_PASSWORD, not both');
  }
  if (needs.nexudus && valid('DRY_RUN') !== true) {
    if (!hasName && !hasPassword && values.NEXUDUS_ACCESS_TOKEN === undefined) {
      problems.push(
        'NEXUDUS_USERNAME: must be set, with NEXUDUS_PASSWORD (or set NEXUDUS_ACCESS_TOKEN, or DRY_RUN=true)',
      );
    }
  }
  if (needs.nexudus && values.NEXUDUS_BUSINESS_ID === undefined) {
    problems.push('NEXUDUS_BUSINESS_ID: must be set: the number of the location in Nexudus');
  }
  const [gap, settle, retention] = [valid('VISIT_GAP'), valid('SETTLE_TIME'), valid('RETENTION')];
  if (gap !== undefined && settle !== undefined && settle >= gap) {
    problems.push(`SETTLE_TIME: must be shorter than VISIT_GAP (${formatDuration(gap)})`);
  }
  // What is kept of a visit must outlast the silence that ends it, and its next forwarding.
  if (gap !== undefined && settle !== undefined && retention !== undefined && retention < gap + settle + 60_000) {
    const least = formatDuration(gap + settle + 60_000);
    problems.push(`RETENTION: must be at least VISIT_GAP and SETTLE_TIME and a minute together (${least})`);
  }
  const again = valid('REPORT_AGAIN_AFTER');
  if (again !== undefined && retention !== undefined && retention < again) {
    problems.push(
      `RETENTION: must not be shorter than REPORT_AGAIN_AFTER (${formatDuration(again)}), which relies on it`,
    );
  }
  const statusHost = valid('STATUS_HOST') ?? '';
  if (!isLoopback(statusHost) && values.STATUS_TOKEN === undefined && valid('STATUS_PORT') !== 0) {
    problems.push(`STATUS_TOKEN: must be set when STATUS_HOST (${statusHost}) is not loopback`);
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);

  const env = parsed.data;
  return {
    nexudusUrl: env.NEXUDUS_URL.replace(/\/+$/, ''),
    login: loginOf(env),
    clientId: env.NEXUDUS_CLIENT_ID ?? null,
    businessId: env.NEXUDUS_BUSINESS_ID ?? null,
    postsPerMinute: env.NEXUDUS_POSTS_PER_MINUTE,
    postsPerDay: env.NEXUDUS_POSTS_PER_DAY,
    interfaces: env.CAPTURE_INTERFACE,
    promiscuous: env.CAPTURE_PROMISCUOUS,
    ipv6: env.CAPTURE_IPV6,
    redisUrl: env.REDIS_URL ?? null,
    visitGapMs: env.VISIT_GAP,
    settleTimeMs: env.SETTLE_TIME,
    directoryRefreshMs: env.DIRECTORY_REFRESH,
    knownDevices,
    ignore: ignore.rules,
    timeZone: env.SPACE_TIMEZONE ?? null,
    dryRun: env.DRY_RUN,
    reportAgainAfterMs: env.REPORT_AGAIN_AFTER,
    reportInactive: env.REPORT_INACTIVE,
    silenceAlarmMs: env.SILENCE_ALARM,
    retentionMs: env.RETENTION,
    statusHost: env.STATUS_HOST,
    statusPort: env.STATUS_PORT,
    statusToken: env.STATUS_TOKEN ?? null,
    logLevel: env.LOG_LEVEL,
    logMacs: env.LOG_MACS,
  };
}

function loginOf(env: z.infer<typeof ENVIRONMENT>): Login | null {
  if (env.NEXUDUS_ACCESS_TOKEN !== undefined) return { kind: 'token', accessToken: env.NEXUDUS_ACCESS_TOKEN };
  if (env.NEXUDUS_USERNAME === undefined || env.NEXUDUS_PASSWORD === undefined) return null;
  return {
    kind: 'password',
    username: env.NEXUDUS_USERNAME,
    password: env.NEXUDUS_PASSWORD,
    totpSecret: env.NEXUDUS_TOTP_SECRET ?? null,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
