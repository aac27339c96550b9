// The summary of a replay: what was read, and what was found.
import type { DecisionKind } from '../../devices/decision.js';
import type { FrameCounts } from '../../pipeline/frame-counts.js';
import type { VisitRecord } from '../../pipeline/record.js';
import type { CaptureFiles } from './capture-files.js';

/** Numbers of visits by decision. In a replay no visit is pending. */
type DecidedCounts = Readonly<Record<Exclude<DecisionKind, 'pending'>, number>>;

export interface ReplaySummary extends DecidedCounts {
  readonly type: 'summary';
  readonly files: readonly string[];
  readonly frames: number;
  readonly sightings: number;
  /** Other broadcast and multicast frames, which say only that a device is still here. */
  readonly keepAlives: number;
  readonly malformed: number;
  /** Number of malformed frames by reason; left out when there are none. */
  readonly malformedBy?: Readonly<Record<string, number>>;
  readonly visits: number;
  readonly posted: number;
  readonly complete: boolean;
  readonly seconds: number;
}

/** `began`: steady time at which the replay began, ms. */
export function summaryOf(
  files: CaptureFiles,
  counts: Readonly<FrameCounts>,
  records: readonly VisitRecord[],
  posted: number,
  began: number,
): ReplaySummary {
  const { frames, sightings, keepAlives, malformed, malformedBy } = counts;
  const count = (kind: DecisionKind) => records.filter(({ decision }) => decision?.kind === kind).length;
  return {
    type: 'summary',
    files: files.paths,
    frames,
    sightings,
    keepAlives,
    malformed,
    ...(malformed === 0 ? {} : { malformedBy: Object.fromEntries(malformedBy) }),
    visits: records.length,
    unrecognised: count('unrecognised'),
    recognised: count('recognised'),
    ignored: count('ignored'),
    posted,
    complete: files.problems.length === 0,
    seconds: Math.round(performance.now() - began) / 1_000,
  };
}
