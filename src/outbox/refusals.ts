// The reports that Nexudus refuses to take from this account (401, 403), by location, so that a location does not hold up others.

/** After so many different reports in a row, the location is the likely cause, not the report. */
const MAX_REFUSED_IN_A_ROW = 3;

interface Location {
  readonly refusedIds: Set<string>;
  reason: string;
  /** Steady time until which none of its reports is tried. */
  closedUntilMs: number;
}

export class Refusals {
  private readonly locations = new Map<number, Location>();

  /** No report of a location is tried for `closedMs` when its reports are refused one after the other. */
  constructor(private readonly closedMs: number) {}

  /** A report was refused. */
  add({ id, businessId }: { readonly id: string; readonly businessId: number }, reason: string): void {
    const location = this.locations.get(businessId) ?? { refusedIds: new Set(), reason, closedUntilMs: 0 };
    this.locations.set(businessId, location);
    location.reason = reason;
    if (location.refusedIds.size < MAX_REFUSED_IN_A_ROW) location.refusedIds.add(id);
    if (location.refusedIds.size >= MAX_REFUSED_IN_A_ROW) location.closedUntilMs = performance.now() + this.closedMs;
  }

  /** A report of this location was taken. */
  clear(businessId: number): void {
    this.locations.delete(businessId);
  }

  /** Returns why, and for how much longer, no report of this location must be tried; null when it may be tried. */
  closed(businessId: number): { readonly ms: number; readonly reason: string } | null {
    const location = this.locations.get(businessId);
    const ms = (location?.closedUntilMs ?? 0) - performance.now();
    return location === undefined || ms <= 0 ? null : { ms, reason: location.reason };
  }
}
