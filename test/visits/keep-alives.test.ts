// A keep-alive says only that a device is still here: it prolongs an open visit, and nothing else.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sighting } from '../../src/decode/sighting.js';
import type { Visit } from '../../src/visits/visit.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const GAP = 900_000;
const SETTLE = 3_000;
const HOLD = 30_000;
const START = 1_790_000_000_000;
const MAC = 0x3c22fb000001;

/** A tracker with what its listener heard, and one clock for event and steady time. */
function trial() {
  const heard: string[] = [];
  let nowMs = START;
  const note = (kind: string) => (visit: Visit) => heard.push(`${nowMs - START} ${kind} ${visit.mac}`);
  const tracker = new VisitTracker(
    { gapMs: GAP, settleMs: SETTLE },
    { onActive: note('active'), onEnded: note('ended') },
  );
  const sighting = new Sighting();
  /** Like a timer: each thing that is due happens at its own time. */
  const pass = (toMs: number) => {
    while (tracker.nextDueMs <= START + toMs) {
      nowMs = tracker.nextDueMs;
      tracker.advance(nowMs);
    }
    nowMs = START + toMs;
  };
  return {
    tracker,
    heard,
    pass,
    see(atMs: number, mac = MAC) {
      pass(atMs);
      sighting.clear();
      sighting.mac = mac;
      tracker.observe(sighting, nowMs, nowMs);
    },
    alive(atMs: number, mac = MAC): boolean {
      pass(atMs);
      return tracker.keepAlive(mac, nowMs, nowMs);
    },
    visit(mac = MAC): Visit | undefined {
      return [...tracker.open()].find((visit) => visit.mac === mac);
    },
  };
}

test('a visit goes on for as long as keep-alives come, and ends a gap after the last one', () => {
  const { see, alive, pass, visit, heard, tracker } = trial();
  see(0);
  for (let times = 1; times <= 40; times++) expect(alive(times * 720_000)).toBe(true);
  expect(visit()).toMatchObject({
    firstMs: START,
    lastSightingMs: START,
    lastMs: START + 8 * 3_600_000,
    sightings: 1,
    keepAlives: 40,
  });
  pass(8 * 3_600_000 + GAP);
  expect(tracker.size).toBe(1);
  pass(8 * 3_600_000 + GAP * 1.2);
  expect([tracker.size, heard.at(-1)?.split(' ').slice(1)]).toEqual([0, ['ended', `${MAC}`]]);
});

test('a keep-alive begins no visit, and leaves nothing behind', () => {
  const { alive, heard, tracker } = trial();
  for (let device = 1; device <= 1_000; device++) expect(alive(device, device)).toBe(false);
  expect([tracker.size, tracker.nextDueMs, heard]).toEqual([0, Number.POSITIVE_INFINITY, []]);
});

test('after the gap a keep-alive ends the visit and begins none; a silence of exactly the gap is none', () => {
  const tracker = new VisitTracker(
    { gapMs: GAP, settleMs: 0 },
    { onActive() {}, onEnded: ({ lastMs }) => ended.push(lastMs) },
  );
  const ended: number[] = [];
  const sighting = new Sighting();
  sighting.mac = MAC;
  tracker.observe(sighting, START, 0);
  expect(tracker.keepAlive(MAC, START + GAP, GAP)).toBe(true);
  expect(tracker.keepAlive(MAC, START + 2 * GAP + 1, 2 * GAP + 1)).toBe(false);
  expect([tracker.size, ended]).toEqual([0, [START + GAP]]);
});

test('a sighting after keep-alives belongs to the same visit', () => {
  const { see, alive, visit } = trial();
  see(0);
  alive(GAP - 1);
  see(2 * GAP - 2);
  alive(2 * GAP - 1);
  expect(visit()).toMatchObject({
    firstMs: START,
    lastSightingMs: START + 2 * GAP - 2,
    lastMs: START + 2 * GAP - 1,
    sightings: 2,
    keepAlives: 2,
  });
});

test('the listener hears of a visit as seldom as from sightings without news, and of the last keep-alive too', () => {
  const { see, alive, pass, heard } = trial();
  see(0);
  for (let ms = 100; ms <= 3_600_000; ms += 100) alive(ms);
  expect(heard.length).toBeLessThanOrEqual(1 + 3_600_000 / HOLD);
  expect(heard.length).toBeGreaterThan(100);
  const before = heard.length;
  pass(3_600_000 + HOLD);
  expect(heard.length).toBe(before + 1);
  pass(3_600_000 + GAP);
  expect(heard.length).toBe(before + 1);
});

test('keep-alives do not hold up the news of a burst', () => {
  const { see, alive, heard } = trial();
  see(0);
  for (let ms = 100; ms <= SETTLE; ms += 100) alive(ms);
  expect(heard).toEqual([`${SETTLE} active ${MAC}`]);
});

test('a keep-alive that arrives late moves no time back', () => {
  const { see, tracker, visit } = trial();
  see(60_000);
  tracker.keepAlive(MAC, START + 61_000, START + 62_000);
  tracker.keepAlive(MAC, START, START + 62_000);
  expect(visit()).toMatchObject({
    firstMs: START + 60_000,
    lastSightingMs: START + 60_000,
    lastMs: START + 61_000,
    keepAlives: 2,
  });
});

test('a wall clock that is set neither ends a visit nor makes it longer', () => {
  const tracker = new VisitTracker({ gapMs: GAP, settleMs: SETTLE }, { onActive() {}, onEnded() {} });
  const sighting = new Sighting();
  sighting.mac = MAC;
  tracker.observe(sighting, START, 0);
  expect(tracker.keepAlive(MAC, START + 10 * GAP, 1_000)).toBe(true);
  expect(tracker.keepAlive(MAC, START - 10 * GAP, 2_000)).toBe(true);
  expect([...tracker.open()]).toMatchObject([{ firstMs: START, lastMs: START + 2_000, keepAlives: 2 }]);
});

test('a visit that follows another starts without keep-alives', () => {
  const { see, alive, visit } = trial();
  see(0);
  alive(1_000);
  see(3 * GAP);
  expect(visit()).toMatchObject({ firstMs: START + 3 * GAP, lastMs: START + 3 * GAP, keepAlives: 0 });
});

test('whatever the order: visits are the runs of sightings and keep-alives that begin with a sighting', () => {
  const frame = fc.record({
    wait: fc.integer({ min: 0, max: 2_000_000 }),
    device: fc.integer({ min: 1, max: 3 }),
    isSighting: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 60 }), (frames) => {
      const { see, alive, heard, tracker } = trial();
      const lastMs = new Map<number, number>();
      const visits = new Map<number, number>();
      let at = 0;
      for (const { wait, device, isSighting } of frames) {
        at += wait;
        const isOpen = at - (lastMs.get(device) ?? Number.NEGATIVE_INFINITY) <= GAP;
        if (isSighting) see(at, device);
        else expect(alive(at, device)).toBe(isOpen);
        if (isSighting && !isOpen) visits.set(device, (visits.get(device) ?? 0) + 1);
        if (isSighting || isOpen) lastMs.set(device, at);
      }
      for (const { mac, lastMs: last } of tracker.open()) expect(last).toBe(START + (lastMs.get(mac) ?? 0));
      tracker.flush();
      for (const device of [1, 2, 3]) {
        const ended = heard.filter((line) => line.endsWith(`ended ${device}`));
        expect(ended.length).toBe(visits.get(device) ?? 0);
      }
      expect(tracker.size).toBe(0);
    }),
  );
});

test('a keep-alive costs no object: at most its two arguments are boxed, where V8 does not inline the call', () => {
  const tracker = new VisitTracker({ gapMs: GAP, settleMs: SETTLE }, { onActive() {}, onEnded() {} });
  const sighting = new Sighting();
  const macs = Array.from({ length: 2_000 }, (_, i) => MAC + i);
  for (const mac of macs) {
    sighting.mac = mac;
    tracker.observe(sighting, START, 0.5);
  }
  const CALLS = 20_000;
  let index = 0;
  const octetsACall = () => {
    const before = process.memoryUsage().heapUsed;
    for (let call = 0; call < CALLS; call++, index++) {
      tracker.keepAlive(macs[index % macs.length] ?? 0, START + index / 50, 0.5 + index / 50);
    }
    return (process.memoryUsage().heapUsed - before) / CALLS;
  };
  // The first rounds compile the code. In a few of the others the garbage is collected.
  const rounds = Array.from({ length: 41 }, octetsACall).slice(-11);
  const median = rounds.sort((a, b) => a - b)[5] ?? Number.NaN;
  expect(Math.abs(median)).toBeLessThanOrEqual(32);
});

test('when the clock is put right, the last sign of life moves with the visit', () => {
  const { see, alive, visit, tracker } = trial();
  see(0);
  alive(60_000);
  tracker.shiftTimes(86_400_000, []);
  expect(visit()).toMatchObject({
    firstMs: START + 86_400_000,
    lastSightingMs: START + 86_400_000,
    lastMs: START + 86_400_000 + 60_000,
  });
});
