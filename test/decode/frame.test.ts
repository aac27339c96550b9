import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMac, isDeviceMac, readMac } from '../../src/addresses/mac-address.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { corpus } from './corpus.js';
import { decoded } from './decoded.js';
import {
  ARP,
  arp,
  bytes,
  DEVICE,
  dhcp,
  dhcpFrame,
  ethernet,
  IPV4,
  ipv4,
  linuxSll,
  linuxSll2,
  option,
  udp,
} from './frames.js';
import { faultIn } from './mutation.js';

const linkTypes: LinkType[] = ['ethernet', 'linux-sll', 'linux-sll2', 'null', 'raw'];
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).filter((octets) => isDeviceMac(readMac(octets, 0)));
const tags = fc.array(fc.tuple(fc.constantFrom(0x8100, 0x88a8, 0x9100), fc.integer({ min: 0, max: 0xffff })), {
  maxLength: 6,
});

describe('Any frame', () => {
  test('has a verdict and is not read beyond its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.constantFrom(...linkTypes), (frame, linkType) => {
        expect(faultIn(bytes(frame, '0806000108000604'), frame.length, linkType)).toBeNull();
      }),
      { numRuns: 5_000 },
    );
  });

  test('cut anywhere is as calm', () => {
    for (const { frame, linkType } of corpus) {
      for (let length = 0; length <= frame.length; length++)
        expect(faultIn(Uint8Array.from(frame), length, linkType)).toBeNull();
    }
  });

  test('is not longer than its buffer, whatever length is claimed', () => {
    const frame = ethernet(ARP, arp()).subarray(0, 40);
    expect(decodeFrame(frame, 9_999, 'ethernet', new Sighting(), new Announcement())).toBe('short-arp');
  });
});

describe('Any device', () => {
  test('is seen by its ARP, in any stack of tags and on any link that has them', () => {
    const build = fc.constantFrom(
      ['ethernet', ethernet] as const,
      ['linux-sll', linuxSll] as const,
      ['linux-sll2', linuxSll2] as const,
    );
    fc.assert(
      fc.property(mac, tags, build, (octets, stack, [linkType, frame]) => {
        const sha = formatMac(readMac(octets, 0));
        const ids = stack.map(([, tci]) => tci & 0xfff).filter((id) => id > 0 && id < 4095);
        expect(decoded(frame(ARP, arp({ sha }), { source: sha, tags: stack }), linkType).sighting).toEqual({
          mac: sha,
          via: 'arp',
          ip: '192.168.1.23',
          ...(ids.length > 0 ? { vlan: ids[0] } : {}),
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('is seen by its DHCP, whatever its other options are', () => {
    const others = fc.array(
      fc
        .tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 40 }))
        .filter(([code]) => ![52, 53].includes(code)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(mac, others, (octets, list) => {
        const chaddr = formatMac(readMac(octets, 0));
        const options = list.map(([code, value]) => option(code, value));
        expect(decoded(dhcpFrame({ chaddr, options }, { source: chaddr })).sighting).toMatchObject({
          mac: chaddr,
          via: 'dhcp',
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('gives the same host name in one option or in pieces, with padding anywhere (RFC 3396)', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 250 });
    fc.assert(
      fc.property(name, fc.array(fc.nat(250), { maxLength: 4 }), fc.nat(3), (raw, cuts, pads) => {
        const places = [0, ...cuts.map((cut) => cut % raw.length).sort((a, b) => a - b), raw.length];
        const pieces = places.slice(1).map((end, i) => option(12, raw.subarray(places[i], end)));
        const padding = bytes(new Array(pads).fill(0));
        const options = pieces.flatMap((piece) => [padding, piece, option(224, [1])]);
        expect(decoded(dhcpFrame({ options })).sighting?.hostname).toBe(Buffer.from(raw).toString('latin1'));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is the same behind IP options and in front of padding', () => {
    const packet = dhcp();
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 15 }), fc.uint8Array({ maxLength: 60 }), (ihl, padding) => {
        expect(decoded(bytes(ethernet(IPV4, ipv4(udp(packet), { ihl })), padding)).sighting).toEqual({
          mac: DEVICE,
          via: 'dhcp',
        });
      }),
    );
  });
});
