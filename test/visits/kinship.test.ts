// Who is tied to whom: one phone with a new address, most likely.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { macDigits } from '../../src/addresses/mac-address.js';
import { Sighting, type Span } from '../../src/decode/sighting.js';
import type { Kin, Visit } from '../../src/visits/visit.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const GAP = 900_000;
const PHONE = 0x3c22fb000001;
const PRIVATE = 0xda1119000001;
const OTHER = 0xda1119000002;

/** RFC 2132 section 9.14: type Ethernet, then the address. */
const hardwareId = (mac: number) => Buffer.from(`01${macDigits(mac)}`, 'hex');
const DUID = Buffer.from('ff00000001000102', 'hex');

function put(span: Span, bytes: Uint8Array): void {
  span.set(bytes, 0, bytes.length);
}

interface Shown {
  readonly clientId?: Uint8Array;
  readonly hostname?: string;
  readonly vlan?: number;
}

/** A tracker to show devices to; `kinOf` says what it knows of one. */
function trial() {
  const tracker = new VisitTracker({ gapMs: GAP, settleMs: 0 }, { onActive() {}, onEnded() {} });
  return {
    see(atMs: number, mac: number, { clientId, hostname, vlan = 0 }: Shown = {}) {
      const sighting = new Sighting();
      sighting.mac = mac;
      sighting.vlan = vlan;
      sighting.via = clientId === undefined && hostname === undefined ? 'arp' : 'dhcp';
      if (clientId !== undefined) put(sighting.clientId, clientId);
      if (hostname !== undefined) put(sighting.hostname, Buffer.from(hostname));
      tracker.observe(sighting, atMs, atMs);
    },
    pass: (toMs: number) => tracker.advance(toMs),
    visits: (): Visit[] => [...tracker.open()],
    kinOf: (mac: number): Kin | null | undefined => [...tracker.open()].find((visit: Visit) => visit.mac === mac)?.kin,
  };
}

test('a device that shows the address of one that has just been here is tied to it', () => {
  const { see, kinOf } = trial();
  see(0, PHONE);
  see(1_000, PRIVATE, { clientId: hardwareId(PHONE) });
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by: 'DHCP client id' });
  expect(kinOf(PHONE)).toBeNull();
});

test('so is the one whose address was shown, when it comes later', () => {
  const { see, kinOf } = trial();
  see(0, OTHER, { clientId: hardwareId(PRIVATE) });
  see(1_000, PRIVATE, { clientId: hardwareId(PRIVATE) });
  expect(kinOf(PRIVATE)).toEqual({ mac: OTHER, by: 'DHCP client id' });
});

test('its own address ties a device to nobody', () => {
  const { see, kinOf } = trial();
  see(0, OTHER, { clientId: DUID });
  see(0, PHONE, { clientId: hardwareId(PHONE) });
  see(1_000, PRIVATE, { clientId: hardwareId(PRIVATE) });
  see(2_000, PHONE, { clientId: hardwareId(PHONE) });
  expect([kinOf(PHONE), kinOf(PRIVATE)]).toEqual([null, null]);
});

test('one identifier ties a device to the one before it, as long as the visit of that one is open', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { clientId: DUID });
  see(1_000, PRIVATE, { clientId: DUID });
  see(GAP + 1_001, OTHER, { clientId: DUID });
  expect([kinOf(PHONE), kinOf(PRIVATE), kinOf(OTHER)]).toEqual([null, { mac: PHONE, by: 'DHCP client id' }, null]);
});

test('a device that changes its identifier gives up the one it had', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { clientId: DUID });
  see(1_000, PHONE, { clientId: hardwareId(PHONE) });
  see(2_000, PRIVATE, { clientId: DUID });
  expect(kinOf(PRIVATE)).toBeNull();
});

test('so does one that showed its own address before', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { clientId: hardwareId(PHONE) });
  see(1_000, PHONE, { clientId: DUID });
  see(2_000, PHONE, { clientId: hardwareId(PHONE) });
  see(3_000, PRIVATE, { clientId: DUID });
  expect(kinOf(PRIVATE)).toBeNull();
});

test('a host name ties two devices, but not one that many devices have from the factory', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { hostname: 'Annas-iPhone' });
  see(1_000, PRIVATE, { hostname: 'Annas-iPhone' });
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by: 'host name' });
  see(2_000, PHONE, { hostname: 'iPhone' });
  see(3_000, OTHER, { hostname: 'iPhone' });
  expect(kinOf(OTHER)).toBeNull();
});

const IDENTITIES: readonly (readonly [string, Shown])[] = [
  ['DHCP client id', { clientId: DUID }],
  ['DHCP client id', { clientId: hardwareId(PHONE) }],
  ['host name', { hostname: 'Annas-iPhone' }],
];

test.each(IDENTITIES)('%s: a device that was heard after the other came is another device', (_by, shown) => {
  const { see, kinOf } = trial();
  see(0, PHONE, shown);
  see(1_000, PRIVATE);
  see(2_000, PHONE);
  see(3_000, PRIVATE, shown);
  expect(kinOf(PRIVATE)).toBeNull();
});

test.each(IDENTITIES)('%s: when the earlier device speaks again, the tie is undone for good', (by, shown) => {
  const { see, kinOf } = trial();
  see(0, PHONE, shown);
  see(1_000, PRIVATE, shown);
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by });
  see(2_000, PHONE);
  expect(kinOf(PRIVATE)).toBeNull();
  see(3_000, PRIVATE, { ...shown, hostname: 'something-else' });
  see(4_000, PRIVATE, shown);
  expect(kinOf(PRIVATE)).toBeNull();
});

test.each(IDENTITIES)('%s: the tie is undone when the earlier device comes back for another visit', (_by, shown) => {
  const { see, kinOf } = trial();
  see(0, PHONE, shown);
  see(1_000, PRIVATE, shown);
  see(GAP, PRIVATE);
  see(GAP + 2_000, PHONE);
  expect(kinOf(PRIVATE)).toBeNull();
});

test.each(IDENTITIES)('%s: the tie stays when the visit of the earlier device is over', (by, shown) => {
  const { see, kinOf, pass } = trial();
  see(0, PHONE, shown);
  see(1_000, PRIVATE, shown);
  see(GAP, PRIVATE);
  pass(GAP + GAP / 4);
  expect(kinOf(PHONE)).toBeUndefined();
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by });
});

test.each(IDENTITIES)('%s: devices of two VLANs are not tied', (by, shown) => {
  const { see, kinOf } = trial();
  see(0, PHONE, { ...shown, vlan: 10 });
  see(1_000, PRIVATE, { ...shown, vlan: 20 });
  expect(kinOf(PRIVATE)).toBeNull();
  // A hardware identifier names the first device, which is in VLAN 10.
  if (shown.clientId?.length === hardwareId(PHONE).length && shown.clientId[0] === 1) return;
  see(2_000, OTHER, { ...shown, vlan: 20 });
  expect(kinOf(OTHER)).toEqual({ mac: PRIVATE, by });
});

test.each(IDENTITIES)('%s: devices of one VLAN are', (by, shown) => {
  const { see, kinOf } = trial();
  see(0, PHONE, { ...shown, vlan: 10 });
  see(1_000, PRIVATE, { ...shown, vlan: 10 });
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by });
});

test('a device is tied to the one that it replaces, not to another of the same name that stays', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { hostname: 'reception' });
  see(1_000, PRIVATE);
  see(2_000, PHONE);
  see(3_000, PRIVATE, { hostname: 'reception' });
  see(4_000, OTHER, { hostname: 'reception' });
  see(5_000, PHONE);
  expect([kinOf(PRIVATE), kinOf(OTHER)]).toEqual([null, { mac: PRIVATE, by: 'host name' }]);
});

test('the first sighting of the later device may say nothing of who it is', () => {
  const { see, kinOf } = trial();
  see(0, PHONE, { hostname: 'Annas-iPhone' });
  see(1_000, PRIVATE);
  see(30_000, PRIVATE, { hostname: 'Annas-iPhone' });
  expect(kinOf(PRIVATE)).toEqual({ mac: PHONE, by: 'host name' });
});

test('no tie holds between devices that were here at the same time, whatever is sent', () => {
  let ties = 0;
  const event = fc.record({
    mac: fc.constantFrom(PHONE, PRIVATE, OTHER),
    afterMs: fc.integer({ min: 1, max: GAP / 2 }),
    hostname: fc.constantFrom(undefined, 'Annas-iPhone', 'iPhone', 'Bens-Pixel'),
    clientId: fc.constantFrom(undefined, DUID, hardwareId(PHONE), hardwareId(PRIVATE)),
    vlan: fc.constantFrom(0, 10, 20),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const { see, visits } = trial();
      let nowMs = 0;
      for (const { mac, afterMs, hostname, clientId, vlan } of events) {
        nowMs += afterMs;
        see(nowMs, mac, { vlan, ...(hostname && { hostname }), ...(clientId && { clientId }) });
        const open = visits();
        for (const visit of open) {
          if (visit.kin === null) continue;
          ties++;
          expect(visit.kin.mac).not.toBe(visit.mac);
          const earlier = open.find((other) => other.mac === visit.kin?.mac);
          if (earlier !== undefined) expect(earlier.lastMs).toBeLessThanOrEqual(visit.firstMs);
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(ties).toBeGreaterThan(0);
});
