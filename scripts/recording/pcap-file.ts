// The classic pcap file format (draft-ietf-opsawg-pcap), as far as it is needed to move the time of a recording.

export interface Frame {
  /** Nanoseconds since 1970. */
  timeNs: bigint;
  /** Length on the wire. `bytes` may be shorter. */
  length: number;
  bytes: Buffer;
}

export interface Capture {
  /** As in https://www.tcpdump.org/linktypes.html */
  linkType: number;
  snaplen: number;
  frames: Frame[];
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;

/** Reads a file with nanoseconds in this machine's byte order, as the recorder's tcpdump writes it. */
export function readPcap(file: Buffer): Capture {
  if (file.readUInt32LE(0) !== MAGIC_NANOSECONDS) throw new Error('not a little-endian pcap file with nanoseconds');
  const frames: Frame[] = [];
  for (let at = FILE_HEADER_LENGTH; at + RECORD_HEADER_LENGTH <= file.length; ) {
    const timeNs = BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4));
    const start = at + RECORD_HEADER_LENGTH;
    const end = start + file.readUInt32LE(at + 8);
    frames.push({ timeNs, length: file.readUInt32LE(at + 12), bytes: file.subarray(start, end) });
    at = end;
  }
  return { linkType: file.readUInt32LE(20), snaplen: file.readUInt32LE(16), frames };
}

export interface PcapVariant {
  nanoseconds?: boolean;
  bigEndian?: boolean;
}

export function writePcap({ linkType, snaplen, frames }: Capture, variant: PcapVariant = {}): Buffer {
  const uint32s = (...values: number[]) => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, i) => {
      if (variant.bigEndian) bytes.writeUInt32BE(value, 4 * i);
      else bytes.writeUInt32LE(value, 4 * i);
    });
    return bytes;
  };
  // Version 2.4 is two 16-bit numbers, whose order depends on the byte order.
  const version = variant.bigEndian ? 0x0002_0004 : 0x0004_0002;
  const magic = variant.nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS;
  const parts: Buffer[] = [uint32s(magic, version, 0, 0, snaplen, linkType)];
  for (const { timeNs, length, bytes } of frames) {
    const fraction = Number(timeNs % 1_000_000_000n);
    const subsecond = variant.nanoseconds ? fraction : Math.floor(fraction / 1000);
    parts.push(uint32s(Number(timeNs / 1_000_000_000n), subsecond, bytes.length, length), bytes);
  }
  return Buffer.concat(parts);
}
