// The day as the clock on the wall of the location counts it.
import { wallTime } from '../../nexudus/wall-time.js';

const HOUR_MS = 3_600_000;
/** No day is longer than 25 hours. */
const LONGER_THAN_A_DAY_MS = 26 * HOUR_MS;

export interface WallClock {
  /** `2025-01-15`. */
  readonly date: string;
  /** 0 to 23. */
  readonly hour: number;
}

export class LocalDay {
  private readonly clocks = new Map<number, WallClock>();
  private date = '';
  private startMs = 0;

  /** `timeZone` null: that of this machine. Throws RangeError when it is not an IANA name. */
  constructor(private readonly timeZone: string | null) {
    this.clockAt(Date.now());
  }

  clockAt(atMs: number): WallClock {
    const [date = '', time = ''] = wallTime(atMs, this.timeZone).split('T');
    return { date, hour: Number.parseInt(time, 10) };
  }

  /** When the day began that it is now, ms since the epoch. */
  startOfToday(): number {
    const nowMs = Date.now();
    const { date } = this.clockAt(nowMs);
    if (date !== this.date) {
      this.date = date;
      this.startMs = this.firstMsOf(date, nowMs);
      this.clocks.clear();
    }
    return this.startMs;
  }

  /** The hour of a time of today, remembered: telling it anew takes long for thousands. Null for a time before today. */
  hourOfToday(atMs: number): number | null {
    if (atMs < this.startOfToday()) return null;
    let clock = this.clocks.get(atMs);
    if (clock === undefined) {
      clock = this.clockAt(atMs);
      this.clocks.set(atMs, clock);
    }
    return clock.date === this.date ? clock.hour : null;
  }

  /** Halves the time in which the day began until it is known to the millisecond: zones change at any of them. */
  private firstMsOf(date: string, nowMs: number): number {
    let [before, within] = [nowMs - LONGER_THAN_A_DAY_MS, nowMs];
    while (within - before > 1) {
      const middle = Math.floor((before + within) / 2);
      if (this.clockAt(middle).date === date) within = middle;
      else before = middle;
    }
    return within;
  }
}
