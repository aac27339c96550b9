// The table of open visits does what a Map would do, through growing, removing and using rows again.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Visit } from '../../src/visits/visit.js';
import { ABSENT, DUE_MS, LAST_MS, VisitTable } from '../../src/visits/visit-table.js';

/** Addresses that differ in their high or in their low octets only, some of them many times in a row. */
const mac = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 40 }).map((high) => high * 2 ** 32),
  fc.integer({ min: 1, max: 2 ** 48 - 2 }),
);

test('it finds what was added and not removed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), mac, fc.nat()), { maxLength: 300 }), (steps) => {
      const table = new VisitTable();
      const model = new Map<number, { visit: Visit; lastMs: number }>();
      for (const [isToBeThere, address, lastMs] of steps) {
        const row = table.find(address);
        expect(row !== ABSENT).toBe(model.has(address));
        if (isToBeThere && row === ABSENT) {
          const visit = new Visit(address, 0);
          const added = table.add(visit);
          expect([table.get(added, LAST_MS), table.knows(added, 7)]).toEqual([0, false]);
          expect([table.lastKeepAliveMs(added), table.keepAlives(added)]).toEqual([0, 0]);
          table.set(added, LAST_MS, lastMs);
          table.keepAlive(added, lastMs + 2);
          table.keepAlive(added, lastMs + 1);
          model.set(address, { visit, lastMs });
        } else if (!isToBeThere && row !== ABSENT) {
          table.remove(row);
          model.delete(address);
          // Whoever still has the row in a queue sees that nothing is due.
          expect(table.get(row, DUE_MS)).toBe(Number.POSITIVE_INFINITY);
          expect(() => table.visitIn(row)).toThrow(RangeError);
        }
        expect(table.size).toBe(model.size);
      }
      for (const [address, { visit, lastMs }] of model) {
        const row = table.find(address);
        expect([table.visitIn(row), table.get(row, LAST_MS)]).toEqual([visit, lastMs]);
        expect([table.lastKeepAliveMs(row), table.keepAlives(row)]).toEqual([lastMs + 2, 2]);
      }
      const open = [...table.rows()].map((row) => table.visitIn(row).mac);
      expect(open.sort()).toEqual([...model.keys()].sort());
    }),
  );
});

test('it grows to many thousands, and rows keep what they have', () => {
  const table = new VisitTable();
  for (let device = 1; device <= 5_000; device++) {
    const row = table.add(new Visit(device * 0x1_0001_0001, 0));
    table.set(row, LAST_MS, device);
    table.learn(row, device);
    table.keepAlive(row, device);
  }
  for (let device = 1; device <= 5_000; device++) {
    const row = table.find(device * 0x1_0001_0001);
    expect([table.get(row, LAST_MS), table.knows(row, device), table.knows(row, device + 1)]).toEqual([
      device,
      true,
      false,
    ]);
    expect([table.lastKeepAliveMs(row), table.keepAlives(row)]).toEqual([device, 1]);
  }
});

test('of more facts than there is room for, the oldest are forgotten; all at once when told to', () => {
  const table = new VisitTable();
  const [row, other] = [table.add(new Visit(1, 0)), table.add(new Visit(2, 0))];
  table.learn(other, 99);
  for (let facts = 1; facts <= 10; facts++) table.learn(row, facts);
  const known = () => Array.from({ length: 10 }, (_, index) => table.knows(row, index + 1));
  expect(known()).toEqual([false, false, true, true, true, true, true, true, true, true]);
  table.forgetFacts(row);
  expect(known()).toEqual(new Array(10).fill(false));
  expect(table.knows(other, 99)).toBe(true);
  expect(table.get(other, LAST_MS)).toBe(0);
});
