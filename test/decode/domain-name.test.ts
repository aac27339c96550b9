import { expect, test } from 'vitest';
import { readDomainName } from '../../src/decode/domain-name.js';
import { Span } from '../../src/decode/sighting.js';
import { ascii, bytes, wireName } from './frames.js';

function read(wire: Uint8Array): string {
  const name = new Span();
  name.set(ascii('left over'), 0, 9);
  readDomainName(bytes('ee', wire, '03 eeeeee'), 1, 1 + wire.length, name);
  return Buffer.from(name.bytes.subarray(name.start, name.end)).toString();
}

test('labels are joined by dots, and the root label adds none (RFC 1035, 3.1)', () => {
  expect(read(wireName('laptop.example.org'))).toBe('laptop.example.org');
  expect(read(wireName('laptop.example', true))).toBe('laptop.example');
});

test('what follows the root label is not read', () => {
  expect(read(bytes(wireName('one'), wireName('two')))).toBe('one');
});

test('no labels are no name', () => {
  expect(read(bytes(''))).toBe('');
  expect(read(bytes('00'))).toBe('');
});

test('a label that runs past the end makes it no name', () => {
  expect(read(bytes('03 61 62'))).toBe('');
  expect(read(bytes('01 61 03 62'))).toBe('');
});

test('a label has at most 63 octets, and compression pointers are refused (RFC 1035, 2.3.4 and 4.1.4)', () => {
  expect(read(wireName('a'.repeat(63)))).toBe('a'.repeat(63));
  expect(read(bytes([64], ascii('a'.repeat(64))))).toBe('');
  expect(read(bytes('c0 00'))).toBe('');
});

test('a name has at most 255 octets (RFC 1035, 2.3.4)', () => {
  const label = 'a'.repeat(63);
  expect(read(wireName([label, label, label, 'a'.repeat(61)].join('.')))).toHaveLength(253);
  expect(read(wireName([label, label, label, 'a'.repeat(62)].join('.')))).toBe('');
});
