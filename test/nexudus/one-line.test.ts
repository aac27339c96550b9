import fc from 'fast-check';
import { expect, test } from 'vitest';
import { oneLine } from '../../src/nexudus/one-line.js';

test.each([
  ['plain text', 'plain text'],
  ['  two\r\n\tlines\u2028here  ', 'two lines here'],
  ['\u202ereversed\u2066 \u200bhidden', 'reversed hidden'],
  ['\u001b[31mred\u0007', '[31mred'],
  [' a leading space', 'a leading space'],
  [' ', ''],
  ['half \ud83d a pair', 'half a pair'],
  ['a whole 😀', 'a whole 😀'],
  ['<b>&amp;', '<b>&amp;'],
])('%j reads %j', (text, expected) => {
  expect(oneLine(text, 100)).toBe(expected);
});

test('an ellipsis marks a cut, which never halves a character', () => {
  expect(oneLine('abcdef', 6)).toBe('abcdef');
  expect(oneLine('abcdefg', 6)).toBe('abcde…');
  expect(oneLine('abcd😀😀', 6)).toBe('abcd…');
  expect(oneLine('abcd 😀😀', 6)).toBe('abcd…');
});

test('any text becomes one bounded, well-formed line, and stays the same when done twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.integer({ min: 1, max: 60 }), (text, limit) => {
      const line = oneLine(text, limit);
      expect(line.length).toBeLessThanOrEqual(limit);
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(line).toBe(line.trim());
      expect(oneLine(line, limit)).toBe(line);
    }),
  );
});
