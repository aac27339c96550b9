// A visit as JSON, as `replay --json` prints it and the status API returns it.
import { formatIpv4 } from '../addresses/ip-address.js';
import { formatMac } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import type { DecisionKind } from '../devices/decision.js';
import { kindOfVisit } from '../devices/kind-of-visit.js';
import { type FailedCheckin, failedCheckinBody } from '../nexudus/failed-checkin.js';
import type { VisitRecord } from '../pipeline/record.js';

export interface VisitJson {
  readonly type: 'visit';
  readonly mac: string;
  readonly vendor: string | null;
  readonly randomised: boolean;
  /** The kind of device, such as `iPhone` or `printer`; null when it is not sure. */
  readonly kind: string | null;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly sightings: number;
  /** When it was last sighted. `lastSeen` may be the time of a keep-alive. */
  readonly lastSighting: string;
  readonly keepAlives: number;
  readonly via: readonly string[];
  readonly ips: readonly string[];
  readonly hostname: string | null;
  readonly vendorClass: string | null;
  readonly vlan: number | null;
  readonly decision: DecisionKind;
  readonly reason: string;
  readonly coworker: { readonly id: number | null; readonly name: string } | null;
  readonly failedCheckin: FailedCheckin | null;
}

export function visitJson(record: VisitRecord): VisitJson {
  const { visit, decision, startMs, report } = record;
  const owner = decision?.owner ?? null;
  const spaced = record.settlement === 'spaced' ? '; reported a short while ago (REPORT_AGAIN_AFTER)' : '';
  return {
    type: 'visit',
    mac: formatMac(visit.mac),
    vendor: vendorOf(visit.mac),
    randomised: isRandomised(visit.mac),
    kind: kindOfVisit(visit),
    firstSeen: new Date(startMs ?? visit.firstMs).toISOString(),
    lastSeen: new Date(visit.lastMs).toISOString(),
    sightings: visit.sightings,
    lastSighting: new Date(visit.lastSightingMs).toISOString(),
    keepAlives: visit.keepAlives,
    via: [...visit.via].sort(),
    ips: [...visit.ipv4s.map(formatIpv4), ...visit.ipv6s],
    hostname: visit.hostname,
    vendorClass: visit.vendorClass,
    vlan: visit.vlan,
    decision: decision?.kind ?? 'pending',
    reason:
      [decision?.reason ?? 'not decided yet', decision?.hint?.text ?? null].filter((part) => part !== null).join('; ') +
      spaced,
    coworker: owner === null ? null : { id: owner.kind === 'coworker' ? owner.id : null, name: owner.name },
    failedCheckin: report === null ? null : failedCheckinBody(report),
  };
}
