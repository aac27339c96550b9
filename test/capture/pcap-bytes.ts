// Writes the bytes of pcap files (https://www.tcpdump.org/manpages/pcap-savefile.5.html), correct or, where a test needs it, wrong.
import type { LinkType } from '../../src/decode/frame.js';

/** LINKTYPE_ numbers as they stand in files; https://www.tcpdump.org/linktypes.html */
export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  loop: 108,
  sll: 113,
  ipv4: 228,
  ipv6: 229,
  sll2: 276,
} as const;

/** The number in a file for each link type that is decoded. */
export const NUMBER_OF: Readonly<Record<LinkType, number>> = {
  ethernet: LINKTYPE.ethernet,
  'linux-sll': LINKTYPE.sll,
  'linux-sll2': LINKTYPE.sll2,
  null: LINKTYPE.null,
  raw: LINKTYPE.raw,
};

export interface Recorded {
  frame: Uint8Array;
  /** Milliseconds since the epoch. */
  atMs?: number;
  /** The length on the wire, when the capture cut the frame. */
  wireLength?: number;
}

export interface PcapFile {
  linkType?: number;
  bigEndian?: boolean;
  nanoseconds?: boolean;
  snaplen?: number;
}

export const START_MS = 1_790_000_000_000;

/** Frames without a time come a second apart from `START_MS` on. */
export function pcapBytes(frames: readonly (Recorded | Uint8Array)[], file: PcapFile = {}): Buffer {
  const { linkType = LINKTYPE.ethernet, bigEndian = false, nanoseconds = false, snaplen = 262_144 } = file;
  const words = (...values: number[]) => {
    const buffer = Buffer.alloc(4 * values.length);
    values.forEach((value, i) => {
      if (bigEndian) buffer.writeUInt32BE(value, 4 * i);
      else buffer.writeUInt32LE(value, 4 * i);
    });
    return buffer;
  };
  const version = bigEndian ? 0x00020004 : 0x00040002;
  const parts = [words(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, version, 0, 0, snaplen, linkType)];
  frames.forEach((each, i) => {
    const { frame, atMs = START_MS + 1_000 * i, wireLength } = each instanceof Uint8Array ? { frame: each } : each;
    const fraction = (atMs % 1_000) * (nanoseconds ? 1_000_000 : 1_000);
    parts.push(words(Math.floor(atMs / 1_000), fraction, frame.length, wireLength ?? frame.length), Buffer.from(frame));
  });
  return Buffer.concat(parts);
}
