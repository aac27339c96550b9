// Arrivals are counted by the clock on the wall of the location.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DecisionKind } from '../../../src/devices/decision.js';
import { Arrivals } from '../../../src/status/facts/arrivals.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

function visit(start: string, kind: DecisionKind = 'recognised') {
  return { startMs: Date.parse(start), decision: { kind, reason: '', hint: null, owner: null } };
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

test("a visit counts in the location's hour of its first sighting, by decision, equipment and undecided ones not at all", () => {
  vi.setSystemTime('2025-07-15T10:30:00Z');
  const arrivals = new Arrivals('Europe/Madrid');
  for (const start of ['2025-07-15T07:59:59.999Z', '2025-07-15T08:00:00Z']) arrivals.onDecision(visit(start));
  arrivals.onDecision(visit('2025-07-15T08:01:00Z', 'unrecognised'));
  arrivals.onDecision(visit('2025-07-15T08:02:00Z', 'ignored'));
  arrivals.onDecision(visit('2025-07-15T08:03:00Z', 'pending'));
  arrivals.onDecision({ ...visit('2025-07-15T08:04:00Z'), startMs: null });
  expect(counted(arrivals)).toEqual({ 9: [1, 0], 10: [1, 1] });
  expect(arrivals.today()).toMatchObject({ date: '2025-07-15', hour: 12 });
});

test('midnight begins a new day; what is decided late still belongs to yesterday', () => {
  vi.setSystemTime('2025-01-15T22:59:00Z');
  const arrivals = new Arrivals('Europe/Madrid');
  arrivals.onDecision(visit('2025-01-15T22:58:00Z'));
  expect(counted(arrivals)).toEqual({ 23: [1, 0] });
  vi.setSystemTime('2025-01-15T23:00:00Z');
  arrivals.onDecision(visit('2025-01-15T22:59:59Z'));
  expect(arrivals.today()).toMatchObject({ date: '2025-01-16', hour: 0 });
  expect(counted(arrivals)).toEqual({});
});

test('a day has 24 hours on the page, also where the clock is put forward or back', () => {
  for (const day of ['2025-03-30', '2025-10-26']) {
    vi.setSystemTime(`${day}T12:00:00Z`);
    const arrivals = new Arrivals('Europe/Madrid');
    for (let minute = 0; minute < 12 * 60; minute += 30) {
      arrivals.onDecision(visit(new Date(Date.parse(`${day}T00:00:00Z`) + minute * 60_000).toISOString()));
    }
    expect(arrivals.today().hours).toHaveLength(24);
    expect(Object.values(counted(arrivals)).reduce((sum, [count]) => sum + count, 0)).toBe(24);
  }
});

test('a device that is labelled after it was counted is counted as what it is now, once', () => {
  vi.setSystemTime('2025-01-15T12:00:00Z');
  const arrivals = new Arrivals('Europe/Madrid');
  const arrived = visit('2025-01-15T11:30:00Z');
  const as = (kind: 'ignored' | 'recognised' | 'unrecognised') => ({
    ...arrived,
    decision: { kind, reason: '', hint: null, owner: null },
  });
  arrivals.onDecision(as('unrecognised'));
  arrivals.onDecidedAnew(as('ignored'), { kind: 'unrecognised' });
  expect(counted(arrivals)).toEqual({});
  arrivals.onDecidedAnew(as('recognised'), { kind: 'ignored' });
  expect(arrivals.today().hours[12]).toEqual({ recognised: 1, unrecognised: 0 });
});
