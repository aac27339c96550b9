// Asking silent devices at its pace, with timers that the test moves.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Probe } from '../../src/capture/probe.js';
import { Sighting } from '../../src/decode/sighting.js';
import { Probing } from '../../src/pipeline/probing.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { SilentDevices } from '../../src/visits/silent-devices.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const GAP_MS = 45 * 60_000;
const FIRST = 0x3c22fb000001;

let tracker: VisitTracker;
let guard: FloodGuard;
let probing: Probing;
let sent: { readonly probe: Probe; readonly atMs: number }[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  sent = [];
  guard = new FloodGuard(60);
  tracker = new VisitTracker({ gapMs: GAP_MS, settleMs: 0 }, { onActive: () => {}, onEnded: () => {} });
  probing = new Probing({
    silent: new SilentDevices(GAP_MS, tracker),
    guard,
    steadyMs: () => performance.now(),
    probe: (probe) => sent.push({ probe, atMs: performance.now() }) > 0,
  });
  probing.start();
});
afterEach(() => {
  probing.stop();
  vi.useRealTimers();
});

function see(mac: number, heardOn = 0): void {
  const sighting = new Sighting();
  sighting.heardOn = heardOn;
  sighting.mac = mac;
  sighting.ipv4 = 0x0a000005;
  tracker.observe(sighting, Date.now(), performance.now());
}

/** More new devices at once than the guard lets in. */
function flood(): void {
  while (guard.admits(performance.now(), 0));
}

test('who is due is asked for the addresses it has shown, one frame at a time', () => {
  for (let device = 0; device < 100; device++) see(FIRST + device);
  vi.advanceTimersByTime(GAP_MS / 3 - 1);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(sent[0]?.probe).toEqual({ mac: FIRST, ipv4s: [0x0a000005], ipv6s: [], heardOn: 0, earlier: 0 });
  expect(sent).toHaveLength(300);
  const gaps = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThan(1_000 / 20);
});

test('the question says on which interfaces the device was sighted, those without news included', () => {
  for (const bit of [2, 2, 8]) see(FIRST, bit);
  see(FIRST + 1, 4);
  vi.advanceTimersByTime(GAP_MS / 3 + 1_000);
  expect(sent.map(({ probe }) => [probe.mac, probe.heardOn])).toEqual([
    [FIRST, 10],
    [FIRST + 1, 4],
  ]);
});

test('nobody is asked in a flood; who was due is asked when it is over', () => {
  see(FIRST);
  vi.advanceTimersByTime(GAP_MS / 3 - 10_000);
  flood();
  expect(guard.isHoldingBack(performance.now())).toBe(true);
  vi.advanceTimersByTime(30_000);
  flood();
  vi.advanceTimersByTime(59_000);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(sent).toHaveLength(3);
});

test('nobody is asked after the end', () => {
  see(FIRST);
  vi.advanceTimersByTime(GAP_MS / 3 - 1);
  probing.stop();
  vi.advanceTimersByTime(GAP_MS);
  expect(sent).toEqual([]);
});
