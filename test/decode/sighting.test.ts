// The number that stands for all that a sighting says: the tracker looks no further when it knows it.
import { expect, test } from 'vitest';
import type { Protocol } from '../../src/decode/protocol.js';
import { Sighting, type Span } from '../../src/decode/sighting.js';

function put(span: Span, text: string): void {
  const bytes = Buffer.from(text);
  span.set(bytes, 0, bytes.length);
}

test('what is small never gives the same number: protocol, VLAN, who spoke, and the first addresses of a network', () => {
  const sighting = new Sighting();
  const numbers = new Set<number>();
  let combinations = 0;
  for (const via of ['arp', 'dhcp', 'ndp', 'dhcpv6'] satisfies Protocol[]) {
    for (const forwarded of [false, true]) {
      for (let vlan = 0; vlan < 4_095; vlan++) {
        for (const ipv4 of [0, 0x0a000001, 0x0a000002, 0xc0a80101]) {
          sighting.clear();
          Object.assign(sighting, { via, forwarded, vlan, ipv4 });
          numbers.add(sighting.facts());
          combinations++;
        }
      }
    }
  }
  // 2 ** 32 numbers for 131,040 combinations: chance alone lets one or two pairs fall together.
  expect(numbers.size).toBeGreaterThanOrEqual(combinations - 10);
  expect(numbers.has(0)).toBe(false);
});

test('0 means nothing known, and is no sighting', () => {
  const sighting = new Sighting();
  // The address that makes the last step of the hash come to nothing.
  const product = Math.imul(4 * 4_096, 0x9e3779b1);
  sighting.ipv4 = (product ^ (product >>> 15)) >>> 0;
  expect(sighting.facts()).toBe(1);
});

test('a lease from a believed server is a fact of its own', () => {
  const sighting = new Sighting();
  sighting.via = 'dhcp';
  const before = sighting.facts();
  sighting.leased = true;
  expect(sighting.facts()).not.toBe(before);
});

test('the same text as another fact is another number', () => {
  const sighting = new Sighting();
  const numbers = (['ipv6', 'hostname', 'vendorClass', 'clientId'] as const).map((fact) => {
    sighting.clear();
    put(sighting[fact], 'sixteen octets..');
    return sighting.facts();
  });
  sighting.clear();
  expect(new Set([...numbers, sighting.facts()]).size).toBe(5);
});

test('the device and its wishes make no difference', () => {
  const sighting = new Sighting();
  sighting.via = 'dhcp';
  put(sighting.hostname, 'annas-phone');
  const before = sighting.facts();
  sighting.mac = 7;
  put(sighting.parameterList, 'abc');
  expect(sighting.facts()).toBe(before);
});
