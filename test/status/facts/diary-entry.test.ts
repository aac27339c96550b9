// Two accounts of one visit become one, whichever sensor reads which first.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DecisionKind } from '../../../src/devices/decision.js';
import { type DiaryVisit, mergeVisits, parseVisits, presenceOf } from '../../../src/status/facts/diary-entry.js';
import { diaryVisit } from './diary-visits.js';

const START = 1_790_000_000_000;
const MINUTE = 60_000;
const KINDS: readonly DecisionKind[] = ['pending', 'unrecognised', 'recognised', 'ignored'];
const STATES = ['waiting', 'posted', 'refused', 'not-needed', 'dry-run'] as const;

const time = fc.integer({ min: 0, max: 600 }).map((minute) => START + minute * MINUTE);
const visits = fc.uniqueArray(
  fc.record({
    start: fc.integer({ min: 0, max: 3 }),
    last: time,
    hostnames: fc.uniqueArray(fc.constantFrom('ana', 'anas-phone'), { maxLength: 2 }),
    kinds: fc.uniqueArray(fc.constantFrom(...KINDS), { maxLength: 3 }),
    reports: fc.uniqueArray(fc.record({ atMs: time, state: fc.constantFrom(...STATES) }), { maxLength: 3 }),
  }),
  { maxLength: 4, selector: ({ start }) => start },
);
type Told = typeof visits extends fc.Arbitrary<infer T> ? T : never;

/** As a sensor makes them: each piece of news is merged into what it has. */
function visitsOf(told: Told): readonly DiaryVisit[] {
  let visits: readonly DiaryVisit[] = [];
  for (const { start, last, hostnames, kinds, reports } of told) {
    const startMs = START + start * 100 * MINUTE;
    const facts = { startMs, lastMs: Math.max(last, startMs), hostnames };
    visits = mergeVisits(visits, [diaryVisit(facts, ...kinds)]);
    for (const report of reports) {
      visits = mergeVisits(visits, [{ ...diaryVisit(facts), reports: [{ ...report, reason: null, recordId: null }] }]);
    }
  }
  return visits;
}

test('merging again, or with what it holds already, changes nothing; and what both knew is there', () => {
  fc.assert(
    fc.property(visits, visits, (some, others) => {
      const [a, b] = [visitsOf(some), visitsOf(others)];
      const both = mergeVisits(a, b);
      const again = mergeVisits(mergeVisits(both, b), a);
      expect(again).toEqual(both);
      for (const visit of [...a, ...b]) {
        const merged = both.find(({ startMs }) => startMs === visit.startMs);
        expect(merged?.lastMs).toBeGreaterThanOrEqual(visit.lastMs);
        expect(merged?.hostnames).toEqual(expect.arrayContaining([...visit.hostnames]));
      }
      expect(both.length === 0 || parseVisits(JSON.stringify(both)) !== null).toBe(true);
    }),
  );
});

test('the latest news of a report counts, however the accounts are merged', () => {
  const report = (minute: number, state: (typeof STATES)[number], recordId: number | null = null) => ({
    atMs: START + minute * MINUTE,
    state,
    reason: null,
    recordId,
  });
  const first = diaryVisit({ startMs: START, reports: [report(1, 'waiting'), report(9, 'posted', 5)] });
  const second = diaryVisit({ startMs: START, reports: [report(2, 'waiting'), report(5, 'not-needed')] });
  for (const [a, b] of [
    [first, second],
    [second, first],
  ] as const) {
    expect(mergeVisits([a], [b])[0]?.reports.map(({ state }) => state)).toEqual(['waiting', 'not-needed', 'posted']);
  }
});

test('the same news count once, in whatever order their parts are written', () => {
  const [one, other] = [
    { atMs: START, state: 'posted' as const, reason: null, recordId: 5 },
    { recordId: 5, reason: null, state: 'posted' as const, atMs: START },
  ];
  const merged = mergeVisits(
    [diaryVisit({ startMs: START, reports: [one] })],
    [diaryVisit({ startMs: START, reports: [other] })],
  );
  expect(merged[0]?.reports).toEqual([one]);
});

test('a device keeps its latest visits only', () => {
  const many = Array.from({ length: 40 }, (_, n) =>
    diaryVisit({ startMs: START + n * 1_000, lastMs: START + n * 1_000 }),
  );
  const kept = mergeVisits(many.slice(0, 20), many.slice(20));
  expect(kept).toHaveLength(24);
  expect(kept.at(-1)).toEqual(many.at(-1));
});

test.each([
  ['nothing', null],
  ['no JSON', '{'],
  ['no list', '{}'],
  ['an empty list', '[]'],
  ['another shape', '[{"startMs":1}]'],
  ['a time that is none', JSON.stringify([{ ...diaryVisit({ startMs: START }), lastMs: 1e300 }])],
  ['a name of a megabyte', JSON.stringify([diaryVisit({ startMs: START, hostnames: ['x'.repeat(1_000_000)] })])],
  ['a thousand visits', JSON.stringify(Array(1_000).fill(diaryVisit({ startMs: START })))],
])('%s in Redis is nothing of ours', (_what, text) => {
  expect(parseVisits(text)).toBeNull();
});

test('visits that overlap are one stay', () => {
  const visit = (from: number, to: number) => diaryVisit({ startMs: START + from, lastMs: START + to });
  expect(presenceOf([visit(0, 10), visit(5, 20), visit(7, 8), visit(30, 40)])).toEqual([
    { fromMs: START, toMs: START + 20 },
    { fromMs: START + 30, toMs: START + 40 },
  ]);
});
