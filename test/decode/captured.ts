// The frames of the recorded captures, as seeds for mutation. Run from the project's root.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import type { Seed } from './corpus.js';

const DIRECTORY = 'test/captures';

export const captures: readonly string[] = readdirSync(DIRECTORY)
  .filter((name) => /\.pcap(ng)?$/.test(name))
  .map((name) => join(DIRECTORY, name));

export async function seedsOf(capture: string): Promise<Seed[]> {
  const seeds: Seed[] = [];
  await readCaptureFile(capture, { ipv6: true }, (frame, length, _atMs, linkType) => {
    const name = `${capture}, frame ${seeds.length + 1}`;
    seeds.push({ name, linkType, frame: Uint8Array.from(frame.subarray(0, length)) });
  });
  return seeds;
}
