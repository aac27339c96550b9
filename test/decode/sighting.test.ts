import { expect, test } from 'vitest';
import { Span } from '../../src/decode/sighting.js';
import { ascii } from './frames.js';

function spanOf(text: string): Span {
  const span = new Span();
  span.set(ascii(`<${text}>`), 1, 1 + text.length);
  return span;
}

test('a span hashes its own octets as FNV-1a does (draft-eastlake-fnv, appendix C)', () => {
  expect(spanOf('a').hash()).toBe(0xe40c292c | 0);
  expect(spanOf('foobar').hash()).toBe(0xbf9cf968 | 0);
});

test('only an empty span hashes to 0', () => {
  expect(spanOf('').hash()).toBe(0);
  // Octets whose FNV-1a is 0.
  const zero = new Span();
  zero.set(Uint8Array.of(0xcc, 0x24, 0x31, 0xc4), 0, 4);
  expect(zero.hash()).toBe(1);
});
