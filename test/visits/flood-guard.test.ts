import { expect, test } from 'vitest';
import { FloodGuard } from '../../src/visits/flood-guard.js';

/** How many of `count` new devices are let in at `steadyMs`. */
function letIn(guard: FloodGuard, count: number, steadyMs: number, open = 0): number {
  return Array.from({ length: count }, () => guard.admits(steadyMs, open)).filter((admitted) => admitted).length;
}

test('a thousand devices may come at once, the next ones at the pace at which check-ins may be posted', () => {
  const guard = new FloodGuard(120);
  expect(letIn(guard, 5_000, 1_000_000)).toBe(1_000);
  expect(letIn(guard, 5_000, 1_000_000)).toBe(0);
  expect(letIn(guard, 5_000, 1_010_000)).toBe(20);
  expect(guard.refused).toBe(4_000 + 5_000 + 4_980);
});

test('however slowly check-ins may be posted, sixty new devices a minute are let in', () => {
  const guard = new FloodGuard(1);
  letIn(guard, 1_000, 0);
  expect(letIn(guard, 1_000, 60_000)).toBe(60);
});

test('after a flood the first new device is let in a second later, and the whole burst in time', () => {
  const guard = new FloodGuard(60);
  letIn(guard, 1_000_000, 0);
  expect(letIn(guard, 1, 1_000)).toBe(1);
  expect(letIn(guard, 5_000, 10_000_000)).toBe(1_000);
});

test('a flood is over a minute after the last refusal', () => {
  const guard = new FloodGuard(60);
  expect(guard.isHoldingBack(0)).toBe(false);
  letIn(guard, 1_001, 5_000);
  expect(guard.isHoldingBack(64_999)).toBe(true);
  expect(guard.isHoldingBack(65_000)).toBe(false);
});

test('no new device is let in while the outbox is full, or the table of visits', () => {
  const guard = new FloodGuard(60);
  guard.queued = 10_000;
  expect(letIn(guard, 10, 0)).toBe(0);
  expect(guard.isOutboxFull).toBe(true);
  guard.queued = 9_999;
  expect(letIn(guard, 10, 0)).toBe(10);
  expect(letIn(guard, 10, 0, 20_000)).toBe(0);
});
