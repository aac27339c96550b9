// Searches for a frame with which a decoder throws, loops, reads too far or returns something impossible:
// npm run fuzz -- --minutes 10   (or --seconds N; --seed N repeats an earlier hunt)
import { parseArgs } from 'node:util';
import { captures, seedsOf } from '../test/decode/captured.js';
import { corpus } from '../test/decode/corpus.js';
import { hunt, Random } from '../test/decode/mutation.js';

const ROUND = 1_000_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string' } },
});
const seconds = values.seconds ? Number(values.seconds) : Number(values.minutes ?? '1') * 60;
const seed = values.seed ? Number(values.seed) : Date.now() % 2 ** 31;
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run fuzz -- [--minutes N | --seconds N] [--seed INTEGER]');
  process.exit(2);
}

const seeds = [...corpus];
for (const capture of captures) seeds.push(...(await seedsOf(capture)));

console.log(`Hunting for ${seconds} s with seed ${seed}`);
const random = new Random(seed);
const endsAt = performance.now() + seconds * 1_000;
let decoded = 0;
let fault: string | null = null;
while (fault === null && performance.now() < endsAt) {
  fault = hunt(seeds, ROUND, random);
  decoded += ROUND;
  console.log(`${decoded / 1e6} million mutants of ${seeds.length} frames`);
}
if (fault !== null) {
  console.error(`Found: ${fault}`);
  process.exitCode = 1;
} else {
  console.log('No fault found');
}
