// Rules across settings: which of them must be set together, and which values do not go together.
import { isIPv4 } from 'node:net';
import type { z } from 'zod';
import type { ENVIRONMENT } from './schema.js';
import { formatDuration } from './values.js';

/**
 * What a command needs beyond proper values. `nexudus`: a login and a location, unless HUB_URL says that a hub has the login. `hub`: what a
 * hub needs, which is a login and Redis.
 */
export interface Needs {
  readonly nexudus: boolean;
  readonly hub?: boolean;
}

/** Settings that may still be wrong. Rules look at the valid ones, so that every problem is named at once. */
export interface GivenSettings {
  /** As they were given; empty ones are left out. */
  readonly values: Readonly<Record<string, string>>;
  /** Returns the value or its default; undefined when it is wrong. */
  readonly valid: <Name extends keyof typeof ENVIRONMENT.shape>(
    name: Name,
  ) => z.infer<typeof ENVIRONMENT>[Name] | undefined;
}

/** Returns a line for each rule that the settings break. */
export function findInconsistencies(settings: GivenSettings, needs: Needs): string[] {
  return [
    ...loginProblems(settings, needs),
    ...nexudusUrlProblems(settings),
    ...durationProblems(settings),
    ...statusProblems(settings),
    ...noticeProblems(settings),
    ...hubProblems(settings, needs),
  ];
}

function loginProblems({ values, valid }: GivenSettings, needs: Needs): string[] {
  const problems: string[] = [];
  const hasName = values.NEXUDUS_USERNAME !== undefined;
  const hasPassword = values.NEXUDUS_PASSWORD !== undefined;
  const hasToken = values.NEXUDUS_ACCESS_TOKEN !== undefined;
  if (hasName !== hasPassword) {
    problems.push(
      `${hasName ? 'NEXUDUS_PASSWORD' : 'NEXUDUS_USERNAME'}: must be set too, user name and password go together`,
    );
  }
  if (hasToken && (hasName || hasPassword)) {
    problems.push('NEXUDUS_ACCESS_TOKEN: set either this or NEXUDUS_USERNAME and NEXUDUS_PASSWORD, not both');
  }
  const needsLogin = needs.hub === true || (needs.nexudus && values.HUB_URL === undefined);
  if (needsLogin && valid('DRY_RUN') !== true && !hasName && !hasPassword && !hasToken) {
    problems.push(
      'NEXUDUS_USERNAME: must be set, with NEXUDUS_PASSWORD (or set NEXUDUS_ACCESS_TOKEN, or DRY_RUN=true)',
    );
  }
  if (needs.nexudus && values.HUB_URL === undefined && values.NEXUDUS_BUSINESS_ID === undefined) {
    problems.push('NEXUDUS_BUSINESS_ID: must be set: the number of the location in Nexudus');
  }
  return problems;
}

function nexudusUrlProblems({ valid }: GivenSettings): string[] {
  const url = URL.parse(valid('NEXUDUS_URL') ?? '');
  if (url?.protocol !== 'http:' || isLoopback(url.hostname) || valid('NEXUDUS_ALLOW_HTTP') !== false) return [];
  return [
    'NEXUDUS_URL: must be https:// unless it is on this machine: over http:// the password can be ' +
      'read on the way (NEXUDUS_ALLOW_HTTP=true allows it, for trials)',
  ];
}

function durationProblems({ values, valid }: GivenSettings): string[] {
  const problems: string[] = [];
  const [gap, settle, retention] = [valid('VISIT_GAP'), valid('SETTLE_TIME'), valid('RETENTION')];
  if (gap !== undefined && settle !== undefined && settle >= gap) {
    problems.push(`SETTLE_TIME: must be shorter than VISIT_GAP (${formatDuration(gap)})`);
  }
  // What is kept of a visit must last longer than the silence that ends the visit and the burst after it.
  if (gap !== undefined && settle !== undefined && retention !== undefined && retention < gap + settle + 60_000) {
    const least = formatDuration(gap + settle + 60_000);
    problems.push(`RETENTION: must be at least VISIT_GAP and SETTLE_TIME and a minute together (${least})`);
  }
  const again = valid('REPORT_AGAIN_AFTER');
  // Only a value that somebody set: the default is shortened to RETENTION.
  if (values.REPORT_AGAIN_AFTER !== undefined && again !== undefined && retention !== undefined && retention < again) {
    problems.push(
      `RETENTION: must not be shorter than REPORT_AGAIN_AFTER (${formatDuration(again)}), which relies on it`,
    );
  }
  return problems;
}

function statusProblems({ values, valid }: GivenSettings): string[] {
  const host = valid('STATUS_HOST') ?? '';
  if (isLoopback(host) || values.STATUS_TOKEN !== undefined || valid('STATUS_PORT') === 0) return [];
  return [`STATUS_TOKEN: must be set when STATUS_HOST (${host}) is not loopback`];
}

function noticeProblems({ values, valid }: GivenSettings): string[] {
  const problems: string[] = [];
  const hasUrl = values.NOTIFY_URL !== undefined;
  if (hasUrl !== (values.NOTIFY_SECRET !== undefined))
    problems.push(`${hasUrl ? 'NOTIFY_SECRET' : 'NOTIFY_URL'}: must be set too, notices are signed`);
  const url = URL.parse(valid('NOTIFY_URL') ?? '');
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    problems.push('NOTIFY_URL: must be https:// unless it is on this machine: notices hold personal data');
  return problems;
}

const LOGIN = ['NEXUDUS_USERNAME', 'NEXUDUS_PASSWORD', 'NEXUDUS_TOTP_SECRET', 'NEXUDUS_ACCESS_TOKEN'];

function hubProblems({ values, valid }: GivenSettings, needs: Needs): string[] {
  const problems: string[] = [];
  if (needs.hub === true) {
    if (values.HUB_URL !== undefined) problems.push('HUB_URL: must not be set for a hub: it is for sensors');
    if (values.REDIS_URL === undefined) problems.push('REDIS_URL: must be set: a hub keeps everything there');
    if (valid('DRY_RUN') === true) problems.push('DRY_RUN: must not be true for a hub: set it for the sensors');
  } else if (needs.nexudus && values.HUB_URL !== undefined) {
    if (values.HUB_TOKEN === undefined)
      problems.push('HUB_TOKEN: must be set: "wifi-monitor sensor add" prints it where the hub is');
    const logins = LOGIN.filter((name) => values[name] !== undefined);
    for (const name of logins)
      problems.push(`${name}: must not be set with HUB_URL: the hub alone has the login to Nexudus`);
  } else if (needs.nexudus && values.HUB_TOKEN !== undefined) {
    problems.push('HUB_URL: must be set where HUB_TOKEN is');
  }
  const url = URL.parse(valid('HUB_URL') ?? '');
  if (url?.protocol === 'http:' && !isLoopback(url.hostname) && valid('HUB_ALLOW_HTTP') === false) {
    problems.push(
      'HUB_URL: must be https:// unless it is on this machine: over http:// the token can be read on the way ' +
        '(HUB_ALLOW_HTTP=true allows it, for a network that is safe by itself)',
    );
  }
  if ((values.HUB_TLS_CERT_FILE === undefined) !== (values.HUB_TLS_KEY_FILE === undefined)) {
    const missing = values.HUB_TLS_CERT_FILE === undefined ? 'HUB_TLS_CERT_FILE' : 'HUB_TLS_KEY_FILE';
    problems.push(`${missing}: must be set too, certificate and key go together`);
  }
  return problems;
}

function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '');
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
