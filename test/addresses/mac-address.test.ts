import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatMac,
  isDeviceMac,
  isLocallyAdministered,
  macDigits,
  parseMac,
  readMac,
} from '../../src/addresses/mac-address.js';

test.each(['3c:22:fb:00:00:01', '3C-22-FB-00-00-01', '3c22.fb00.0001', '3C22FB000001', ' 3c:22:fb:00:00:01 '])(
  '%j is read as one and the same address',
  (text) => expect(parseMac(text)).toBe(0x3c22fb000001),
);

test.each([
  '',
  '3c:22:fb:00:00',
  '3c:22:fb:00:00:01:02',
  '3c:22-fb:00:00:01',
  '3c:22:fb:00:00:0g',
  '3c22fb0000011',
  '3c2.2fb.000.001',
])('%j is not an address', (text) => expect(parseMac(text)).toBeNull());

test('every address survives being written and read, as text and as octets', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (mac) => {
      expect(parseMac(formatMac(mac))).toBe(mac);
      expect(parseMac(macDigits(mac))).toBe(mac);
      expect(readMac(Buffer.from(`ff${macDigits(mac)}`, 'hex'), 1)).toBe(mac);
    }),
  );
});

test('zero, broadcast and multicast addresses belong to no device', () => {
  expect([0, 0xffffffffffff, 0x01005e000001, 0x333300000001].map(isDeviceMac)).toEqual([false, false, false, false]);
  expect([1, 0x3c22fb000001, 0xda2233445566].map(isDeviceMac)).toEqual([true, true, true]);
});

test('the local bit tells software-made addresses from burnt-in ones', () => {
  expect(isLocallyAdministered(0xda2233445566)).toBe(true);
  expect(isLocallyAdministered(0x3c22fb000001)).toBe(false);
});
