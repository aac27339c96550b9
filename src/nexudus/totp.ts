// One-time codes for two-factor logins: RFC 6238 with the parameters of authenticator apps (SHA-1, 6 digits, 30 s).
import { createHmac } from 'node:crypto';

const STEP_MS = 30_000;

/** Returns the number of the 30 s step that `atMs` (Unix time) is in: T of RFC 6238. */
export function totpStep(atMs: number): number {
  return Math.floor(atMs / STEP_MS);
}

/** Returns the code for a step. */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  // RFC 4226, 5.3: the last four bits are the place of the four bytes.
  const truncated = digest.readUInt32BE(digest.readUInt8(19) & 0x0f) & 0x7fffffff;
  return String(truncated % 1_000_000).padStart(6, '0');
}
