// The body of a failed check-in (POST /api/spaces/failedcheckins), made from the facts of a report. All its wording is here.
import { formatIpv4 } from '../addresses/ip-address.js';
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import { PROTOCOL_NAMES, type Protocol } from '../decode/protocol.js';
import { oneLine } from './one-line.js';
import type { Plan } from './plan.js';

/** The body, with the API's names. */
export type FailedCheckin = {
  BusinessId: number;
  /** UTC, whole seconds: `2025-01-15T10:30:00Z`. */
  CheckinAttemptTime: string;
  /** Wall time of the location: `2025-01-15T11:30:00`. */
  CheckinAttemptTimeLocal?: string;
  /** eCheckinSource NetworkActivity. */
  Source: 3;
  /** `AA:BB:CC:DD:EE:FF`. */
  MacAddresses: string;
  Description: string;
  CoworkerId?: number;
  TariffAtTheTimeOfCheckin?: string;
  TeamsAtTheTimeOfCheckin?: string;
};

/** A coworker who registered the device, but whose account is not active. */
export interface InactiveOwner {
  readonly coworkerId: number;
  readonly name: string;
  readonly status: 'inactive' | 'archived';
}

/** The facts about a visit from which the body is made. */
export interface CheckinFacts {
  readonly businessId: number;
  readonly mac: MacAddress;
  /** Start of the visit, Unix time in ms. */
  readonly startMs: number;
  /** The start in the location's local time; null when SPACE_TIMEZONE is not set. */
  readonly localStart: string | null;
  /** The kind of device, such as `iPhone`; null when it is not sure. */
  readonly kind: string | null;
  readonly hostname: string | null;
  /** An unsigned 32-bit number, 0 when unknown. */
  readonly ipv4: number;
  /** Only shown when there is no IPv4 address. */
  readonly ipv6: string | null;
  readonly via: readonly Protocol[];
  /** Whose device it most likely is, with a new address; null when there is no hint, and without HINT_OWNERS. */
  readonly likelyOwner: string | null;
  /** Whoever registered the device, if the account is not active (REPORT_INACTIVE); null otherwise. */
  readonly inactive: InactiveOwner | null;
}

/** At most so many code points, and so many UTF-16 units. */
const MAX_DESCRIPTION = 250;
const MAX_HOSTNAME = 64;
const MIN_HOSTNAME = 16;
const MAX_LIST = 250;

/** Returns the body that reports a visit. `plan` is that of the inactive owner. */
export function failedCheckinBody(facts: CheckinFacts, plan: Plan | null = null): FailedCheckin {
  return {
    BusinessId: facts.businessId,
    CheckinAttemptTime: attemptTime(facts.startMs),
    ...(facts.localStart === null ? {} : { CheckinAttemptTimeLocal: facts.localStart }),
    Source: 3,
    MacAddresses: formatMac(facts.mac).toUpperCase(),
    Description: description(facts),
    ...(facts.inactive === null ? {} : { CoworkerId: facts.inactive.coworkerId }),
    ...(plan === null || plan.tariff === null ? {} : { TariffAtTheTimeOfCheckin: oneLine(plan.tariff, MAX_LIST) }),
    ...(plan === null || plan.teams.length === 0
      ? {}
      : { TeamsAtTheTimeOfCheckin: oneLine(plan.teams.join(','), MAX_LIST) }),
  };
}

/** Returns the text for CheckinAttemptTime: `2025-01-15T10:30:00Z`. */
export function attemptTime(startMs: number): string {
  return new Date(startMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Returns one sentence. If it is too long, the host name is cut, which is the longest and least useful fact. */
function description(facts: CheckinFacts): string {
  const { hostname } = facts;
  const whole = sentence(facts, hostname === null ? null : oneLine(hostname, MAX_HOSTNAME));
  if (hostname === null || whole.length <= MAX_DESCRIPTION) return oneLine(whole, MAX_DESCRIPTION);
  const left = MAX_DESCRIPTION - sentence(facts, '').length;
  return oneLine(sentence(facts, oneLine(hostname, Math.max(MIN_HOSTNAME, left))), MAX_DESCRIPTION);
}

function sentence(facts: CheckinFacts, hostname: string | null): string {
  const { mac, kind, ipv4, ipv6, via, likelyOwner, inactive } = facts;
  const vendor = vendorOf(mac);
  const isInVendor = kind !== null && vendor?.toLowerCase().startsWith(kind.toLowerCase()) === true;
  const ip = ipv4 === 0 ? ipv6 : formatIpv4(ipv4);
  const who =
    inactive === null ? 'Unrecognised device' : `Device of ${oneLine(inactive.name, 40)} (account ${inactive.status})`;
  const known = [
    kind === null || isInVendor ? null : oneLine(kind, 24),
    vendor === null ? null : oneLine(vendor, 60),
    isRandomised(mac) ? 'private (randomised) address' : vendor === null ? 'unknown vendor' : null,
    hostname === null ? null : `hostname ${hostname}`,
    ip === null ? null : `IP ${oneLine(ip, 45)}`,
    via.length === 0 ? null : `seen by ${listed(via.map((protocol) => PROTOCOL_NAMES[protocol]))}`,
    likelyOwner === null ? null : `perhaps the new address of a device of ${oneLine(likelyOwner, 40)}`,
  ];
  return `${who}: ${known.filter((fact) => fact !== null).join(', ')}.`;
}

/** Returns `ARP, DHCP and NDP`. Intl.ListFormat would take 13 ms to load. */
function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' and $1');
}
