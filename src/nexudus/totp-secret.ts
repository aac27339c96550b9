// Reads the secret of one-time codes as people copy it from Nexudus. It is not in totp.ts, because every command reads the settings,
// but few need cryptography, which takes milliseconds to load.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * Reads a base32 secret (RFC 4648; spaces, dashes, padding and case do not matter). Throws RangeError, without the text, when it is
 * none.
 */
export function totpSecret(base32: string): Uint8Array {
  const letters = base32.toUpperCase().replace(/[\s=-]/g, '');
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of letters) {
    const five = ALPHABET.indexOf(letter);
    if (five < 0) throw new RangeError('the one-time code secret is not base32 (letters A to Z and digits 2 to 7)');
    value = ((value << 5) | five) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  if (bytes.length === 0) throw new RangeError('the one-time code secret is empty');
  return Uint8Array.from(bytes);
}
