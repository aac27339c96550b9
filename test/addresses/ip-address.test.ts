import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatIpv4,
  formatIpv6,
  isLinkLocal,
  isPrivateIpv4,
  isUniqueLocal,
  isUnspecified,
  parseIpv4,
  parseIpv6,
} from '../../src/addresses/ip-address.js';
import { bytes, ipv6Address } from '../decode/frames.js';

test('IPv4 addresses are dotted', () => {
  expect(formatIpv4(0)).toBe('0.0.0.0');
  expect(formatIpv4(0xc0a80117)).toBe('192.168.1.23');
  expect(formatIpv4(0xffffffff)).toBe('255.255.255.255');
});

describe('IPv6 text (RFC 5952)', () => {
  const shown = (hex: string) => formatIpv6(bytes('ff', hex), 1);

  test('leading zeros go and letters are small (4.1, 4.3)', () => {
    expect(shown('20010DB8 00010002 0003000A 000B0C00')).toBe('2001:db8:1:2:3:a:b:c00');
  });

  test('the longest run of zero groups is shortened, the first of equals (4.2.3)', () => {
    expect(shown('20010db8 00000000 00010000 00000001')).toBe('2001:db8::1:0:0:1');
    expect(shown('20010000 00000001 00000000 00000001')).toBe('2001:0:0:1::1');
    expect(shown('fe800000 00000000 3e22fbff fe000001')).toBe('fe80::3e22:fbff:fe00:1');
  });

  test('a single zero group is not (4.2.2)', () => {
    expect(shown('20010db8 00000001 00010001 00010001')).toBe('2001:db8:0:1:1:1:1:1');
  });

  test('the run may reach either end', () => {
    expect(shown('00000000 00000000 00000000 00000000')).toBe('::');
    expect(shown('00000000 00000000 00000000 00000001')).toBe('::1');
    expect(shown('20010db8 00000000 00000000 00000000')).toBe('2001:db8::');
  });

  test('an IPv4-mapped address shows its IPv4 half (5)', () => {
    expect(shown('00000000 00000000 0000ffff c0a80117')).toBe('::ffff:192.168.1.23');
  });

  test('any address is valid text, and one that the URL parser of Node writes the same way', () => {
    const octet = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(octet, { minLength: 16, maxLength: 16 }), (octets) => {
        const text = formatIpv6(Uint8Array.from(octets), 0);
        expect(isIPv6(text)).toBe(true);
        if (!text.includes('.')) expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`);
      }),
    );
  });
});

test('the unspecified address and link-local ones are recognised', () => {
  expect(isUnspecified(ipv6Address('::'), 0)).toBe(true);
  expect(isUnspecified(ipv6Address('::1'), 0)).toBe(false);
  for (const [address, expected] of [
    ['fe80::1', true],
    ['febf::1', true],
    ['fec0::1', false],
    ['2001:db8::1', false],
  ] as const) {
    expect(isLinkLocal(ipv6Address(address), 0)).toBe(expected);
  }
});

test('unique local addresses (RFC 4193) are recognised', () => {
  for (const [address, expected] of [
    ['fc00::1', true],
    ['fdff:ffff::1', true],
    ['fbff::1', false],
    ['fe00::1', false],
    ['2001:db8::1', false],
  ] as const) {
    expect(isUniqueLocal(ipv6Address(address), 0)).toBe(expected);
  }
});

test('private IPv4 addresses are recognised, from the first to the last of each block', () => {
  const blocks: [number, number][] = [
    [0x0a000000, 0x0affffff],
    [0x64400000, 0x647fffff],
    [0xa9fe0000, 0xa9feffff],
    [0xac100000, 0xac1fffff],
    [0xc0a80000, 0xc0a8ffff],
  ];
  for (const [first, last] of blocks) {
    expect([first - 1, first, last, last + 1].map(isPrivateIpv4)).toEqual([false, true, true, false]);
  }
  for (const address of [0, 0x08080808, 0x7f000001, 0xe0000001, 0xffffffff]) expect(isPrivateIpv4(address)).toBe(false);
});

test('IPv4 text is read as a number, and nothing else is', () => {
  expect(parseIpv4('255.0.1.2')).toBe(0xff000102);
  for (const text of ['', '1.2.3', '1.2.3.256', '::1', 'a.b.c.d']) expect(parseIpv4(text)).toBeNull();
  fc.assert(fc.property(fc.nat(0xffffffff), (address) => parseIpv4(formatIpv4(address)) === address));
});

test('IPv6 text is read as sixteen octets, and nothing else is', () => {
  const octets = fc.uint8Array({ minLength: 16, maxLength: 16 });
  // With runs of zeros as well, which have a notation of their own.
  const sparse = fc.tuple(octets, octets).map(([a, b]) => a.map((octet, i) => ((b[i] ?? 0) > 128 ? octet : 0)));
  fc.assert(
    fc.property(fc.oneof(octets, sparse), (address) => {
      expect(parseIpv6(formatIpv6(address, 0))).toEqual(address);
    }),
  );
  expect(parseIpv6('::ffff:1.2.3.4')).toEqual(Uint8Array.from([...Array(10).fill(0), 255, 255, 1, 2, 3, 4]));
  for (const text of ['', '1.2.3.4', 'fe80::1%eth0', '::1::', 'fe80']) expect(parseIpv6(text)).toBeNull();
});
