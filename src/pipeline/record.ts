// The record of a visit: what was decided about it, and the report if this sensor makes one.
import type { Decision } from '../devices/decision.js';
import { kindOfVisit } from '../devices/kind-of-visit.js';
import type { InactiveOwner } from '../nexudus/failed-checkin.js';
import { wallTime } from '../nexudus/wall-time.js';
import type { Report } from '../outbox/report.js';
import { type Settlement, visitId } from '../visits/register/visit-register.js';
import type { Visit } from '../visits/visit.js';

/** What is known of a visit, and what became of it so far. */
export interface VisitRecord {
  readonly visit: Visit;
  /** Start of the visit in the register, ms since the epoch; null until it is registered. */
  readonly startMs: number | null;
  readonly decision: Decision | null;
  readonly settlement: Settlement | null;
  /** Null when this sensor does not report the visit. Each access makes a new object. */
  readonly report: Report | null;
}

/** What was known of the device, beside its MAC, when the visit was reported. It takes much less memory than the report. */
export interface ReportedFacts {
  readonly startMs: number;
  readonly kind: string | null;
  readonly hostname: string | null;
  readonly ipv4: number;
  readonly ipv6: string | null;
  readonly via: Report['via'];
  readonly likelyOwner: string | null;
  readonly inactive: InactiveOwner | null;
}

/** An address that is still active so much later is no longer one that somebody made up and showed once. */
const AGAIN_AFTER_MS = 180_000;

/** Whether a device has shown that it is real: by a lease, by several protocols, or by being active again minutes later. */
export function hasProvenItself({ leased, via, firstMs, lastMs }: Visit): boolean {
  return leased || via.length > 1 || lastMs - firstMs >= AGAIN_AFTER_MS;
}

/** With `hintOwners`, the report may say whose device it most likely is (HINT_OWNERS). */
export function reportedFacts(visit: Visit, startMs: number, decision: Decision, hintOwners: boolean): ReportedFacts {
  const { hostname, ipv4s, ipv6s, via } = visit;
  const ipv4 = ipv4s.at(-1) ?? 0;
  // A link-local address does not help to find the device.
  const ipv6 = ipv4 === 0 ? (ipv6s.findLast((ip) => !ip.startsWith('fe80')) ?? null) : null;
  const likelyOwner = hintOwners ? (decision.hint?.likelyOwner ?? null) : null;
  return {
    startMs,
    kind: kindOfVisit(visit),
    hostname,
    ipv4,
    ipv6,
    via,
    likelyOwner,
    inactive: inactiveOwner(decision),
  };
}

/** `sent`: the report may be in Nexudus already. */
export function reportOf(
  facts: ReportedFacts,
  visit: Visit,
  settings: { readonly businessId: number; readonly timeZone: string | null; readonly decidedByHub?: boolean },
  sent: boolean,
): Report {
  const { businessId, timeZone } = settings;
  const { mac } = visit;
  const { startMs, kind, hostname, ipv4, ipv6, via, likelyOwner, inactive } = facts;
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
    likelyOwner,
    inactive,
    sent,
    proven: hasProvenItself(visit),
    ...(settings.decidedByHub === true || likelyOwner !== null ? { kin: visit.kin } : {}),
  };
}

export function inactiveOwner({ owner }: Decision): InactiveOwner | null {
  if (owner?.kind !== 'coworker' || owner.status === 'active') return null;
  return { coworkerId: owner.id, name: owner.name, status: owner.status };
}
