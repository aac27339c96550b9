// All settings: variable, default, meaning, and the values that are right.
import { z } from 'zod';
import { parseRedisUrl } from './redis-url.js';
import {
  duration,
  flag,
  formatDuration,
  hasLogin,
  headerText,
  isTimeZone,
  list,
  MAX_DURATION_MS,
  MAX_TIMER_MS,
  text,
  url,
  wholeNumber,
} from './values.js';

/** Secrets, and REDIS_URL, which can have a password. Each may come from the file that `NAME_FILE` names. */
export const SECRETS = [
  'NEXUDUS_USERNAME',
  'NEXUDUS_PASSWORD',
  'NEXUDUS_TOTP_SECRET',
  'NEXUDUS_ACCESS_TOKEN',
  'REDIS_URL',
  'STATUS_TOKEN',
  'NOTIFY_URL',
  'NOTIFY_SECRET',
  'HUB_TOKEN',
] as const;

/** RFC 4648 base32, with spaces and dashes. Two letters are needed for an octet. */
const BASE32 = /^[\s=-]*(?:[A-Z2-7][\s=-]*){2,}$/i;

export const ENVIRONMENT = z.object({
  NEXUDUS_URL: url(['http:', 'https:'], 'https://spaces.nexudus.com')
    .refine((text) => !hasLogin(text), {
      message: 'must not have a user name or password in it: use NEXUDUS_USERNAME and NEXUDUS_PASSWORD',
    })
    .default('https://spaces.nexudus.com')
    .describe('The Nexudus API, or a sandbox, test server or proxy'),
  NEXUDUS_ALLOW_HTTP: flag('false').describe(
    'Allow http:// in NEXUDUS_URL to other machines: the password and the check-ins can then be read on the way',
  ),
  NEXUDUS_USERNAME: text().optional().describe('E-mail of an administrator account made for the monitor'),
  NEXUDUS_PASSWORD: text().optional().describe('Its password'),
  NEXUDUS_TOTP_SECRET: z
    .string()
    .regex(BASE32, { message: 'must be the base32 secret shown when two-factor login was set up' })
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
  CAPTURE_KEEP_ALIVES: flag('true').describe(
    'Also note which devices send other broadcast and multicast frames: they are still here. Of these frames only the addresses are read',
  ),
  PROBE_PRESENT: flag('false').describe(
    'Ask a silent device whether it is still here, by ARP or a neighbour solicitation to it alone; for sensors that are not the router',
  ),
  LEARN_EQUIPMENT: flag('true').describe(
    'Learn routers and DHCP servers from what they send; false: only the default gateway',
  ),
  REDIS_URL: z
    .string()
    .superRefine((value, context) => {
      const parsed = parseRedisUrl(value);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
    })
    .optional()
    .describe('Keeps visits and the outbox over restarts and between sensors; without it they live in memory'),
  VISIT_GAP: duration('45m', 1_000, MAX_TIMER_MS).describe(
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
  REPORT_AGAIN_AFTER: duration('12h', 0, MAX_DURATION_MS).describe(
    'Least time between two reports of one device; 0s reports every visit. The default is RETENTION where that is shorter',
  ),
  REPORT_INACTIVE: flag('false').describe('Also report registered devices of inactive or archived coworkers'),
  HINT_OWNERS: flag('false').describe(
    'Also tell Nexudus whose device it most likely is, when a private address has changed (personal data)',
  ),
  SILENCE_ALARM: duration('15m', 0, MAX_TIMER_MS).describe(
    'No frame for this long while the link is up is an alarm; 0s turns it off',
  ),
  RETENTION: duration('24h', 60_000, MAX_DURATION_MS).describe(
    'How long anything about a device is kept after its visit ended',
  ),
  OUTBOX_RETENTION: duration('30d', 60_000, MAX_DURATION_MS).describe(
    'How long a failed check-in waits for Nexudus at most; then it is dropped, counted and logged',
  ),
  STATUS_HOST: text().default('127.0.0.1').describe('Address of the status server'),
  STATUS_PORT: wholeNumber(0, 65_535).default(9467).describe('Port of the status server; 0 turns it off'),
  STATUS_TOKEN: z
    .string()
    .min(16, { message: 'must have at least 16 characters' })
    .optional()
    .describe('Password of the status server; required when STATUS_HOST is not loopback'),
  NOTIFY_URL: url(['http:', 'https:'], 'https://example.com/hook')
    .refine((text) => !hasLogin(text), { message: 'must not have a user name or password in it' })
    .optional()
    .describe('A webhook that is told of unrecognised devices (personal data) and of health; by default nobody is'),
  NOTIFY_SECRET: z
    .string()
    .min(16, { message: 'must have at least 16 characters' })
    .optional()
    .describe('What notices to NOTIFY_URL are signed with: any text, or whsec_ and base64'),
  HUB_URL: url(['http:', 'https:'], 'https://hub.example.com')
    .refine((text) => !hasLogin(text), { message: 'must not have a user name or password in it: use HUB_TOKEN' })
    .optional()
    .describe('The hub that decides and delivers for this sensor, which then has no login to Nexudus'),
  HUB_TOKEN: z
    .string()
    .regex(/^[\w-]{20,100}$/, { message: 'must be the token that "wifi-monitor sensor add" printed' })
    .optional()
    .describe("This sensor's token, from `wifi-monitor sensor add`"),
  HUB_ALLOW_HTTP: flag('false').describe(
    'Allow http:// in HUB_URL to other machines, for a network that is safe by itself',
  ),
  HUB_HOST: text().default('127.0.0.1').describe('Address on which `wifi-monitor hub` takes what sensors hand over'),
  HUB_PORT: wholeNumber(0, 65_535).default(9470).describe('Its port'),
  HUB_TLS_CERT_FILE: text()
    .optional()
    .describe('Its certificate (PEM, with the chain); without it, a proxy in front speaks TLS'),
  HUB_TLS_KEY_FILE: text().optional().describe("The certificate's key (PEM)"),
  HUB_SHARE_NAMES: flag('false').describe('Tell sensors whose a device is (personal data), for their status pages'),
  HUB_VISITS_PER_MINUTE: wholeNumber(1, 1_000_000)
    .default(600)
    .describe("Visits that a hub takes from one sensor in a minute at most, after five minutes' worth at once"),
  HUB_VISITS_PER_DAY: wholeNumber(1, 100_000_000)
    .default(50_000)
    .describe('Visits that a hub takes from one location in a day (UTC) at most'),
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

/** Name, default (as text, null for none) and meaning of every variable, for the README and its test. */
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
  const isDuration =
    /^(VISIT_GAP|SETTLE_TIME|DIRECTORY_REFRESH|REPORT_AGAIN_AFTER|SILENCE_ALARM|RETENTION|OUTBOX_RETENTION)$/.test(
      name,
    );
  return isDuration ? formatDuration(Number(initial)) : String(initial);
}
