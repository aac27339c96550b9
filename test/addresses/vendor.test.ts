import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { parseMac } from '../../src/addresses/mac-address.js';
import { isRandomised, vendorOf } from '../../src/addresses/vendor.js';

const mac = (text: string) => parseMac(text) ?? 0;

test('a MA-L prefix gives the name without the postal address', () => {
  expect(vendorOf(mac('3c:22:fb:00:00:01'))).toBe('Apple, Inc.');
});

test('the longest prefix wins: MA-M and MA-S before the MA-L block they are cut from', () => {
  // 70:B3:D5 belongs to the IEEE itself, which gives 36-bit blocks out of it; 00:1B:C5 likewise.
  expect(vendorOf(mac('70:b3:d5:00:10:00'))).not.toBe(vendorOf(mac('70:b3:d5:00:20:00')));
  expect(vendorOf(mac('70:b3:d5:00:10:00'))).not.toMatch(/IEEE/);
});

test('a private address has no vendor, whatever its first octets look like', () => {
  expect(vendorOf(mac('da:a1:19:00:00:01'))).toBeNull();
  expect(isRandomised(mac('da:a1:19:00:00:01'))).toBe(true);
});

test('local prefixes of known software are named and not called randomised', () => {
  expect(vendorOf(mac('52:54:00:12:34:56'))).toBe('QEMU/KVM virtual machine');
  expect(isRandomised(mac('52:54:00:12:34:56'))).toBe(false);
});

test('a prefix that nobody registered has no vendor', () => {
  expect(vendorOf(mac('fc:ff:ff:00:00:01'))).toBeNull();
});

test('the first address of every registered block has the name that reading the registries as JSON gives', () => {
  const records = createRequire(import.meta.url)('oui-data') as Record<string, string>;
  const nameFor = (digits: string) =>
    [9, 7, 6].map((length) => records[digits.slice(0, length)]).find((record) => record !== undefined);
  const universal = Object.keys(records).filter((prefix) => !isRandomised(mac(prefix.padEnd(12, '0'))));
  expect(universal.length).toBeGreaterThan(50_000);
  for (const prefix of universal) {
    const digits = prefix.padEnd(12, '0');
    const expected = nameFor(digits)?.split('\n')[0]?.trim();
    if (vendorOf(mac(digits)) !== expected) expect([prefix, vendorOf(mac(digits))]).toEqual([prefix, expected]);
  }
});
