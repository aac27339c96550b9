// Arrivals are counted by the clock on the wall of the location, from what the diary holds.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DecisionKind } from '../../../src/devices/decision.js';
import { Arrivals } from '../../../src/status/facts/arrivals.js';
import type { DiaryEntry } from '../../../src/status/facts/diary-entry.js';
import { LocalDay } from '../../../src/status/facts/local-day.js';
import { diaryVisit } from './diary-visits.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

/** A diary that a test fills. */
class TrialDiary {
  version = 0;
  private entries: (DiaryEntry & { version: number })[] = [];

  /** Another device. */
  add(start: string, ...kinds: DecisionKind[]): void {
    const startMs = Date.parse(start);
    const visit = diaryVisit({ startMs }, ...(kinds.length === 0 ? (['recognised'] as const) : kinds));
    this.entries.push({ mac: this.entries.length, visits: [visit], version: ++this.version });
  }

  put(...entries: DiaryEntry[]): void {
    this.entries = entries.map((entry) => ({ ...entry, version: ++this.version }));
  }

  all() {
    return this.entries.values() as MapIterator<DiaryEntry & { version: number }>;
  }
}

/** The hours in which anybody arrived. */
function counted(arrivals: Arrivals): Record<number, [recognised: number, unrecognised: number]> {
  const { hours } = arrivals.today();
  return Object.fromEntries(
    hours
      .map(({ recognised, unrecognised }, hour) => [hour, [recognised, unrecognised]] as [number, [number, number]])
      .filter(([, [recognised, unrecognised]]) => recognised + unrecognised > 0),
  );
}

function open(): { diary: TrialDiary; arrivals: Arrivals } {
  const diary = new TrialDiary();
  return { diary, arrivals: new Arrivals(diary, new LocalDay('Europe/Madrid')) };
}

test("a visit counts in the location's hour of its first sighting, by decision, equipment and undecided ones not at all", () => {
  vi.setSystemTime('2025-07-15T10:30:00Z');
  const { diary, arrivals } = open();
  for (const start of ['2025-07-15T07:59:59.999Z', '2025-07-15T08:00:00Z']) diary.add(start);
  diary.add('2025-07-15T08:01:00Z', 'unrecognised');
  diary.add('2025-07-15T08:02:00Z', 'ignored');
  diary.add('2025-07-15T08:03:00Z', 'pending');
  expect(counted(arrivals)).toEqual({ 9: [1, 0], 10: [1, 1] });
  expect(arrivals.today()).toMatchObject({ date: '2025-07-15', hour: 12 });
});

test('midnight begins a new day; what is decided late still belongs to yesterday', () => {
  vi.setSystemTime('2025-01-15T22:59:00Z');
  const { diary, arrivals } = open();
  diary.add('2025-01-15T22:58:00Z');
  expect(counted(arrivals)).toEqual({ 23: [1, 0] });
  vi.setSystemTime('2025-01-15T23:00:00Z');
  diary.add('2025-01-15T22:59:59Z');
  expect(arrivals.today()).toMatchObject({ date: '2025-01-16', hour: 0 });
  expect(counted(arrivals)).toEqual({});
  diary.add('2025-01-15T23:00:00Z');
  expect(counted(arrivals)).toEqual({ 0: [1, 0] });
});

test('a day has 24 hours on the page, also where the clock is put forward or back', () => {
  for (const day of ['2025-03-30', '2025-10-26']) {
    vi.setSystemTime(`${day}T12:00:00Z`);
    const { diary, arrivals } = open();
    for (let minute = 0; minute < 12 * 60; minute += 30) {
      diary.add(new Date(Date.parse(`${day}T00:00:00Z`) + minute * 60_000).toISOString());
    }
    expect(arrivals.today().hours).toHaveLength(24);
    expect(Object.values(counted(arrivals)).reduce((sum, [count]) => sum + count, 0)).toBe(24);
  }
});

test('the day begins at midnight by the clock of the location, also when it is put forward or back', () => {
  const midnights = { '2025-03-30T12:00:00Z': '2025-03-29T23:00:00Z', '2025-10-26T22:59:00Z': '2025-10-25T22:00:00Z' };
  for (const [now, midnight] of Object.entries(midnights)) {
    vi.setSystemTime(now);
    const day = new LocalDay('Europe/Madrid');
    expect(new Date(day.startOfToday()).toISOString()).toBe(midnight.replace('Z', '.000Z'));
  }
});

test('a device that is labelled after it was counted is counted as what it is now, once', () => {
  vi.setSystemTime('2025-01-15T12:00:00Z');
  const { diary, arrivals } = open();
  const start = '2025-01-15T11:30:00Z';
  diary.add(start, 'unrecognised', 'ignored');
  expect(counted(arrivals)).toEqual({});
  diary.add(start, 'unrecognised', 'ignored', 'recognised');
  expect(arrivals.today().hours[12]).toEqual({ recognised: 1, unrecognised: 0 });
});

test('a visit of which two sensors tell counts once; the next visit of the device counts again', () => {
  vi.setSystemTime('2025-01-15T15:00:00Z');
  const { diary, arrivals } = open();
  const visit = (start: string, last: string) =>
    diaryVisit({ startMs: Date.parse(start), lastMs: Date.parse(last) }, 'unrecognised');
  const visits = [
    visit('2025-01-15T08:00:00Z', '2025-01-15T09:00:00Z'),
    visit('2025-01-15T08:30:00Z', '2025-01-15T09:30:00Z'),
    visit('2025-01-15T12:00:00Z', '2025-01-15T13:00:00Z'),
  ];
  diary.put({ mac: 1, visits });
  expect(counted(arrivals)).toEqual({ 9: [0, 1], 13: [0, 1] });
});
