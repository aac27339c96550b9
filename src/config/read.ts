// Environment in, Config out: secrets may come from files, and every problem is named at once.
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { z } from 'zod';
import type { MacAddress } from '../addresses/mac-address.js';
import type { Login } from '../nexudus/token.js';
import { type Config, ConfigError } from './config.js';
import { parseIgnoreRules } from './ignore-rules.js';
import { readKnownDevicesFile } from './known-devices-file.js';
import { ENVIRONMENT, SECRETS, VARIABLES } from './schema.js';
import { formatDuration } from './values.js';

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
  const nexudusUrl = URL.parse(valid('NEXUDUS_URL') ?? '');
  if (nexudusUrl?.protocol === 'http:' && !isLoopback(nexudusUrl.hostname) && valid('NEXUDUS_ALLOW_HTTP') === false) {
    problems.push(
      `NEXUDUS_URL: must be https:// unless it is on this machine: over http:// the password can be ` +
        'read on the way (NEXUDUS_ALLOW_HTTP=true allows it, for trials)',
    );
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
  // The default gives way to a RETENTION that somebody set.
  if (values.REPORT_AGAIN_AFTER !== undefined && again !== undefined && retention !== undefined && retention < again) {
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
    learnEquipment: env.LEARN_EQUIPMENT,
    redisUrl: env.REDIS_URL ?? null,
    visitGapMs: env.VISIT_GAP,
    settleTimeMs: env.SETTLE_TIME,
    directoryRefreshMs: env.DIRECTORY_REFRESH,
    knownDevices,
    ignore: ignore.rules,
    timeZone: env.SPACE_TIMEZONE ?? null,
    dryRun: env.DRY_RUN,
    reportAgainAfterMs: Math.min(env.REPORT_AGAIN_AFTER, env.RETENTION),
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
  const address = host.replace(/^\[|\]$/g, '');
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
