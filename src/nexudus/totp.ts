// One-time codes for logins with two factors: RFC 6238 with the parameters authenticator apps use (SHA-1, 6 digits, 30 s).
import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_MS = 30_000;

/** The number of the 30 s step that `atMs` (Unix time) lies in: RFC 6238's T. */
export function totpStep(atMs: number): number {
  return Math.floor(atMs / STEP_MS);
}

/** The code for a step. */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  // RFC 4226 section 5.3: the last four bits say where the four bytes lie.
  const truncated = digest.readUInt32BE(digest.readUInt8(19) & 0x0f) & 0x7fffffff;
  return String(truncated % 1_000_000).padStart(6, '0');
}

/** Reads a base32 secret (RFC 4648; spaces, dashes, padding and case do not matter). Throws RangeError, without the text, when it is none. */
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
