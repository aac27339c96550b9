// RFC 6238 appendix B (SHA-1), cut from eight digits to the six that authenticator apps use, and RFC 4648 base32.
import { expect, test } from 'vitest';
import { totpCode, totpStep } from '../../src/nexudus/totp.js';
import { totpSecret } from '../../src/nexudus/totp-secret.js';

const RFC_SECRET = Buffer.from('12345678901234567890');
const RFC_SECRET_BASE32 = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

test.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('RFC 6238 appendix B: at %i s the code is %s', (seconds, code) => {
  expect(totpCode(RFC_SECRET, totpStep(seconds * 1000))).toBe(code);
});

test.each([RFC_SECRET_BASE32, RFC_SECRET_BASE32.toLowerCase(), 'GEZD GNBV-GY3T QOJQ GEZD GNBV GY3T QOJQ ====='])(
  'RFC 4648 section 6: %s reads as the secret',
  (text) => {
    expect(Buffer.from(totpSecret(text))).toEqual(RFC_SECRET);
  },
);

test('RFC 4648 section 10: bits that fill no octet are left out', () => {
  expect(Buffer.from(totpSecret('MZXW6YQ=')).toString()).toBe('foob');
});

test.each(['', ' ', 'A', 'hunter0', 'MZXW6YQ!'])('%j is no secret, and is not repeated in the error', (text) => {
  expect(() => totpSecret(text)).toThrow(RangeError);
  if (text.length > 1) expect(() => totpSecret(text)).not.toThrow(text);
});
