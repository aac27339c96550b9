// Who is tied to whom: one phone with a new address, most likely.
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

/** A tracker to show devices to; `kinOf` says what it knows of one. */
function trial() {
  const tracker = new VisitTracker({ gapMs: GAP, settleMs: 0 }, { onActive() {}, onEnded() {} });
  return {
    see(atMs: number, mac: number, { clientId, hostname }: { clientId?: Uint8Array; hostname?: string } = {}) {
      const sighting = new Sighting();
      sighting.mac = mac;
      sighting.via = clientId === undefined && hostname === undefined ? 'arp' : 'dhcp';
      if (clientId !== undefined) put(sighting.clientId, clientId);
      if (hostname !== undefined) put(sighting.hostname, Buffer.from(hostname));
      tracker.observe(sighting, atMs, atMs);
    },
    kinOf: (mac: number): Kin | null | undefined => [...tracker.open()].find((visit: Visit) => visit.mac === mac)?.kin,
  };
}

test('a device that shows the address of one that is here is tied to it', () => {
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

test('one identifier ties two devices, as long as the first is here', () => {
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
