// How many devices arrived in each hour of today, as the clock on the wall of the location counts hours. Counted from the diary, so that
// a restart forgets none.
import type { Diary } from './diary.js';
import type { DiaryEntry } from './diary-entry.js';
import type { LocalDay } from './local-day.js';

export interface ArrivalsJson {
  /** The day, `2025-01-15`. */
  readonly date: string;
  /** The hour it is now, 0 to 23. */
  readonly hour: number;
  /** One for each hour, from 0 to 23. Equipment (`ignored`) is not counted. */
  readonly hours: readonly Readonly<HourOfArrivals>[];
}

interface HourOfArrivals {
  recognised: number;
  unrecognised: number;
}

export class Arrivals {
  private counted: ArrivalsJson = { date: '', hour: 0, hours: [] };
  private version = -1;

  constructor(
    private readonly diary: Pick<Diary, 'version' | 'all'>,
    private readonly day: LocalDay,
  ) {}

  today(): ArrivalsJson {
    const { date, hour } = this.day.clockAt(Date.now());
    const { diary, counted } = this;
    if (diary.version !== this.version || date !== counted.date) {
      this.version = diary.version;
      this.counted = { date, hour, hours: hoursOf(diary.all(), this.day) };
    } else if (hour !== counted.hour) this.counted = { ...counted, hour };
    return this.counted;
  }
}

/** A visit counts in the hour of its first sighting, as what it is by its latest decision. */
function hoursOf(entries: Iterable<DiaryEntry>, day: LocalDay): readonly HourOfArrivals[] {
  const hours = Array.from({ length: 24 }, () => ({ recognised: 0, unrecognised: 0 }));
  for (const { visits } of entries) {
    let hereUntilMs = Number.NEGATIVE_INFINITY;
    for (const { startMs, firstMs, lastMs, decisions } of visits) {
      const isSame = firstMs <= hereUntilMs;
      hereUntilMs = Math.max(hereUntilMs, lastMs);
      // Two sensors may have told of one visit.
      if (isSame) continue;
      const kind = decisions.at(-1)?.kind;
      if (kind !== 'recognised' && kind !== 'unrecognised') continue;
      const hour = day.hourOfToday(startMs);
      const count = hour === null ? undefined : hours[hour];
      if (count !== undefined) count[kind]++;
    }
  }
  return hours;
}
