// Reads the settings from the environment. Secrets may come from files, and all problems are named at once.
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { MacAddress } from '../addresses/mac-address.js';
import type { IgnoreRules } from '../devices/ignore-rules.js';
import type { Login } from '../nexudus/token.js';
import { type Config, ConfigError } from './config.js';
import { findInconsistencies, type Needs } from './consistency.js';
import { parseIgnoreRules } from './ignore-rules.js';
import { readKnownDevicesFile } from './known-devices-file.js';
import { ENVIRONMENT, SECRETS, VARIABLES } from './schema.js';

type Environment = z.infer<typeof ENVIRONMENT>;

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

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/**
 * Reads the settings from `environment`. Empty variables count as unset.
 * @throws ConfigError naming every problem at once; secrets' values are never part of a message.
 */
export function readConfig(environment: NodeJS.ProcessEnv, needs: Needs): Config {
  const problems: string[] = [];
  const values = withSecretFiles(environment, problems);
  const parsed = ENVIRONMENT.safeParse(values);
  problems.push(...(parsed.error?.issues ?? []).map((issue) => wrongValue(issue, values)));
  const valid = <Name extends keyof Environment>(name: Name) =>
    ENVIRONMENT.shape[name].safeParse(values[name]).data as Environment[Name] | undefined;

  const ignore = parseIgnoreRules({
    macs: valid('IGNORE_MACS') ?? [],
    vendors: valid('IGNORE_VENDORS') ?? [],
    hostnames: valid('IGNORE_HOSTNAMES') ?? [],
  });
  problems.push(...ignore.problems.map((problem) => `IGNORE_MACS: ${problem}`));
  const knownDevices = readKnownDevices(values.KNOWN_DEVICES_FILE, problems);
  problems.push(...findInconsistencies({ values, valid }, needs));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return configOf(parsed.data, ignore.rules, knownDevices);
}

function wrongValue({ path, message }: z.core.$ZodIssue, values: Readonly<Record<string, string>>): string {
  const name = String(path[0]);
  const isSecret =
    (SECRETS as readonly string[]).includes(name) || (name === 'NEXUDUS_URL' && values[name]?.includes('@'));
  return `${name}: ${message}${isSecret ? '' : ` (is ${JSON.stringify(values[name])})`}`;
}

function readKnownDevices(path: string | undefined, problems: string[]): ReadonlyMap<MacAddress, string> {
  if (path === undefined) return new Map();
  const file = readKnownDevicesFile(path);
  if (file.ok) return file.devices;
  problems.push(...file.problems.map((problem) => `KNOWN_DEVICES_FILE: ${problem}`));
  return new Map();
}

function configOf(env: Environment, ignore: IgnoreRules, knownDevices: ReadonlyMap<MacAddress, string>): Config {
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
    keepAlives: env.CAPTURE_KEEP_ALIVES,
    probePresent: env.PROBE_PRESENT,
    learnEquipment: env.LEARN_EQUIPMENT,
    redisUrl: env.REDIS_URL ?? null,
    visitGapMs: env.VISIT_GAP,
    settleTimeMs: env.SETTLE_TIME,
    directoryRefreshMs: env.DIRECTORY_REFRESH,
    knownDevices,
    ignore,
    timeZone: env.SPACE_TIMEZONE ?? null,
    dryRun: env.DRY_RUN,
    reportAgainAfterMs: Math.min(env.REPORT_AGAIN_AFTER, env.RETENTION),
    reportInactive: env.REPORT_INACTIVE,
    hintOwners: env.HINT_OWNERS,
    silenceAlarmMs: env.SILENCE_ALARM,
    retentionMs: env.RETENTION,
    outboxRetentionMs: env.OUTBOX_RETENTION,
    statusHost: env.STATUS_HOST,
    statusPort: env.STATUS_PORT,
    statusToken: env.STATUS_TOKEN ?? null,
    notify:
      env.NOTIFY_URL === undefined || env.NOTIFY_SECRET === undefined
        ? null
        : { url: env.NOTIFY_URL, secret: env.NOTIFY_SECRET },
    hub:
      env.HUB_URL === undefined || env.HUB_TOKEN === undefined
        ? null
        : { url: env.HUB_URL.replace(/\/+$/, ''), token: env.HUB_TOKEN },
    hubHost: env.HUB_HOST,
    hubPort: env.HUB_PORT,
    hubTls:
      env.HUB_TLS_CERT_FILE === undefined || env.HUB_TLS_KEY_FILE === undefined
        ? null
        : { certFile: env.HUB_TLS_CERT_FILE, keyFile: env.HUB_TLS_KEY_FILE },
    hubShareNames: env.HUB_SHARE_NAMES,
    hubVisitsPerMinute: env.HUB_VISITS_PER_MINUTE,
    hubVisitsPerDay: env.HUB_VISITS_PER_DAY,
    logLevel: env.LOG_LEVEL,
    logMacs: env.LOG_MACS,
  };
}

function loginOf(env: Environment): Login | null {
  if (env.NEXUDUS_ACCESS_TOKEN !== undefined) return { kind: 'token', accessToken: env.NEXUDUS_ACCESS_TOKEN };
  if (env.NEXUDUS_USERNAME === undefined || env.NEXUDUS_PASSWORD === undefined) return null;
  return {
    kind: 'password',
    username: env.NEXUDUS_USERNAME,
    password: env.NEXUDUS_PASSWORD,
    totpSecret: env.NEXUDUS_TOTP_SECRET ?? null,
  };
}
