// What follows from a decision about a registered visit. The same for a visit of this process and for one that a hub was handed.
import type { Decision } from '../devices/decision.js';
import type { RegisteredVisit, Settlement } from '../visits/register/visit-register.js';

/** Returns null while nothing can follow: nobody knows yet whose the device is. */
export function settlementOf(
  { kind, label }: Decision,
  registered: RegisteredVisit,
  settings: { readonly reportAgainAfterMs: number; readonly arePendingReported: boolean },
): Settlement | null {
  if (label !== undefined) return 'labelled';
  switch (kind) {
    case 'ignored':
    case 'recognised':
      return kind;
    case 'pending':
      return settings.arePendingReported ? reportedOrSpaced(registered, settings.reportAgainAfterMs) : null;
    case 'unrecognised':
      return reportedOrSpaced(registered, settings.reportAgainAfterMs);
  }
}

function reportedOrSpaced(
  { startMs, lastReportedMs }: RegisteredVisit,
  reportAgainAfterMs: number,
): 'reported' | 'spaced' {
  return lastReportedMs !== null && Math.abs(startMs - lastReportedMs) < reportAgainAfterMs ? 'spaced' : 'reported';
}

/**
 * Starts of the visits whose withdrawn report has to go on because the device is nobody's after all: that of this visit, or the earlier
 * one because of which this visit is not reported (REPORT_AGAIN_AFTER).
 */
export function restorable(
  decision: Decision | null,
  settlement: Settlement | null,
  { startMs, lastReportedMs }: RegisteredVisit,
): readonly number[] {
  const mayBeWithdrawn = settlement === 'reported' || settlement === 'spaced';
  if (decision?.kind !== 'unrecognised' || !mayBeWithdrawn) return [];
  return lastReportedMs === null || lastReportedMs === startMs ? [startMs] : [startMs, lastReportedMs];
}
