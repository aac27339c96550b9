// The life of a visit as a state machine: every state, what moves it, and what it has to do then.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CaseAction,
  type CaseEvent,
  type CaseState,
  isExpendable,
  isUnsettled,
  step,
} from '../../src/pipeline/visit-case.js';

const NEWS: CaseEvent = { kind: 'news' };
const DEPARTED: CaseEvent = { kind: 'departed' };
const FAILED: CaseEvent = { kind: 'failed' };
const PENDING: CaseEvent = { kind: 'registered', settlement: null };
const REPORTED: CaseEvent = { kind: 'registered', settlement: 'reported' };
const HELD: CaseEvent = { kind: 'held' };
const DROPPED: CaseEvent = { kind: 'dropped' };

/** The state after these events, and what was to be done at each. */
function live(...events: readonly CaseEvent[]): { state: CaseState; actions: CaseAction[] } {
  let state: CaseState = { kind: 'new' };
  const actions: CaseAction[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    actions.push(next.action);
  }
  return { state, actions };
}

test('a visit is registered, settled, and closed when its device has left', () => {
  const { state, actions } = live(NEWS, REPORTED, DEPARTED);
  expect(state).toEqual({ kind: 'over' });
  expect(actions).toEqual(['register', 'nothing', 'close']);
});

test('news that come while the register is asked are registered afterwards, once', () => {
  expect(live(NEWS, NEWS, NEWS, REPORTED).actions).toEqual(['register', 'nothing', 'nothing', 'register']);
  expect(live(NEWS, NEWS, REPORTED, REPORTED).state).toEqual({ kind: 'settled', settlement: 'reported' });
});

test('a visit that ends while the register is asked is closed as soon as it is settled', () => {
  expect(live(NEWS, DEPARTED, REPORTED).actions).toEqual(['register', 'nothing', 'close']);
});

test('a visit without a directory waits, also when its device has left, and is registered once more when there is one', () => {
  const { state } = live(NEWS, PENDING, DEPARTED);
  expect(state).toEqual({ kind: 'waiting', waitsFor: 'directory', settlement: null, hasDeparted: true });
  expect([isUnsettled(state), isExpendable(state)]).toEqual([true, true]);
  expect(live(NEWS, PENDING, DEPARTED, NEWS, REPORTED).actions.slice(-2)).toEqual(['register', 'close']);
});

test('after a failure a visit waits to be retried; it cannot be given up while its device is here', () => {
  const { state, actions } = live(NEWS, FAILED);
  expect(state).toMatchObject({ kind: 'waiting', waitsFor: 'retry' });
  expect(actions).toEqual(['register', 'retry-later']);
  expect(isExpendable(state)).toBe(false);
});

test('a visit whose time cannot be relied on waits for the clock, also when its device has left', () => {
  const { state, actions } = live(NEWS, HELD, NEWS, HELD, DEPARTED);
  expect(state).toEqual({ kind: 'waiting', waitsFor: 'clock', settlement: null, hasDeparted: true });
  expect(actions).toEqual(['register', 'nothing', 'register', 'nothing', 'nothing']);
  expect([isUnsettled(state), isExpendable(state)]).toEqual([true, true]);
  expect(live(NEWS, HELD, DEPARTED, NEWS, REPORTED).actions.slice(-2)).toEqual(['register', 'close']);
});

test('a settled visit that fails to be registered again stays settled in what it knows', () => {
  expect(live(NEWS, REPORTED, NEWS, FAILED).state).toMatchObject({ kind: 'waiting', settlement: 'reported' });
});

test('a visit that was dropped while the register was asked is not closed, nor registered, by the late answer', () => {
  expect(live(NEWS, NEWS, DROPPED, REPORTED, NEWS, DEPARTED).actions.slice(2)).toEqual([
    'nothing',
    'nothing',
    'nothing',
    'nothing',
  ]);
});

test('whatever comes, a visit is closed at most once, and is never forgotten while it waits for something', () => {
  const event = fc.constantFrom(NEWS, DEPARTED, FAILED, HELD, PENDING, REPORTED, DROPPED);
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const { state, actions } = live(...events);
      expect(actions.filter((action) => action === 'close').length).toBeLessThanOrEqual(1);
      if (actions.includes('close')) expect(state.kind).toBe('over');
      if (state.kind === 'registering') expect(actions).toContain('register');
    }),
  );
});
