import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sighting } from '../../src/decode/sighting.js';
import type { Visit } from '../../src/visits/visit.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const GAP = 900_000;
const SETTLE = 3_000;
const START = 1_790_000_000_000;
const MAC = 0x3c22fb000001;

interface Fact {
  readonly mac?: number;
  readonly ipv4?: number;
  readonly hostname?: string;
  readonly vlan?: number;
  readonly via?: 'arp' | 'dhcp';
  readonly parameterList?: readonly number[];
}

/** A tracker with what its listener heard, and one clock for event and steady time. */
function trial(options: { gapMs?: number; settleMs?: number } = {}) {
  const heard: { kind: 'active' | 'ended'; mac: number; sightings: number; hostname: string | null; atMs: number }[] =
    [];
  let nowMs = START;
  const note = (kind: 'active' | 'ended') => (visit: Visit) => {
    heard.push({ kind, mac: visit.mac, sightings: visit.sightings, hostname: visit.hostname, atMs: nowMs - START });
  };
  const tracker = new VisitTracker(
    { gapMs: GAP, settleMs: SETTLE, ...options },
    { onActive: note('active'), onEnded: note('ended') },
  );
  const sighting = new Sighting();
  return {
    tracker,
    heard,
    see(atMs: number, fact: Fact = {}) {
      nowMs = START + atMs;
      sighting.clear();
      sighting.mac = fact.mac ?? MAC;
      sighting.via = fact.via ?? 'arp';
      sighting.ipv4 = fact.ipv4 ?? 0;
      sighting.vlan = fact.vlan ?? 0;
      if (fact.hostname !== undefined) {
        const bytes = Buffer.from(fact.hostname);
        sighting.hostname.set(bytes, 0, bytes.length);
      }
      if (fact.parameterList !== undefined)
        sighting.parameterList.set(Uint8Array.from(fact.parameterList), 0, fact.parameterList.length);
      tracker.observe(sighting, nowMs, nowMs);
      tracker.advance(nowMs);
    },
    pass(toMs: number) {
      // Like a timer: each thing that is due happens at its own time.
      while (tracker.nextDueMs <= START + toMs) {
        nowMs = tracker.nextDueMs;
        tracker.advance(nowMs);
      }
      nowMs = START + toMs;
      tracker.advance(nowMs);
    },
  };
}

test('a burst is forwarded once, when it has settled, with all its facts', () => {
  const { see, pass, heard } = trial();
  see(0, { via: 'dhcp' });
  see(10, { via: 'dhcp', hostname: 'Annas-iPhone' });
  see(500, { ipv4: 0x0a000001 });
  pass(10_000);
  expect(heard).toEqual([{ kind: 'active', mac: MAC, sightings: 3, hostname: 'Annas-iPhone', atMs: SETTLE }]);
});

test('a device that waits for its address is waited for, once', () => {
  const { see, pass, heard } = trial();
  see(0, { via: 'dhcp', hostname: 'Annas-iPhone' });
  // dnsmasq tries the address for three seconds before it offers it.
  pass(3_020);
  see(3_020, { via: 'dhcp', ipv4: 0x0a000001 });
  pass(10_000);
  expect(heard).toMatchObject([{ kind: 'active', sightings: 2, atMs: 2 * SETTLE }]);
  see(20_000, { mac: 2, via: 'dhcp' });
  pass(30_000);
  expect(heard.at(-1)).toMatchObject({ mac: 2, atMs: 20_000 + 2 * SETTLE });
});

test('a device that stays busy is forwarded at most twice a minute', () => {
  const { see, pass, heard } = trial();
  for (let ms = 0; ms < 3_600_000; ms += 250) {
    pass(ms);
    see(ms);
  }
  expect(heard.filter(({ kind }) => kind === 'active').length).toBeLessThanOrEqual(121);
  expect(heard.some(({ kind }) => kind === 'ended')).toBe(false);
});

test('a new fact is forwarded after the settle time, without waiting for the next regular forwarding', () => {
  const { see, pass, heard } = trial();
  see(0);
  pass(5_000);
  see(5_000);
  see(6_000, { hostname: 'late' });
  pass(10_000);
  expect(heard.map(({ atMs }) => atMs)).toEqual([SETTLE, 6_000 + SETTLE]);
});

test('a device that shows new facts without end is still forwarded only now and then', () => {
  const { see, pass, heard } = trial();
  for (let second = 0; second < 600; second++) {
    pass(second * 1_000);
    see(second * 1_000, { hostname: `name-${second}` });
  }
  expect(heard.length).toBeLessThan(16 + 600 / 15);
});

test('the last sighting before a device falls silent is forwarded too, so that the register knows when the visit ended', () => {
  const { see, pass, heard } = trial();
  see(0);
  pass(10_000);
  see(10_000);
  pass(100_000);
  expect(heard.at(-1)).toMatchObject({ kind: 'active', sightings: 2, atMs: 40_000 });
});

test('a silence of exactly the gap is one visit, a longer one makes two', () => {
  const { see, heard, tracker } = trial();
  see(0);
  see(GAP);
  expect(tracker.size).toBe(1);
  expect(heard.some(({ kind }) => kind === 'ended')).toBe(false);
  see(GAP * 2 + 1);
  expect(heard.filter(({ kind }) => kind === 'ended')).toMatchObject([{ sightings: 2 }]);
});

test('a visit ends by itself once the gap is over, and is forgotten', () => {
  const { see, pass, heard, tracker } = trial();
  see(0);
  pass(GAP * 1.2);
  expect(heard.map(({ kind }) => kind)).toEqual(['active', 'ended']);
  expect(tracker.size).toBe(0);
  expect(tracker.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});

test('without a settle time a device is forwarded with its first frame', () => {
  const { see, heard } = trial({ settleMs: 0 });
  see(0);
  expect(heard).toMatchObject([{ kind: 'active', atMs: 0 }]);
});

test('a gap shorter than the regular forwarding does not tear a visit apart', () => {
  const { see, pass, heard } = trial({ gapMs: 10_000 });
  for (let second = 0; second <= 60; second += 2) {
    pass(second * 1_000);
    see(second * 1_000);
  }
  expect(heard.filter(({ kind }) => kind === 'active').length).toBeGreaterThan(60_000 / 10_000);
});

test('an earlier sighting that arrives late makes the visit begin earlier and ends nothing', () => {
  const { see, tracker } = trial();
  see(60_000);
  see(0);
  const [visit] = tracker.open();
  expect(visit).toMatchObject({ firstMs: START, lastMs: START + 60_000, sightings: 2 });
});

test('a wall clock that is set neither ends a visit nor begins another, nor makes it longer; the next one has the new time', () => {
  const ended: Visit[] = [];
  const tracker = new VisitTracker(
    { gapMs: GAP, settleMs: SETTLE },
    { onActive() {}, onEnded: (visit) => ended.push(visit) },
  );
  const sighting = new Sighting();
  sighting.mac = MAC;
  tracker.observe(sighting, START, 0.25);
  tracker.observe(sighting, START + 10 * GAP, 1_000.5);
  tracker.observe(sighting, START - 10 * GAP, 2_000.5);
  tracker.advance(3_000);
  expect(ended).toEqual([]);
  expect([...tracker.open()]).toMatchObject([{ sightings: 3, firstMs: START, lastMs: START + 2_000 }]);
  tracker.observe(sighting, START - 8 * GAP, 2 * GAP);
  expect(ended).toMatchObject([{ sightings: 3 }]);
  expect([...tracker.open()]).toMatchObject([{ sightings: 1, firstMs: START - 8 * GAP, lastMs: START - 8 * GAP }]);
});

test("a frame that waited in the kernel's buffer keeps the time at which it was captured", () => {
  const tracker = new VisitTracker({ gapMs: GAP, settleMs: SETTLE }, { onActive() {}, onEnded() {} });
  const sighting = new Sighting();
  sighting.mac = MAC;
  tracker.observe(sighting, START, 0);
  tracker.observe(sighting, START + 5_000, 30_000);
  expect([...tracker.open()]).toMatchObject([{ firstMs: START, lastMs: START + 5_000 }]);
});

test('a device that shows the host name of another open visit is tied to it, until that visit is over; neither is merged', () => {
  const { see, tracker } = trial();
  const kinOf = (mac: number) => [...tracker.open()].find((visit) => visit.mac === mac)?.kin;
  see(0, { mac: 1, hostname: 'Annas-Phone' });
  see(1, { mac: 2, hostname: 'Annas-Phone' });
  see(2, { mac: 3, hostname: 'Bens-Phone' });
  expect([kinOf(1), kinOf(2), kinOf(3)]).toEqual([null, { mac: 1, by: 'host name' }, null]);
  see(GAP + 10, { mac: 4, hostname: 'Bens-Phone' });
  expect(tracker.size).toBe(1);
  expect(kinOf(4)).toBeNull();
});

test('names that devices have from the factory tie nobody to anybody', () => {
  const { see, tracker } = trial();
  for (const [mac, hostname] of [
    [1, 'iPhone'],
    [2, 'iPhone'],
    [3, 'android-5f2c'],
    [4, 'android-5f2c'],
  ] as const)
    see(mac, { mac, hostname });
  expect([...tracker.open()].every(({ kin }) => kin === null)).toBe(true);
});

test('a visit knows what its device last asked of a DHCP server, and shares it with those that ask alike', () => {
  const { see, tracker } = trial();
  const listOf = (mac: number) => [...tracker.open()].find((visit) => visit.mac === mac)?.parameterList;
  see(0, { mac: 1 });
  expect(listOf(1)).toBeNull();
  see(1, { mac: 1, via: 'dhcp', hostname: 'Annas-Phone', parameterList: [1, 3, 6] });
  see(2, { mac: 2, via: 'dhcp', hostname: 'Bens-Phone', parameterList: [1, 3, 6] });
  expect(listOf(1)).toEqual([1, 3, 6]);
  expect(listOf(2)).toBe(listOf(1));
  // Other systems on one machine have other names for it.
  see(3, { mac: 1, via: 'dhcp', hostname: 'Annas-PC', parameterList: [1, 3, 6, 15] });
  see(4, { mac: 1, ipv4: 0x0a000001 });
  expect([listOf(1), listOf(2)]).toEqual([
    [1, 3, 6, 15],
    [1, 3, 6],
  ]);
});

test('what a device asks of a DHCP server is no news by itself', () => {
  const { see, pass, heard } = trial();
  see(0, { via: 'dhcp', hostname: 'Annas-Phone', ipv4: 0x0a000001 });
  pass(10_000);
  for (let code = 1; code <= 20; code++)
    see(10_000 + code, { via: 'dhcp', hostname: 'Annas-Phone', ipv4: 0x0a000001, parameterList: [code] });
  pass(20_000);
  expect(heard).toMatchObject([{ kind: 'active', sightings: 1 }]);
});

test('addresses are bounded, and settle-all and flush leave nothing unsaid', () => {
  const { see, tracker, heard } = trial();
  for (let address = 1; address <= 50; address++) see(address, { ipv4: address });
  tracker.forwardAll();
  expect(heard).toMatchObject([{ kind: 'active', sightings: 50 }]);
  const [visit] = tracker.open();
  expect(visit?.ipv4s.length).toBeLessThanOrEqual(8);
  tracker.flush();
  expect(heard.map(({ kind }) => kind)).toEqual(['active', 'ended']);
});

test('whatever the order of frames: each device has its maximal runs as visits, and none is forwarded after it ended', () => {
  const frame = fc.record({ wait: fc.integer({ min: 0, max: 2_000_000 }), device: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 60 }), (frames) => {
      const { see, pass, heard, tracker } = trial();
      const times = new Map<number, number[]>();
      let at = 0;
      for (const { wait, device } of frames) {
        at += wait;
        pass(at);
        see(at, { mac: device });
        times.set(device, [...(times.get(device) ?? []), at]);
      }
      tracker.flush();
      for (const [device, seen] of times) {
        const runs = seen.filter((time, index) => index === 0 || time - (seen[index - 1] ?? 0) > GAP).length;
        const story = heard.filter(({ mac }) => mac === device).map(({ kind }) => kind);
        expect(story.filter((kind) => kind === 'ended').length).toBe(runs);
        // Every end is preceded by news of that visit, and the last sighting of all is in the last news.
        expect(story.join(' ')).toMatch(/^((active ?)+ended ?)*$/);
      }
      expect(tracker.size).toBe(0);
    }),
  );
});

test('a listener may have another device forgotten while visits end, and see a third come', () => {
  const ended: number[] = [];
  const sighting = new Sighting();
  const see = (mac: number, atMs: number) => {
    sighting.clear();
    sighting.mac = mac;
    tracker.observe(sighting, atMs, atMs);
  };
  const tracker = new VisitTracker(
    { gapMs: GAP, settleMs: 0 },
    {
      onActive() {},
      onEnded(visit) {
        ended.push(visit.mac);
        if (visit.mac !== 1) return;
        tracker.forget(2);
        see(3, START + GAP + 1_000);
      },
    },
  );
  see(1, START);
  see(2, START);
  tracker.advance(START + GAP + 1_000);
  expect(ended).toEqual([1]);
  expect([...tracker.open()].map(({ mac }) => mac)).toEqual([3]);
});

test('a visit can be brought up to date between what the listener hears', () => {
  const { tracker, see } = trial();
  see(0);
  const [visit] = tracker.open();
  if (visit === undefined) throw new Error('no visit is open');
  see(1_000);
  expect([visit.lastMs, visit.sightings]).toEqual([START, 1]);
  tracker.update(visit);
  expect([visit.lastMs, visit.sightings]).toEqual([START + 1_000, 2]);
  tracker.flush();
  see(120_000);
  tracker.update(visit);
  expect(visit.sightings).toBe(2);
});
