// IP addresses as the decoders hand them out, and their text.
import { uint8, uint16 } from './octets.js';

/** Dotted decimal of an address held as an unsigned 32-bit number. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** RFC 5952 text of the sixteen octets at `at`. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => uint16(bytes, at + 2 * i));
  // Section 5: an IPv4-mapped address shows its IPv4 half.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(at + 12, at + 16).join('.')}`;
  }
  // Section 4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  let [runAt, runLength] = [0, 1];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > runLength) [runAt, runLength] = [start, length];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (runLength === 1) return text(groups);
  return `${text(groups.slice(0, runAt))}::${text(groups.slice(runAt + runLength))}`;
}

/** Whether the sixteen octets at `at` are `::`. */
export function isUnspecified(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 16; i++) if (uint8(bytes, i) !== 0) return false;
  return true;
}

/** Whether the address at `at` is in fe80::/10 (RFC 4291, 2.5.6): its sender is on this link. */
export function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return (uint16(bytes, at) & 0xffc0) === 0xfe80;
}
