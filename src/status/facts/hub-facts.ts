// What is shown of a hub: a line for each sensor, and whether somebody should look.
import type { HealthFacts } from './health.js';

/** A sensor is heard every ten seconds. */
const SILENT_AFTER_MS = 300_000;
/** A new sensor may take this long until it is set up. */
const SET_UP_WITHIN_MS = 86_400_000;
export const MAX_CLOCK_OFFSET_MS = 300_000;

/** One sensor and its location, as the hub keeps it. Counts are of today (UTC), and of the whole location. */
export interface LocationView {
  readonly sensor: string;
  readonly businessId: number;
  readonly sinceMs: number;
  readonly visits: number;
  readonly unrecognised: number;
  readonly heard: {
    readonly heardMs: number;
    readonly version: string;
    readonly clockOffsetMs: number | null;
    readonly openVisits: number | null;
    readonly waiting: number | null;
    readonly troubles: readonly string[];
  } | null;
}

export interface HubFacts {
  /** Null when Redis does not answer. */
  locations(): Promise<readonly LocationView[] | null>;
  health(locations: readonly LocationView[] | null): Promise<HealthFacts>;
}

export interface LocationJson {
  readonly location: number;
  readonly sensor: string;
  /** Seconds since it was heard; null when it never was. */
  readonly heardSecondsAgo: number | null;
  readonly clockOffsetSeconds: number | null;
  readonly version: string | null;
  readonly openVisits: number | null;
  readonly waiting: number | null;
  readonly visitsToday: number;
  readonly unrecognisedToday: number;
  readonly troubles: readonly string[];
}

export function locationJson(view: LocationView, nowMs: number): LocationJson {
  const { heard } = view;
  return {
    location: view.businessId,
    sensor: view.sensor,
    heardSecondsAgo: heard === null ? null : Math.max(0, Math.round((nowMs - heard.heardMs) / 1_000)),
    clockOffsetSeconds: heard === null || heard.clockOffsetMs === null ? null : Math.round(heard.clockOffsetMs / 1_000),
    version: heard?.version ?? null,
    openVisits: heard?.openVisits ?? null,
    waiting: heard?.waiting ?? null,
    visitsToday: view.visits,
    unrecognisedToday: view.unrecognised,
    troubles: [...hubsTroubles(view, nowMs), ...(heard?.troubles ?? [])],
  };
}

/** What the hub itself finds wrong with a sensor; these degrade the hub's health. */
export function hubsTroubles({ heard, sinceMs }: LocationView, nowMs: number): readonly string[] {
  if (heard === null) return nowMs - sinceMs > SET_UP_WITHIN_MS ? ['never heard'] : [];
  const silentMs = nowMs - heard.heardMs;
  const offsetMs = heard.clockOffsetMs ?? 0;
  return [
    ...(silentMs > SILENT_AFTER_MS ? [`not heard for ${Math.floor(silentMs / 60_000)} min`] : []),
    ...(Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS ? [clockWords(offsetMs)] : []),
  ];
}

export function clockWords(offsetMs: number): string {
  return `its clock is ${Math.floor(Math.abs(offsetMs) / 60_000)} min ${offsetMs > 0 ? 'ahead of' : 'behind'} the hub's`;
}
