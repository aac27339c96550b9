// IP addresses: their text, and what kind of network they belong to. IPv4 addresses are 32-bit numbers. An IPv6 address stays sixteen
// octets of a frame until its text is needed.
import { isIPv4, isIPv6 } from 'node:net';

/** Returns the dotted decimal text of an address that is an unsigned 32-bit number. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Returns the address as an unsigned 32-bit number; null for what is not dotted decimal. */
export function parseIpv4(text: string): number | null {
  return isIPv4(text) ? Buffer.from(text.split('.').map(Number)).readUInt32BE() : null;
}

/** Returns the sixteen octets of an address in any of its notations, without a zone; null for anything else. */
export function parseIpv6(text: string): Uint8Array | null {
  if (!isIPv6(text) || text.includes('%')) return null;
  const [head = '', tail] = text.split('::');
  const [front, back] = [octetsOf(head), octetsOf(tail ?? '')];
  return Uint8Array.from([...front, ...Array<number>(16 - front.length - back.length).fill(0), ...back]);
}

/** The octets of groups between colons. The last one may be an IPv4 address. */
function octetsOf(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** Returns the text of the sixteen octets at `at` by RFC 5952. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  if (isIpv4Mapped(bytes, at)) return `::ffff:${bytes.subarray(at + 12, at + 16).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, i) => uint16(bytes, at + 2 * i).toString(16));
  // Section 4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  let [runAt, runLength] = [0, 1];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > runLength) [runAt, runLength] = [start, length];
  }
  if (runLength > 1) {
    // Joined by colons, an empty group in the middle becomes "::". At either end it takes a second empty group.
    groups.splice(runAt, runLength, '');
    if (groups[0] === '') groups.unshift('');
    if (groups.at(-1) === '') groups.push('');
  }
  return groups.join(':');
}

/** RFC 5952, section 5: the last four octets of such an address are written as an IPv4 address. */
function isIpv4Mapped(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 10; i++) if (bytes[i] !== 0) return false;
  return uint16(bytes, at + 10) === 0xffff;
}

/** Whether the sixteen octets at `at` are `::`. */
export function isUnspecified(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 16; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Whether the address at `at` is in fe80::/10 (RFC 4291, 2.5.6): its sender is on this link. */
export function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return (uint16(bytes, at) & 0xffc0) === 0xfe80;
}

/** The caller has checked that both octets are inside the buffer. */
function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Whether the address at `at` is in fc00::/7 (RFC 4193), which is not routed on the Internet. */
export function isUniqueLocal(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & 0xfe) === 0xfc;
}

/** First address and prefix length of the blocks that are not routed on the Internet. */
const PRIVATE_IPV4: readonly [first: number, prefixLength: number][] = [
  [0x0a000000, 8], // RFC 1918
  [0xac100000, 12], // RFC 1918
  [0xc0a80000, 16], // RFC 1918
  [0x64400000, 10], // RFC 6598: carrier-grade NAT, and overlay networks
  [0xa9fe0000, 16], // RFC 3927: link-local
];

/** Whether an address, an unsigned 32-bit number, is in one of the blocks that are not routed on the Internet. */
export function isPrivateIpv4(address: number): boolean {
  return PRIVATE_IPV4.some(([first, prefixLength]) => (address ^ first) >>> (32 - prefixLength) === 0);
}
