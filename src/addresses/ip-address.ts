// IP addresses as the decoders hand them out, and their text. IPv6 addresses stay sixteen octets of a frame until their text is needed.

/** Dotted decimal of an address held as an unsigned 32-bit number. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** RFC 5952 text of the sixteen octets at `at`. */
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
    // Joined by colons, an empty group makes two of them; at either end that takes one more.
    groups.splice(runAt, runLength, '');
    if (groups[0] === '') groups.unshift('');
    if (groups.at(-1) === '') groups.push('');
  }
  return groups.join(':');
}

/** Section 5: such an address shows its IPv4 half. */
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

/** Whether the address at `at` is in fc00::/7 (RFC 4193): its sender is in this house. */
export function isUniqueLocal(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & 0xfe) === 0xfc;
}

/** First address and prefix length of the blocks that the Internet does not route to anybody. */
const PRIVATE_IPV4: readonly [first: number, prefixLength: number][] = [
  [0x0a000000, 8], // RFC 1918
  [0xac100000, 12], // RFC 1918
  [0xc0a80000, 16], // RFC 1918
  [0x64400000, 10], // RFC 6598: carrier-grade NAT, and overlay networks
  [0xa9fe0000, 16], // RFC 3927: link-local
];

/** Whether an address held as an unsigned 32-bit number belongs to a network that is not the Internet. */
export function isPrivateIpv4(address: number): boolean {
  return PRIVATE_IPV4.some(([first, prefixLength]) => (address ^ first) >>> (32 - prefixLength) === 0);
}
