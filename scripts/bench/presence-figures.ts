// Holds the visits of a replay against the truth of the day.
import type { DayDevice, Span } from './presence-day.js';

export interface SeenVisit extends Span {
  readonly mac: string;
  /** Whether it gave a failed check-in. */
  readonly reported: boolean;
}

/** Counts, so that days can be added. */
export interface Counts {
  readonly strangers: number;
  readonly stays: number;
  readonly visits: number;
  /** Failed check-ins of strangers. */
  readonly failedCheckins: number;
  /** Strangers without any. */
  readonly missed: number;
  /** Failed check-ins of registered devices. */
  readonly ofRegistered: number;
  readonly stayMs: number;
  readonly coveredMs: number;
  /** How long devices were shown as present after they had left, all stays together. */
  readonly afterMs: number;
}

export const NOTHING: Counts = {
  strangers: 0,
  stays: 0,
  visits: 0,
  failedCheckins: 0,
  missed: 0,
  ofRegistered: 0,
  stayMs: 0,
  coveredMs: 0,
  afterMs: 0,
};

export function sum(a: Counts, b: Counts): Counts {
  return {
    strangers: a.strangers + b.strangers,
    stays: a.stays + b.stays,
    visits: a.visits + b.visits,
    failedCheckins: a.failedCheckins + b.failedCheckins,
    missed: a.missed + b.missed,
    ofRegistered: a.ofRegistered + b.ofRegistered,
    stayMs: a.stayMs + b.stayMs,
    coveredMs: a.coveredMs + b.coveredMs,
    afterMs: a.afterMs + b.afterMs,
  };
}

/** Milliseconds of `span` that lie in a visit, from its first frame to its last. Visits of one device never overlap. */
function coveredMs(span: Span, visits: readonly Span[]): number {
  const overlaps = visits.map(({ fromMs, toMs }) => Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs));
  return overlaps.reduce((total, ms) => total + Math.max(0, ms), 0);
}

/** A device is shown until its visit is over, `gapMs` after its last frame, or until it really is there again. */
function afterMs(stay: Span, next: Span | undefined, visits: readonly Span[], gapMs: number): number {
  const begun = visits.filter(({ fromMs }) => fromMs < stay.toMs);
  const shownUntilMs = Math.max(stay.toMs, ...begun.map(({ toMs }) => toMs + gapMs));
  return Math.min(shownUntilMs, next?.fromMs ?? Number.POSITIVE_INFINITY) - stay.toMs;
}

function countDevice({ registered, stays }: DayDevice, visits: readonly SeenVisit[], gapMs: number): Counts {
  const reports = visits.filter(({ reported }) => reported).length;
  return {
    strangers: registered ? 0 : 1,
    stays: stays.length,
    visits: visits.length,
    failedCheckins: registered ? 0 : reports,
    missed: !registered && reports === 0 ? 1 : 0,
    ofRegistered: registered ? reports : 0,
    stayMs: stays.reduce((total, { fromMs, toMs }) => total + toMs - fromMs, 0),
    coveredMs: stays.reduce((total, stay) => total + coveredMs(stay, visits), 0),
    afterMs: stays.reduce((total, stay, index) => total + afterMs(stay, stays[index + 1], visits, gapMs), 0),
  };
}

/** `gapMs` is the VISIT_GAP that the visits were made with. */
export function countDay(devices: readonly DayDevice[], visits: readonly SeenVisit[], gapMs: number): Counts {
  return devices
    .map((device) =>
      countDevice(
        device,
        visits.filter(({ mac }) => mac === device.mac),
        gapMs,
      ),
    )
    .reduce(sum, NOTHING);
}

export interface Figures {
  readonly failedCheckinsAStranger: number;
  readonly visitsAStay: number;
  /** 0 to 1. */
  readonly covered: number;
  readonly minutesAfterAStay: number;
}

export function figuresOf(counts: Counts): Figures {
  return {
    failedCheckinsAStranger: counts.failedCheckins / counts.strangers,
    visitsAStay: counts.visits / counts.stays,
    covered: counts.coveredMs / counts.stayMs,
    minutesAfterAStay: counts.afterMs / counts.stays / 60_000,
  };
}

export interface Goals {
  readonly mostFailedCheckinsAStranger: number;
  readonly leastVisitsAStay: number;
  readonly mostVisitsAStay: number;
  readonly leastCovered: number;
}

/** The goals that are not met, as words; none is ideal. */
export function unmet(counts: Counts, goals: Goals): string[] {
  const { failedCheckinsAStranger, visitsAStay, covered } = figuresOf(counts);
  const problems: [boolean, string][] = [
    [failedCheckinsAStranger > goals.mostFailedCheckinsAStranger, 'check-ins'],
    [counts.missed > 0, 'missed'],
    [counts.ofRegistered > 0, 'registered'],
    [visitsAStay < goals.leastVisitsAStay || visitsAStay > goals.mostVisitsAStay, 'visits'],
    [covered < goals.leastCovered, 'covered'],
  ];
  return problems.filter(([isUnmet]) => isUnmet).map(([, word]) => word);
}
