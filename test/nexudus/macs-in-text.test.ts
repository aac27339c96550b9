import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMac, isDeviceMac, macDigits } from '../../src/addresses/mac-address.js';
import { macsIn } from '../../src/nexudus/macs-in-text.js';

const found = (text: string) => macsIn(text).map(formatMac);
const ONE = '3c:22:fb:00:00:01';
const TWO = 'a4:83:e7:12:34:56';

test.each([
  '3c:22:fb:00:00:01',
  '3C:22:FB:00:00:01',
  '3C-22-FB-00-00-01',
  '3c22.fb00.0001',
  '3C22FB000001',
  '  3c:22:fb:00:00:01\n',
  'MAC: 3c:22:fb:00:00:01.',
  'MAC:3c:22:fb:00:00:01',
  'iPhone:3c:22:fb:00:00:01',
  'laptop-3c22fb000001',
  '(3c:22:fb:00:00:01)',
  '"3c-22-fb-00-00-01"',
  '1) 3c:22:fb:00:00:01',
  '1-3c:22:fb:00:00:01',
  'wifi=3c22fb000001&old=',
  '3c:22:fb:00:00:01, 3C-22-FB-00-00-01; 3c22fb000001',
])('%j holds one MAC', (text) => {
  expect(found(text)).toEqual([ONE]);
});

test.each([
  '3c:22:fb:00:00:01,a4:83:e7:12:34:56',
  '3c:22:fb:00:00:01;a4:83:e7:12:34:56',
  '3c:22:fb:00:00:01 a4:83:e7:12:34:56',
  '3c:22:fb:00:00:01\r\na4-83-e7-12-34-56',
  '3c22fb000001/A483E7123456',
  'Phone 3c:22:fb:00:00:01 (Anna), laptop a483.e712.3456, printer none, deadbeef',
  '3c:22:fb:00:00:01|a4:83:e7:12:34:56|',
])('%j holds two MACs', (text) => {
  expect(found(text)).toEqual([ONE, TWO]);
});

test.each([
  ['nothing', ''],
  ['words', 'dead beef cafe, no device'],
  ['five pairs', '3c:22:fb:00:00'],
  ['an EUI-64', '3c:22:fb:ff:fe:00:00:01'],
  ['an EUI-64 with dashes', '3c-22-fb-ff-fe-00-00-01'],
  ['an EUI-64 with dots', '3c22.fbff.fe00.0001'],
  ['thirteen digits', '3c22fb0000012'],
  ['sixteen digits', '3c22fb0000010000'],
  ['a hash', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['a UUID', '550e8400-e29b-41d4-a716-446655440000'],
  ['an IPv6 address', '2001:db8:85a3:8d3:1319:8a2e:370:7348'],
  ['digits inside a word', 'x3c22fb000001'],
  ['digits that run into a word', '3c22fb000001z'],
  ['pairs joined two ways', '3c:22:fb-00-00-01'],
  ['no device: zero', '00:00:00:00:00:00'],
  ['no device: broadcast', 'ff:ff:ff:ff:ff:ff'],
  ['no device: multicast', '01:00:5e:00:00:01'],
])('%s: %j holds none', (_what, text) => {
  expect(found(text)).toEqual([]);
});

const deviceMac = fc.integer({ min: 1, max: 2 ** 48 - 2 }).filter(isDeviceMac);
const notation = fc.constantFrom<(mac: number) => string>(
  formatMac,
  macDigits,
  (mac) => formatMac(mac).replaceAll(':', '-'),
  (mac) => macDigits(mac).replace(/....(?=.)/g, '$&.'),
);
const lettering = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toUpperCase(),
);
const written = fc
  .tuple(deviceMac, notation, lettering)
  .map(([mac, write, letter]) => ({ mac, text: letter(write(mac)) }));
const separator = fc.constantFrom(
  ',',
  ';',
  ' ',
  '\n',
  '\r\n',
  '\t',
  ', ',
  ' / ',
  ' and ',
  ' (Anna) ',
  '; phone: ',
  ' =?! ',
);

test('every MAC is found, in any notation, between any separators', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(written, separator), { maxLength: 12 }), separator, (list, before) => {
      const text = before + list.map(([{ text }, after]) => text + after).join('');
      expect(macsIn(text)).toEqual([...new Set(list.map(([{ mac }]) => mac))]);
    }),
  );
});

test('no MAC is found in a longer run of hex digits or groups', () => {
  const hex = (minLength: number, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength, maxLength });
  const longer = fc.oneof(
    hex(13, 80),
    fc
      .tuple(fc.constantFrom(':', '-'), fc.array(hex(2, 2), { minLength: 7, maxLength: 16 }))
      .map(([by, groups]) => groups.join(by)),
    fc.array(hex(4, 4), { minLength: 4, maxLength: 8 }).map((groups) => groups.join('.')),
  );
  fc.assert(
    fc.property(longer, separator, (run, around) => {
      expect(macsIn(`${around}${run}${around}`)).toEqual([]);
    }),
  );
});

test('any text gives device MACs only, each once', () => {
  const soup = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:-. ,z'), maxLength: 200 });
  fc.assert(
    fc.property(soup, (text) => {
      const macs = macsIn(text);
      expect(macs.every(isDeviceMac)).toBe(true);
      expect(new Set(macs).size).toBe(macs.length);
    }),
  );
});

test('a megabyte of hex digits and separators is read in no time', () => {
  for (const unit of ['a', 'aa:', 'aaaa.', 'aa-', 'aaaaaaaaaaaa-', ':', 'a:-.']) {
    expect(macsIn(unit.repeat(Math.ceil(1_000_000 / unit.length)))).toEqual([]);
  }
});
