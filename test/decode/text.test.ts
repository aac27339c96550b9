import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Span } from '../../src/decode/sighting.js';
import { HOSTNAME_LENGTH, safeText, VENDOR_CLASS_LENGTH } from '../../src/decode/text.js';
import { ascii, bytes } from './frames.js';

function safe(content: Uint8Array | string, longest = HOSTNAME_LENGTH): string | null {
  const raw = typeof content === 'string' ? ascii(content) : content;
  const span = new Span();
  span.set(bytes('41', raw, '5a'), 1, 1 + raw.length);
  return safeText(span, longest);
}

const codePoints = (...points: number[]) => String.fromCodePoint(...points);

describe('Text off the wire', () => {
  test('plain and international names stay as they are', () => {
    for (const name of ['laptop', "Zoë's iPhone", '会议室', 'Ноутбук', 'هاتف', '💻-7', "<b>O'Neil</b> & co"])
      expect(safe(name)).toBe(name);
  });

  test('control characters go: C0, DEL, C1', () => {
    expect(safe('a\u0000b\u001b[31mc\r\nd\te\u007ff\u0085g\u009b2Jh')).toBe('ab[31mcdefg2Jh');
    expect(safe(`laptop\0`)).toBe('laptop');
  });

  test('bidi marks, overrides, embeddings and isolates go (Unicode TR 9)', () => {
    const marks = codePoints(
      0x061c,
      0x200e,
      0x200f,
      0x202a,
      0x202b,
      0x202c,
      0x202d,
      0x202e,
      0x2066,
      0x2067,
      0x2068,
      0x2069,
    );
    expect(safe(`a${marks}b`)).toBe('ab');
  });

  test('what shows as nothing goes: zero-width, soft hyphen, byte order mark, tags, fillers, variation selectors', () => {
    const invisible = codePoints(
      0x200b,
      0x200c,
      0x200d,
      0x2060,
      0xad,
      0xfeff,
      0xe0041,
      0x3164,
      0x034f,
      0xfe0f,
      0x180e,
      0xfff9,
    );
    expect(safe(`a${invisible}b`)).toBe('ab');
  });

  test('line and paragraph separators, private use and noncharacters go', () => {
    expect(safe(`a${codePoints(0x2028, 0x2029, 0xe000, 0xf0000, 0xfffe, 0xffff, 0x10ffff, 0xfdd0)}b`)).toBe('ab');
  });

  test('runs of spaces of any kind become one, and none stays at an end', () => {
    expect(safe(`  a ${codePoints(0xa0, 0x3000, 0x2003)} b  `)).toBe('a b');
  });

  test('invalid UTF-8 becomes U+FFFD: stray octets, overlong forms, surrogates, beyond Unicode', () => {
    expect(safe(bytes('61 ff 62'))).toBe('a\ufffdb');
    expect(safe(bytes('61 c0 af 62'))).toBe('a\ufffd\ufffdb');
    expect(safe(bytes('61 ed a0 80 62'))).toBe('a\ufffd\ufffd\ufffdb');
    expect(safe(bytes('61 f5 80 80 80 62'))).toBe('a\ufffd\ufffd\ufffd\ufffdb');
  });

  test('a character that the end of the field cuts in two goes', () => {
    expect(safe(ascii('laptop💻').subarray(0, 9))).toBe('laptop');
  });

  test('null when nothing is left', () => {
    expect(safe('')).toBeNull();
    expect(safe('\0\0')).toBeNull();
    expect(safe(' \u200b ')).toBeNull();
  });

  test('the length is bounded in code points, and no code point is cut', () => {
    expect(safe('x'.repeat(300))).toBe('x'.repeat(64));
    expect(safe('💻'.repeat(300))).toBe('💻'.repeat(64));
    expect(safe('x'.repeat(300), VENDOR_CLASS_LENGTH)).toBe('x'.repeat(128));
    expect(safe(`${'x'.repeat(63)} y`)).toBe('x'.repeat(63));
  });

  test('whatever comes in, what comes out is short, printable, well-formed and stays the same when cleaned again', () => {
    const wire = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.string({ unit: 'binary', maxLength: 200 }).map(ascii));
    fc.assert(
      fc.property(wire, (raw) => {
        const text = safe(raw);
        if (text === null) return;
        expect(text).not.toBe('');
        expect([...text].length).toBeLessThanOrEqual(HOSTNAME_LENGTH);
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u);
        expect(text).toBe(text.trim());
        expect(safe(text)).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });
});
