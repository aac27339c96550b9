import { describe, expect, test } from 'vitest';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting, type Verdict } from '../../src/decode/sighting.js';
import { captures, seedsOf } from './captured.js';
import { corpus, type Seed } from './corpus.js';
import { faultIn, hunt, Mutant, Random } from './mutation.js';

const MUTANTS = 200_000;

describe('From each hand-built frame, no mutant makes a decoder throw, read on or see the impossible', () => {
  test.each(corpus)('$name', (seed) => {
    expect(hunt([seed], MUTANTS, new Random(1))).toBeNull();
  });
});

describe('From each recorded capture neither', () => {
  test.each(captures)('%s', async (capture) => {
    const seeds = await seedsOf(capture);
    expect(seeds.length).toBeGreaterThan(0);
    expect(hunt(seeds, Math.max(MUTANTS, 20 * seeds.length), new Random(2))).toBeNull();
  });
});

test('any bytes at all, on any link, are taken calmly', () => {
  const random = new Random(3);
  const buffer = new Uint8Array(400);
  for (let i = 0; i < MUTANTS; i++) {
    for (let at = 0; at < buffer.length; at++) buffer[at] = random.below(256);
    const linkType = (['ethernet', 'linux-sll', 'linux-sll2', 'null', 'raw'] as const)[i % 5] ?? 'raw';
    const fault = faultIn(buffer, random.below(buffer.length + 1), linkType);
    if (fault !== null) expect.fail(`${fault} in ${Buffer.from(buffer).toString('hex')}`);
  }
});

test('the mutants reach every verdict there is', () => {
  const expected: Record<Verdict, true> = {
    sighting: true,
    other: true,
    'short-link-header': true,
    'short-arp': true,
    'short-ip': true,
    'bad-ip': true,
    'short-udp': true,
    'bad-udp': true,
    'short-dhcp': true,
    'bad-dhcp': true,
    'bad-dhcp-options': true,
    'short-icmpv6': true,
    'bad-icmpv6': true,
    'short-dhcpv6': true,
    'bad-dhcpv6': true,
  };
  const reached = new Set<Verdict>();
  const random = new Random(4);
  const mutant = new Mutant();
  for (let i = 0; i < MUTANTS; i++) {
    const seed = corpus[i % corpus.length] as Seed;
    mutant.mutate(seed.frame, random);
    reached.add(decodeFrame(mutant.buffer, mutant.length, seed.linkType, new Sighting(), new Announcement()));
  }
  expect([...reached].sort()).toEqual(Object.keys(expected).sort());
});
