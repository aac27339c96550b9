import { describe, expect, test } from 'vitest';
import { decoded } from './decoded.js';
import { ascii, bytes, DEVICE, dhcp, ethernet, IPV4, ipv4, option, REQUEST, udp } from './frames.js';

const message = dhcp({ type: REQUEST, options: [option(12, ascii('laptop'))], tail: [] });
const whole = { mac: DEVICE, via: 'dhcp', hostname: 'laptop' };
const decodedDatagram = (datagram: Uint8Array) => decoded(ethernet(IPV4, ipv4(datagram)));

describe('UDP (RFC 768)', () => {
  test('the DHCP ports count on either side, so that PXE (port 4011) and relays are seen', () => {
    for (const [source, destination] of [
      [68, 67],
      [67, 67],
      [68, 4011],
      [1024, 67],
      [4011, 68],
    ] as const) {
      expect(decodedDatagram(udp(message, { source, destination })).sighting).toEqual(whole);
    }
  });

  test('other ports are nobody, whatever their length field says', () => {
    expect(decodedDatagram(udp(message, { source: 53, destination: 69, length: 3 }))).toEqual({ verdict: 'other' });
  });

  test('a packet that ends inside the header is malformed', () => {
    expect(decodedDatagram(udp(message).subarray(0, 7))).toEqual({ verdict: 'short-udp' });
  });

  test('a length smaller than the header is malformed', () => {
    expect(decodedDatagram(udp(message, { length: 7 }))).toEqual({ verdict: 'bad-udp' });
    expect(decodedDatagram(udp(message, { length: 0 }))).toEqual({ verdict: 'bad-udp' });
  });

  test('what follows a shorter length is padding and is not read', () => {
    const withoutHostname = 8 + message.length - 8;
    expect(decodedDatagram(udp(message, { length: withoutHostname })).sighting).toEqual({ mac: DEVICE, via: 'dhcp' });
    expect(decodedDatagram(bytes(udp(message), option(12, ascii('padding')))).sighting).toEqual(whole);
  });

  test('a length beyond the packet is used as far as the packet goes', () => {
    expect(decodedDatagram(udp(message, { length: 0xffff })).sighting).toEqual(whole);
  });
});
