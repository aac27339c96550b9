// Unsigned big-endian ("network order") reads. The caller has checked that the octets are inside the frame.

export function uint8(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function uint32(bytes: Uint8Array, at: number): number {
  return ((uint16(bytes, at) << 16) | uint16(bytes, at + 2)) >>> 0;
}
