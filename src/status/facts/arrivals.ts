// How many devices arrived in each hour of today, in the location's local time.
import type { Decision, DecisionKind } from '../../devices/decision.js';
import { wallTime } from '../../nexudus/wall-time.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';

export interface ArrivalsJson {
  /** The day, `2025-01-15`. */
  readonly date: string;
  /** The current hour, 0 to 23. */
  readonly hour: number;
  /** For each hour from 0 to 23. Equipment (`ignored`) is not counted. */
  readonly hours: readonly Readonly<HourOfArrivals>[];
}

interface HourOfArrivals {
  recognised: number;
  unrecognised: number;
}

export class Arrivals implements PipelineListener {
  private date = '';
  private hours: HourOfArrivals[] = [];

  /** `timeZone` null is the zone of this machine. Throws RangeError when it is not an IANA name. */
  constructor(private readonly timeZone: string | null) {
    this.turn(Date.now());
  }

  /** Counts a visit in the hour of its first sighting, once it is decided. */
  onDecision({ startMs, decision }: Pick<VisitRecord, 'startMs' | 'decision'>): void {
    this.count(startMs, decision?.kind, 1);
  }

  onDecidedAnew(
    { startMs, decision }: Pick<VisitRecord, 'startMs' | 'decision'>,
    before: Pick<Decision, 'kind'>,
  ): void {
    this.count(startMs, before.kind, -1);
    this.count(startMs, decision?.kind, 1);
  }

  today(): ArrivalsJson {
    const { date, hour } = this.turn(Date.now());
    return { date, hour, hours: this.hours };
  }

  private count(startMs: number | null, kind: DecisionKind | undefined, more: 1 | -1): void {
    if (startMs === null || (kind !== 'recognised' && kind !== 'unrecognised')) return;
    const { date, hour } = this.wallTime(startMs);
    if (date !== this.turn(Date.now()).date) return;
    const count = this.hours[hour];
    if (count !== undefined) count[kind] = Math.max(0, count[kind] + more);
  }

  /** Begins a new day if the day has changed. */
  private turn(nowMs: number): { date: string; hour: number } {
    const now = this.wallTime(nowMs);
    if (now.date !== this.date) {
      this.date = now.date;
      this.hours = Array.from({ length: 24 }, () => ({ recognised: 0, unrecognised: 0 }));
    }
    return now;
  }

  private wallTime(atMs: number): { date: string; hour: number } {
    const [date = '', time = ''] = wallTime(atMs, this.timeZone).split('T');
    return { date, hour: Number.parseInt(time, 10) };
  }
}
