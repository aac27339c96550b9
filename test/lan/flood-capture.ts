// Writes the capture file of a flood: broadcast ARP requests, each from another random MAC, the same ones every time.
import { closeSync, openSync, writeSync } from 'node:fs';

const FRAME_BYTES = 60;
const RECORD_BYTES = 16 + FRAME_BYTES;
const AT_ONCE = 10_000;

/** `frames` must be a multiple of 10,000. The MACs are locally administered. */
export function writeFlood(path: string, frames: number): void {
  const file = openSync(path, 'w');
  writeSync(file, fileHeader());
  const random = generator(20_260_101);
  for (let done = 0; done < frames; done += AT_ONCE) {
    const block = Buffer.alloc(AT_ONCE * RECORD_BYTES);
    for (let index = 0; index < AT_ONCE; index++) writeRecord(block.subarray(index * RECORD_BYTES), random);
    writeSync(file, block);
  }
  closeSync(file);
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

function writeRecord(record: Buffer, random: () => number): void {
  record.writeUInt32LE(1_790_000_000, 0);
  record.writeUInt32LE(FRAME_BYTES, 8);
  record.writeUInt32LE(FRAME_BYTES, 12);
  const frame = record.subarray(16);
  frame.fill(0xff, 0, 6);
  frame.writeUInt16BE(0x0200 | (random() & 0xff), 6);
  frame.writeUInt32BE(random(), 8);
  frame.writeUInt16BE(0x0806, 12);
  frame.writeUInt32BE(0x0001_0800, 14);
  frame.writeUInt32BE(0x0604_0001, 18);
  frame.copy(frame, 22, 6, 12);
  frame.writeUInt32BE(0x0a4d_0000 | (random() & 0xffff), 28);
  // Nobody has it: the LAN shall be flooded, not busy answering.
  frame.writeUInt32BE(0x0a4d_00fa, 38);
}

/** xorshift32: quick, and full of different numbers. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
