// The benchmark measures what it says: its captures are the same every time, and hold the devices they are named after.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { discoveryOf, fileOf, MIXED } from '../../scripts/bench/inputs.js';
import { cli } from '../commands/cli.js';

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A cache of its own, so that every file is made anew. */
function freshCache(): void {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-bench-test-'));
  directories.push(directory);
  process.env.BENCH_CACHE = directory;
}

async function summaryOf(file: string): Promise<unknown> {
  const { stdout } = await cli(['replay', '--json', file]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

test('an input has the same bytes each time it is made', async () => {
  freshCache();
  const first = readFileSync(await fileOf(discoveryOf(50, 2_000)));
  freshCache();
  expect(readFileSync(await fileOf(discoveryOf(50, 2_000))).equals(first)).toBe(true);
});

test('every frame of a discovery input is a sighting, and every device one visit', async () => {
  freshCache();
  const summary = await summaryOf(await fileOf(discoveryOf(50, 2_000)));
  expect(summary).toMatchObject({ frames: 2_000, sightings: 2_000, malformed: 0, visits: 50, unrecognised: 50 });
});

test('one frame in twenty of the mixed input passes the filter', async () => {
  freshCache();
  const summary = await summaryOf(await fileOf({ ...MIXED, frames: 2_000, devices: 20 }));
  expect(summary).toMatchObject({ frames: 100, sightings: 100, malformed: 0 });
});
