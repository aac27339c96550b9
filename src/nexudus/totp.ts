// One-time codes for logins with two factors: RFC 6238 with the parameters authenticator apps use (SHA-1, 6 digits, 30 s).
import { createHmac } from 'node:crypto';

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
