// The failed check-in's body, as POST /api/spaces/failedcheckins takes it.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { oneLine } from './one-line.js';
import { wallTime } from './wall-time.js';

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

/** What is known about the visit that is reported. */
export type CheckinReport = {
  businessId: number;
  mac: MacAddress;
  /** Start of the visit, Unix time in ms. */
  startMs: number;
  vendor: string | null;
  randomised: boolean;
  hostname: string | null;
  ip: string | null;
  via: readonly string[];
  /** Set when the device is registered, but by somebody who may not be here. `reason` says why, in a few words. */
  inactive?: { coworkerId: number; name: string; reason: string; tariff?: string; teams?: string[] };
};

/** Code points and UTF-16 units alike. */
const LONGEST_DESCRIPTION = 250;
const LONGEST_HOSTNAME = 64;
const SHORTEST_HOSTNAME = 16;
const LONGEST_LIST = 250;

/** The body that reports a visit. Throws RangeError when `timeZone` is not an IANA name. */
export function failedCheckinBody(report: CheckinReport, timeZone: string | null): FailedCheckin {
  const { inactive } = report;
  return {
    BusinessId: report.businessId,
    CheckinAttemptTime: new Date(report.startMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    ...(timeZone === null ? {} : { CheckinAttemptTimeLocal: wallTime(report.startMs, timeZone) }),
    Source: 3,
    MacAddresses: formatMac(report.mac).toUpperCase(),
    Description: description(report),
    ...(inactive === undefined ? {} : { CoworkerId: inactive.coworkerId }),
    ...(inactive?.tariff === undefined ? {} : { TariffAtTheTimeOfCheckin: oneLine(inactive.tariff, LONGEST_LIST) }),
    ...(inactive?.teams === undefined || inactive.teams.length === 0
      ? {}
      : { TeamsAtTheTimeOfCheckin: oneLine(inactive.teams.join(','), LONGEST_LIST) }),
  };
}

const PROTOCOLS: Readonly<Record<string, string>> = { arp: 'ARP', dhcp: 'DHCP', ndp: 'NDP', dhcpv6: 'DHCPv6' };

/** One sentence. The hostname is the longest fact and the least worth: it gives way to the others. */
function description(report: CheckinReport): string {
  const { hostname } = report;
  const whole = sentence(report, hostname === null ? null : oneLine(hostname, LONGEST_HOSTNAME));
  if (hostname === null || whole.length <= LONGEST_DESCRIPTION) return oneLine(whole, LONGEST_DESCRIPTION);
  const left = LONGEST_DESCRIPTION - sentence(report, '').length;
  return oneLine(sentence(report, oneLine(hostname, Math.max(SHORTEST_HOSTNAME, left))), LONGEST_DESCRIPTION);
}

function sentence({ vendor, randomised, ip, via, inactive }: CheckinReport, hostname: string | null): string {
  const who =
    inactive === undefined
      ? 'Unrecognised device'
      : `Device of ${oneLine(inactive.name, 40)} (${oneLine(inactive.reason, 60)})`;
  const protocols = via.map((protocol) => PROTOCOLS[protocol] ?? oneLine(protocol, 12));
  const facts = [
    vendor === null ? null : oneLine(vendor, 60),
    randomised ? 'private (randomised) address' : vendor === null ? 'unknown vendor' : null,
    hostname === null ? null : `hostname ${hostname}`,
    ip === null ? null : `IP ${oneLine(ip, 45)}`,
    protocols.length === 0 ? null : `seen by ${listed(protocols)}`,
  ];
  return `${who}: ${facts.filter((fact) => fact !== null).join(', ')}.`;
}

/** `ARP, DHCP and NDP`. Not Intl.ListFormat, which takes 13 ms to load. */
function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' and $1');
}
