// The record of a visit: what was decided about it, and the report if this sensor makes one.
import type { Decision } from '../devices/decision.js';
import { kindOfVisit } from '../devices/kind-of-visit.js';
import type { InactiveOwner } from '../nexudus/failed-checkin.js';
import { wallTime } from '../nexudus/wall-time.js';
import type { Report } from '../outbox/report.js';
import { type Settlement, visitId } from '../visits/register/visit-register.js';
import type { Visit } from '../visits/visit.js';

/** What became of a visit so far. */
export interface VisitRecord {
  readonly visit: Visit;
  /** Start of the visit as the register has it, ms since the epoch; null until the visit is in the register. */
  readonly startMs: number | null;
  readonly decision: Decision | null;
  readonly settlement: Settlement | null;
  /** What this sensor reports; null when it does not report the visit. Made anew each time that it is asked for. */
  readonly report: Report | null;
}

/** What was known of the device when the visit was reported, beside its MAC. Much smaller than the report. */
export interface ReportedFacts {
  readonly startMs: number;
  readonly kind: string | null;
  readonly hostname: string | null;
  readonly ipv4: number;
  readonly ipv6: string | null;
  readonly via: Report['via'];
  readonly inactive: InactiveOwner | null;
}

export function reportedFacts(visit: Visit, startMs: number, decision: Decision): ReportedFacts {
  const { hostname, ipv4s, ipv6s, via } = visit;
  const ipv4 = ipv4s.at(-1) ?? 0;
  // A link-local address leads nobody to the device.
  const ipv6 = ipv4 === 0 ? (ipv6s.findLast((ip) => !ip.startsWith('fe80')) ?? null) : null;
  return { startMs, kind: kindOfVisit(visit), hostname, ipv4, ipv6, via, inactive: inactiveOwner(decision) };
}

/** `sent`: the report may be in Nexudus already. */
export function reportOf(
  facts: ReportedFacts,
  { mac }: Visit,
  settings: { readonly businessId: number; readonly timeZone: string | null },
  sent: boolean,
): Report {
  const { businessId, timeZone } = settings;
  const { startMs, kind, hostname, ipv4, ipv6, via, inactive } = facts;
  const localStart = timeZone === null ? null : wallTime(startMs, timeZone);
  return {
    id: visitId(businessId, mac, startMs),
    businessId,
    mac,
    startMs,
    localStart,
    kind,
    hostname,
    ipv4,
    ipv6,
    via,
    inactive,
    sent,
  };
}

function inactiveOwner({ owner }: Decision): InactiveOwner | null {
  if (owner?.kind !== 'coworker' || owner.status === 'active') return null;
  return { coworkerId: owner.id, name: owner.name, status: owner.status };
}
