// The failed check-in's body, as POST /api/spaces/failedcheckins takes it, made from the facts of a report. Its wording is here.
import { formatIpv4 } from '../addresses/ip-address.js';
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import { PROTOCOL_NAMES, type Protocol } from '../decode/protocol.js';
import { oneLine } from './one-line.js';
import type { Plan } from './plan.js';

/** The body of POST /api/spaces/failedcheckins, as the API names it. */
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

/** What a failed check-in tells about a visit. */
export interface CheckinFacts {
  readonly businessId: number;
  readonly mac: MacAddress;
  /** Start of the visit, Unix time in ms. */
  readonly startMs: number;
  /** The start as the clock on the wall of the location showed it; null when SPACE_TIMEZONE is not set. */
  readonly localStart: string | null;
  /** What kind of device it is, as in `iPhone`; null where nothing is sure. */
  readonly kind: string | null;
  readonly hostname: string | null;
  /** An unsigned 32-bit number, 0 when unknown. */
  readonly ipv4: number;
  /** Only shown when there is no IPv4 address. */
  readonly ipv6: string | null;
  readonly via: readonly Protocol[];
  /** Whose device it most likely is, with a new address; null when nothing tells, and without HINT_OWNERS. */
  readonly likelyOwner: string | null;
  /** Set when the device is registered, but by somebody who may not be here (REPORT_INACTIVE). */
  readonly inactive: InactiveOwner | null;
}

/** Code points and UTF-16 units alike. */
const MAX_DESCRIPTION = 250;
const MAX_HOSTNAME = 64;
const MIN_HOSTNAME = 16;
const MAX_LIST = 250;

/** The body that reports a visit. `plan`: what the inactive owner of the device had booked. */
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

/** `2025-01-15T10:30:00Z`, as CheckinAttemptTime takes it. */
export function attemptTime(startMs: number): string {
  return new Date(startMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** One sentence. If it is too long, the host name is cut: it is the longest fact and worth the least. */
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
  const told = [
    kind === null || isInVendor ? null : oneLine(kind, 24),
    vendor === null ? null : oneLine(vendor, 60),
    isRandomised(mac) ? 'private (randomised) address' : vendor === null ? 'unknown vendor' : null,
    hostname === null ? null : `hostname ${hostname}`,
    ip === null ? null : `IP ${oneLine(ip, 45)}`,
    via.length === 0 ? null : `seen by ${listed(via.map((protocol) => PROTOCOL_NAMES[protocol]))}`,
    likelyOwner === null ? null : `perhaps the new address of a device of ${oneLine(likelyOwner, 40)}`,
  ];
  return `${who}: ${told.filter((fact) => fact !== null).join(', ')}.`;
}

/** `ARP, DHCP and NDP`. Not Intl.ListFormat, which takes 13 ms to load. */
function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' and $1');
}
