// What the page says became of a failed check-in, from what this sensor heard and what lies in the outbox.
import { beforeEach, expect, test, vi } from 'vitest';
import type { OutboxItem } from '../../../src/outbox/outbox.js';
import type { VisitRecord } from '../../../src/pipeline/record.js';
import { type OutboxListing, ReportStates } from '../../../src/status/facts/report-state.js';
import { Visit } from '../../../src/visits/visit.js';
import { reportFor } from '../../outbox/trial-reports.js';

const MAC = 0x3c22fb000001;
const START_MS = Date.parse('2025-01-15T10:30:00Z');
const ID = `77-3c22fb000001-${START_MS}`;
const report = { ...reportFor(1), id: ID, mac: MAC, startMs: START_MS };

let states: ReportStates;
let record: VisitRecord;
beforeEach(() => {
  states = new ReportStates({ businessId: 77, retentionMs: 86_400_000, isDryRun: false });
  record = {
    visit: new Visit(MAC, START_MS),
    startMs: START_MS,
    decision: { kind: 'unrecognised', reason: 'nobody registered this address', hint: null, owner: null },
    settlement: 'reported',
    report,
  };
});

/** The outbox, listed a moment later. */
function listing(items: readonly Partial<OutboxItem>[], more: Partial<OutboxListing> = {}): OutboxListing {
  const all = items.map((item): [string, OutboxItem] => [
    ID,
    { id: ID, state: 'waiting', addedMs: START_MS, attempts: 1, reason: null, report, ...item },
  ]);
  return { items: new Map(all), before: new Map(), isComplete: true, askedMs: performance.now() + 1, ...more };
}

test.each(['recognised', 'ignored', 'spaced', null] as const)(
  'a visit that is settled as %s has no report',
  (settlement) => {
    expect(states.of({ ...record, settlement }, listing([])).state).toBe('none');
  },
);

test('nothing is said to be delivered in a dry run', () => {
  states = new ReportStates({ businessId: 77, retentionMs: 86_400_000, isDryRun: true });
  states.onDecision(record);
  expect(states.of(record, listing([])).state).toBe('dry-run');
});

test('it waits, is put back with a reason, and is posted', () => {
  states.onDecision(record);
  expect(states.of(record, null).state).toBe('waiting');
  states.onOutcome({ id: ID }, { kind: 'put-back', reason: 'odd answer' });
  expect(states.of(record, listing([{ state: 'delayed' }]))).toMatchObject({ state: 'waiting', reason: 'odd answer' });
  states.onOutcome({ id: ID }, { kind: 'posted', recordId: 9 });
  expect(states.of(record, listing([{ state: 'active' }]))).toMatchObject({ state: 'posted', recordId: 9 });
});

test('an outcome that is quicker than the register is not forgotten', () => {
  states.onOutcome({ id: ID }, { kind: 'found', recordId: 9 });
  states.onDecision(record);
  expect(states.of(record, listing([]))).toMatchObject({ state: 'posted', recordId: 9 });
});

test('a refused one is refused until somebody retries it, here or elsewhere', () => {
  states.onDecision(record);
  states.onOutcome({ id: ID }, { kind: 'refused', reason: 'no such location' });
  expect(states.of(record, null)).toMatchObject({ state: 'refused', reason: 'no such location' });
  expect(states.of(record, listing([{ state: 'failed', reason: 'no such location' }])).state).toBe('refused');
  expect(states.of(record, listing([{ state: 'waiting' }])).state).toBe('waiting');
});

test('what another sensor delivered, or this one before it started again, was handed over', () => {
  expect(states.of(record, null).state).toBe('handed-over');
  states.onDecision(record);
  expect(states.of(record, listing([])).state).toBe('handed-over');
});

test('one that moves while the outbox is listed, or that was listed before it was added, still waits', () => {
  states.onDecision(record);
  expect(states.of(record, listing([], { before: listing([{}]).items })).state).toBe('waiting');
  expect(states.of(record, listing([], { askedMs: 0 })).state).toBe('waiting');
  expect(states.of(record, listing([], { isComplete: false })).state).toBe('waiting');
});

test('a pause is told until something else happens', () => {
  states.onOutcome({ id: ID }, { kind: 'pause', ms: 1_000, reason: 'asked to slow down' });
  expect(states.pauseReason).toBe('asked to slow down');
  states.onOutcome({ id: ID }, { kind: 'not-needed', reason: 'registered by Ana' });
  expect(states.pauseReason).toBeNull();
  expect(states.of(record, null)).toMatchObject({ state: 'not-needed', reason: 'registered by Ana' });
});

test('nothing is remembered of a visit that is over, nor of any for longer than the retention, nor of too many', () => {
  states.onOutcome({ id: ID }, { kind: 'posted', recordId: 9 });
  states.onEnded(record);
  expect(states.of(record, null).state).toBe('handed-over');

  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    states.onOutcome({ id: ID }, { kind: 'posted', recordId: 9 });
    vi.advanceTimersByTime(86_400_001);
    states.onOutcome({ id: 'another' }, { kind: 'posted', recordId: 10 });
    expect(states.of(record, null).state).toBe('handed-over');
    states.onOutcome({ id: ID }, { kind: 'posted', recordId: 9 });
    for (let n = 0; n < 20_000; n++) states.onOutcome({ id: `${n}` }, { kind: 'posted', recordId: n });
    expect(states.of(record, null).state).toBe('handed-over');
  } finally {
    vi.useRealTimers();
  }
});
