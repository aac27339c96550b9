// Who is asked whether it is still here: on the tracker itself, in time that the tests make.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMac } from '../../src/addresses/mac-address.js';
import { Sighting } from '../../src/decode/sighting.js';
import { PROBE_EVERY_MS, SilentDevices } from '../../src/visits/silent-devices.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const MINUTE = 60_000;
const GAP_MS = 45 * MINUTE;
const IP = 0x0a00_0005;

interface Sent {
  readonly mac: string;
  readonly tries: number;
  readonly atMs: number;
}

/** Devices, a tracker, and who asks. Time goes in steps as short as those of the one who asks. */
class World {
  readonly sent: Sent[] = [];
  readonly ended: string[] = [];
  readonly tracker: VisitTracker;
  nowMs = 0;
  /** Whether a frame can be sent. */
  isLinkUp = true;
  isFlooded = false;
  private readonly silent: SilentDevices;
  private nextMs = 0;

  constructor(
    readonly gapMs = GAP_MS,
    isWanted?: (mac: string) => boolean,
  ) {
    this.tracker = new VisitTracker(
      { gapMs, settleMs: 0 },
      { onActive: () => {}, onEnded: (visit) => this.ended.push(formatMac(visit.mac)) },
    );
    this.silent = new SilentDevices(gapMs, this.tracker, ({ mac }) => isWanted?.(formatMac(mac)) ?? true);
  }

  /** A device shows itself. */
  see(mac: number, shown: { ipv4?: number; vlan?: number } = {}): void {
    const sighting = new Sighting();
    sighting.mac = mac;
    sighting.ipv4 = shown.ipv4 ?? IP;
    sighting.vlan = shown.vlan ?? 0;
    this.tracker.observe(sighting, this.nowMs, this.nowMs);
  }

  /** Lets time pass as `pipeline/probing.ts` does. */
  pass(ms: number, onSent: (sent: Sent, mac: number) => void = () => {}): void {
    const endMs = this.nowMs + ms;
    for (; this.nextMs <= endMs; ) {
      this.nowMs = Math.max(this.nowMs, this.nextMs);
      this.tracker.advance(this.nowMs);
      const isSent =
        !this.isFlooded &&
        this.silent.ask(this.nowMs, ({ mac }, tries) => {
          if (!this.isLinkUp) return false;
          const sent = { mac: formatMac(mac), tries, atMs: this.nowMs };
          this.sent.push(sent);
          onSent(sent, mac);
          return true;
        });
      this.nextMs = this.nowMs + (isSent ? PROBE_EVERY_MS : this.silent.lookEveryMs);
    }
    this.nowMs = endMs;
    this.tracker.advance(endMs);
  }
}

const A = 0x3c22fb000001;
const B = 0x3c22fb000002;
const [a, b] = [formatMac(A), formatMac(B)];

test('a device is asked when it was silent for a third of the gap, three times with two seconds between', () => {
  const world = new World();
  world.see(A);
  world.pass(15 * MINUTE - 1);
  expect(world.sent).toEqual([]);
  world.pass(GAP_MS);
  expect(world.sent.map(({ mac, tries }) => [mac, tries])).toEqual([0, 1, 2].map((tries) => [a, tries]));
  const [first = 0, second = 0, third = 0] = world.sent.map(({ atMs }) => atMs);
  expect(first).toBeGreaterThanOrEqual(15 * MINUTE);
  expect(first).toBeLessThan(15 * MINUTE + 2_000);
  expect(second - first).toBeGreaterThanOrEqual(2_000);
  expect(third - second).toBeGreaterThanOrEqual(2_000);
  expect(third - first).toBeLessThan(7_000);
  // Nobody answered: it has left.
  expect(world.ended).toEqual([a]);
});

test('an answer ends the questions and keeps the visit; the next silence is asked into anew', () => {
  const world = new World();
  world.see(A);
  world.pass(5 * GAP_MS, ({ tries }, mac) => {
    if (tries === 1) world.see(mac);
  });
  expect(world.ended).toEqual([]);
  expect(world.tracker.size).toBe(1);
  // Two questions in each third of a gap, the second of which is answered.
  expect(world.sent.map(({ tries }) => tries)).toEqual(world.sent.map((_, index) => index % 2));
  expect(world.sent.length).toBeGreaterThan(20);
});

test('a keep-alive is as good as an answer', () => {
  const world = new World();
  world.see(A);
  for (let minutes = 10; minutes <= 120; minutes += 10) {
    world.pass(10 * MINUTE);
    world.tracker.keepAlive(A, world.nowMs, world.nowMs);
  }
  expect(world.sent).toEqual([]);
});

test('nobody is asked who is in no visit, has shown no address, is behind a tag, or does not matter', () => {
  const world = new World(GAP_MS, (mac) => mac !== b);
  world.see(A, { ipv4: 0 });
  world.see(B);
  world.see(B + 1, { vlan: 30 });
  world.see(B + 2);
  world.tracker.forget(B + 2);
  world.pass(2 * GAP_MS);
  expect(world.sent).toEqual([]);
});

test('an IPv6 address alone is enough', () => {
  const world = new World();
  const sighting = new Sighting();
  sighting.mac = A;
  sighting.via = 'ndp';
  sighting.ipv6.set(Uint8Array.from([0xfe, 0x80, ...Array<number>(13).fill(0), 1]), 0, 16);
  world.tracker.observe(sighting, 0, 0);
  world.pass(GAP_MS);
  expect(world.sent).toHaveLength(3);
});

test('what could not be sent does not count: the device is asked when it can be', () => {
  const world = new World();
  world.see(A);
  world.isLinkUp = false;
  world.pass(20 * MINUTE);
  expect(world.sent).toEqual([]);
  world.isLinkUp = true;
  world.pass(10 * MINUTE);
  expect(world.sent.map(({ tries }) => tries)).toEqual([0, 1, 2]);
});

test('who was due in a flood is asked after it', () => {
  const world = new World();
  world.see(A);
  world.isFlooded = true;
  world.pass(30 * MINUTE);
  expect(world.sent).toEqual([]);
  world.isFlooded = false;
  world.pass(MINUTE);
  expect(world.sent).toHaveLength(3);
});

test('two thousand devices that fall silent together are all asked in time, one after the other', () => {
  const world = new World();
  const macs = Array.from({ length: 2_000 }, (_, index) => A + index);
  for (const mac of macs) world.see(mac);
  world.pass(2 * GAP_MS, ({ tries }, mac) => {
    if (tries === 2) world.see(mac);
  });
  expect(world.ended).toEqual([]);
  expect(new Set(world.sent.map(({ mac }) => mac)).size).toBe(2_000);
  expect(mostInASecond(world.sent)).toBeLessThanOrEqual(20);
});

/** Frames in any second. */
function mostInASecond(sent: readonly Sent[]): number {
  let [most, from] = [0, 0];
  sent.forEach(({ atMs }, index) => {
    while ((sent[from]?.atMs ?? 0) <= atMs - 1_000) from++;
    most = Math.max(most, index - from + 1);
  });
  return most;
}

const HABITS = fc.record({
  gapMs: fc.integer({ min: 1_000, max: GAP_MS }),
  /** How long until each next event, as a part of the gap; which device; what it does. */
  events: fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      fc.integer({ min: 0, max: 60 }),
      fc.constantFrom(
        ...['sighting', 'sighting', 'all sighted', 'keep-alive', 'forgotten'],
        ...['flood', 'flood over', 'link down', 'link up'],
      ),
    ),
    { minLength: 1, maxLength: 60 },
  ),
  /** Of 61 devices, which answer at which try. */
  answers: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 61, maxLength: 61 }),
});

test('whatever devices do: at most 20 frames a second, three in a silence two seconds apart, none in a flood, none to the absent', () => {
  fc.assert(
    fc.property(HABITS, ({ gapMs, events, answers }) => {
      const world = new World(gapMs);
      const heardMs = new Map<number, number>();
      const hear = (mac: number) => heardMs.set(mac, world.nowMs);
      const askedMs = new Map<number, number[]>();
      const onSent = ({ tries, atMs }: Sent, mac: number) => {
        expect(world.isFlooded).toBe(false);
        expect(world.tracker.has(mac)).toBe(true);
        const lastHeardMs = heardMs.get(mac) ?? Number.NaN;
        expect(atMs - lastHeardMs).toBeGreaterThanOrEqual(gapMs / 3);
        expect(atMs - lastHeardMs).toBeLessThanOrEqual(gapMs);
        const before = (askedMs.get(mac) ?? []).filter((ms) => ms > lastHeardMs);
        // Never two questions to one device at once.
        expect(before).toHaveLength(tries);
        expect(tries).toBeLessThan(3);
        if (before.length > 0) expect(atMs - (before.at(-1) ?? 0)).toBeGreaterThanOrEqual(2_000);
        askedMs.set(mac, [...before, atMs]);
        if (answers[mac - A] === tries) {
          world.see(mac);
          hear(mac);
        }
      };
      for (const [part, device, what] of events) {
        world.pass(Math.round(part * gapMs), onSent);
        const mac = A + device;
        if (what === 'sighting') {
          world.see(mac);
          hear(mac);
        } else if (what === 'all sighted') {
          for (let other = A; other < A + answers.length; other++) {
            world.see(other);
            hear(other);
          }
        } else if (what === 'keep-alive') {
          if (world.tracker.keepAlive(mac, world.nowMs, world.nowMs)) hear(mac);
        } else if (what === 'forgotten') world.tracker.forget(mac);
        else if (what.startsWith('flood')) world.isFlooded = what === 'flood';
        else world.isLinkUp = what === 'link up';
      }
      expect(mostInASecond(world.sent)).toBeLessThanOrEqual(20);
    }),
    { numRuns: 150 },
  );
});
