// When so many devices arrive that somebody may be making addresses up.
import { expect, test } from 'vitest';
import { ArrivalRate } from '../../../src/status/facts/arrival-rate.js';
import { reportFor } from '../../outbox/trial-reports.js';

const PERIOD = 600_000;

function trial() {
  let nowMs = 0;
  const rate = new ArrivalRate(() => nowMs);
  return {
    rate,
    arrive(count: number) {
      for (let i = 0; i < count; i++) rate.onDecision({ settlement: 'reported', report: reportFor(i) });
    },
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

test('a place that was quiet may have a hundred in ten minutes; more is unusual, until ten minutes later', () => {
  const { rate, arrive, pass } = trial();
  arrive(100);
  expect(rate.unusual()).toBeNull();
  arrive(1);
  expect(rate.unusual()).toBe(101);
  pass(PERIOD);
  expect(rate.unusual()).toBe(101);
  pass(PERIOD);
  expect(rate.unusual()).toBeNull();
});

test('a busy place may have four times what it had within a week', () => {
  const { rate, arrive, pass } = trial();
  arrive(60);
  pass(3 * PERIOD);
  arrive(240);
  expect(rate.unusual()).toBeNull();
  arrive(1);
  expect(rate.unusual()).toBe(241);
  // What was unusual did not become usual.
  pass(2 * PERIOD);
  arrive(241);
  expect(rate.unusual()).toBe(241);
  // After a week nothing of it is known any more.
  pass(1_100 * PERIOD);
  arrive(101);
  expect(rate.unusual()).toBe(101);
});

test('recognised devices, and those that another sensor reports, do not count', () => {
  const { rate } = trial();
  for (let i = 0; i < 500; i++) {
    rate.onDecision({ settlement: 'recognised', report: null });
    rate.onDecision({ settlement: 'reported', report: null });
  }
  expect(rate.unusual()).toBeNull();
});
