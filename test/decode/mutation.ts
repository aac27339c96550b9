// Bends frames at random and looks for what no decoder may do. Shared by the mutation tests and by `npm run fuzz`.

import { isDeviceMac } from '../../src/addresses/mac-address.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, type AnnouncementKind, Sighting, type Verdict } from '../../src/decode/sighting.js';
import { HOSTNAME_LENGTH, safeText } from '../../src/decode/text.js';
import type { Seed } from './corpus.js';

const ROOM = 4096;
const MAX_FACT = 512;

/** Values at which length fields, counters and codes tip over. */
const EDGES_8 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 39, 52, 53, 55, 60, 61, 63, 64, 79, 81, 127, 128, 254, 255];
const EDGES_16 = [
  0, 1, 7, 8, 20, 40, 255, 256, 546, 547, 0x0800, 0x0806, 0x7fff, 0x8000, 0x8100, 0x86dd, 0xfffe, 0xffff,
];

/** A small fast generator (Marsaglia's xorshift) that gives the same numbers for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

/** One frame under mutation, in a buffer that still holds what was cut off: the most tempting garbage to read on into. */
export class Mutant {
  readonly buffer = new Uint8Array(ROOM);
  length = 0;

  /** Starts again from `frame` and changes it in one to six places. */
  mutate(frame: Uint8Array, random: Random): void {
    this.length = Math.min(frame.length, ROOM);
    this.buffer.set(frame.subarray(0, this.length));
    for (let left = 1 + random.below(6); left > 0; left--) this.#change(random);
  }

  #change(random: Random): void {
    const { buffer, length } = this;
    if (length === 0) return;
    const at = random.below(length);
    switch (random.below(8)) {
      case 0:
        this.length = at;
        return;
      case 1:
        buffer[at] = (buffer[at] as number) ^ (1 << random.below(8));
        return;
      case 2:
        buffer[at] = random.below(256);
        return;
      case 3:
        buffer[at] = EDGES_8[random.below(EDGES_8.length)] as number;
        return;
      case 4: {
        const value = EDGES_16[random.below(EDGES_16.length)] as number;
        buffer[at] = value >> 8;
        if (at + 1 < length) buffer[at + 1] = value & 0xff;
        return;
      }
      case 5: {
        // Takes some octets out.
        const taken = 1 + random.below(Math.min(16, length - at));
        buffer.copyWithin(at, at + taken, length);
        this.length -= taken;
        return;
      }
      case 6: {
        // Says some octets twice.
        const said = Math.min(1 + random.below(48), length - at, ROOM - length);
        buffer.copyWithin(at + said, at, length);
        this.length += said;
        return;
      }
      case 7:
        // Adds noise at the end.
        for (let more = random.below(32); more > 0 && this.length < ROOM; more--)
          buffer[this.length++] = random.below(256);
        return;
    }
  }
}

const inLarge = { sighting: new Sighting(), announcement: new Announcement() };
const inExact = { sighting: new Sighting(), announcement: new Announcement() };

/**
 * Decodes the first `length` octets of `buffer` twice, once with the rest behind them and once with nothing behind them, and
 * names what is wrong; null when all is well. The time it takes is not watched: a decoder that loops hangs the test.
 */
export function faultIn(buffer: Uint8Array, length: number, linkType: LinkType): string | null {
  try {
    const verdict = decodeFrame(buffer, length, linkType, inLarge.sighting, inLarge.announcement);
    const fault = impossible(verdict, inLarge.sighting, inLarge.announcement);
    if (fault !== null) return fault;
    const large = fingerprint(verdict, inLarge.sighting, inLarge.announcement);
    const alone = decodeFrame(buffer.subarray(0, length), length, linkType, inExact.sighting, inExact.announcement);
    if (large !== fingerprint(alone, inExact.sighting, inExact.announcement)) return 'reads past the end of the frame';
    return null;
  } catch (error) {
    return `throws: ${error}`;
  }
}

function impossible(verdict: Verdict, found: Sighting, announced: Announcement): string | null {
  const { kind, station, xid } = announced;
  if (kind !== 'nothing' && station !== 0 && !isDeviceMac(station)) return `announces the impossible MAC ${station}`;
  if (isDhcp(kind) && !(xid >= 0 && xid < 2 ** 32)) return `a transaction id of ${xid}`;
  if (verdict !== 'sighting') return null;
  if (!isDeviceMac(found.mac)) return `sees the impossible MAC ${found.mac}`;
  if (!(found.vlan >= 0 && found.vlan <= 4094)) return `sees the impossible VLAN ${found.vlan}`;
  if (found.ipv6.length !== 0 && found.ipv6.length !== 16) return `an IPv6 address of ${found.ipv6.length} octets`;
  for (const span of [found.hostname, found.vendorClass, found.clientId, found.parameterList, found.ipv6]) {
    if (span.start < 0 || span.end < span.start || span.end > span.bytes.length) return 'a span outside its bytes';
    if (span.length > MAX_FACT) return `a fact of ${span.length} octets`;
  }
  const hostname = found.hostname.length > 0 ? safeText(found.hostname, HOSTNAME_LENGTH) : null;
  if (hostname !== null && (hostname.length > 2 * HOSTNAME_LENGTH || /[\p{Cc}\p{Cf}\p{Cs}]/u.test(hostname))) {
    return `the unsafe host name ${JSON.stringify(hostname)}`;
  }
  return null;
}

const isDhcp = (kind: AnnouncementKind) => kind.startsWith('dhcp');
const isDhcpv4 = (kind: AnnouncementKind) => kind.startsWith('dhcp-');

/** Everything that the outcome means, as one number or, for outcomes without meaning, as the verdict. */
function fingerprint(verdict: Verdict, found: Sighting, announced: Announcement): number | Verdict {
  if (verdict !== 'sighting' && verdict !== 'other') return verdict;
  let mixed = 17;
  const mix = (value: number) => {
    mixed = (mixed * 31 + value) % 9007199254740881;
  };
  // The fields of other kinds are those of an earlier frame.
  const { kind } = announced;
  if (kind !== 'nothing') {
    mix(kind.length);
    mix(announced.station);
    if (kind !== 'holds-ipv4') mix(announced.vlan);
    if (kind === 'holds-ipv4' || isDhcpv4(kind)) mix(announced.stationIpv4);
    if (isDhcp(kind)) for (const value of [announced.client, announced.xid]) mix(value);
    if (isDhcpv4(kind)) {
      const { serverIpv4, routerIpv4, subnetMask, relayIpv4 } = announced;
      for (const value of [serverIpv4, routerIpv4, subnetMask, relayIpv4]) mix(value);
    }
  }
  if (verdict === 'other') return -1 - mixed;
  mix(found.mac);
  mix(found.via.length);
  mix(found.vlan);
  mix(found.ipv4);
  mix(found.probedIpv4);
  mix(found.repeater);
  mix(Number(found.forwarded));
  for (const span of [found.hostname, found.vendorClass, found.clientId, found.parameterList, found.ipv6]) {
    mix(span.length);
    mix(span.hash());
  }
  return mixed;
}

/** Decodes `count` mutants of the seeds in turn. Answers the first fault, with the frame that shows it, or null. */
export function hunt(seeds: readonly Seed[], count: number, random: Random): string | null {
  const mutant = new Mutant();
  for (let i = 0; i < count; i++) {
    const seed = seeds[i % seeds.length] as Seed;
    mutant.mutate(seed.frame, random);
    const fault = faultIn(mutant.buffer, mutant.length, seed.linkType);
    if (fault !== null) {
      const frame = Buffer.from(mutant.buffer.subarray(0, mutant.length)).toString('hex');
      return `${seed.name} (${seed.linkType}), mutant ${i}: ${fault}\n${frame}`;
    }
  }
  return null;
}
