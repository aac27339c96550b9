import { describe, expect, test } from 'vitest';
import { decoded } from './decoded.js';
import { ascii, bytes, DEVICE, dhcp, ethernet, IPV4, ipv4, option, REQUEST, udp } from './frames.js';

const message = dhcp({ type: REQUEST, options: [option(12, ascii('laptop')), option(60, ascii('MSFT 5.0'))] });
const datagram = udp(message);
const whole = { mac: DEVICE, via: 'dhcp', hostname: 'laptop', vendorClass: 'MSFT 5.0' };
const decodedPacket = (packet: Uint8Array) => decoded(ethernet(IPV4, packet));

describe('IPv4 header (RFC 791, 3.1)', () => {
  test('options are skipped', () => {
    expect(decodedPacket(ipv4(datagram, { ihl: 6 })).sighting).toEqual(whole);
    expect(decodedPacket(ipv4(datagram, { ihl: 15 })).sighting).toEqual(whole);
  });

  test('another version or a header length below five words is malformed', () => {
    expect(decodedPacket(ipv4(datagram, { version: 5 }))).toEqual({ verdict: 'bad-ip' });
    expect(decodedPacket(ipv4(datagram, { ihl: 4 }))).toEqual({ verdict: 'bad-ip' });
  });

  test('a frame that ends inside the header is malformed', () => {
    expect(decodedPacket(ipv4(datagram).subarray(0, 19))).toEqual({ verdict: 'short-ip' });
    expect(decodedPacket(ipv4(datagram, { ihl: 15 }).subarray(0, 59))).toEqual({ verdict: 'short-ip' });
  });

  test('a total length shorter than the header is malformed', () => {
    expect(decodedPacket(ipv4(datagram, { ihl: 6, totalLength: 23 }))).toEqual({ verdict: 'bad-ip' });
  });

  test('what follows the total length is padding', () => {
    expect(decodedPacket(bytes(ipv4(datagram), new Array(20).fill(0xaa))).sighting).toEqual(whole);
    expect(decodedPacket(ipv4(datagram, { totalLength: 20 + 7 }))).toEqual({ verdict: 'short-udp' });
  });

  test('a total length beyond the frame, as in a capture cut by its snap length, is used as far as it goes', () => {
    expect(decodedPacket(ipv4(datagram, { totalLength: 1500 })).sighting).toEqual(whole);
    expect(decodedPacket(ipv4(datagram).subarray(0, 20 + 8 + 240 + 3 + 8 + 4)).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcp',
      hostname: 'laptop',
    });
  });

  test('a total length of zero, as segmentation offload leaves it, means the whole frame', () => {
    expect(decodedPacket(ipv4(datagram, { totalLength: 0 })).sighting).toEqual(whole);
  });

  test('protocols other than UDP are nobody, even when cut short', () => {
    expect(decodedPacket(ipv4(datagram, { protocol: 6 }))).toEqual({ verdict: 'other' });
    expect(decodedPacket(ipv4(new Uint8Array(0), { protocol: 1 }))).toEqual({ verdict: 'other' });
  });
});

describe('IPv4 fragments (RFC 791, 2.3)', () => {
  test('the first fragment is used as far as it goes', () => {
    const upToHostname = datagram.subarray(0, 8 + 240 + 3 + 8 + 5);
    expect(decodedPacket(ipv4(upToHostname, { moreFragments: true })).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcp',
      hostname: 'laptop',
    });
  });

  test('the others are nobody, whatever they look like', () => {
    expect(decodedPacket(ipv4(datagram, { fragmentOffset: 185 }))).toEqual({ verdict: 'other' });
    expect(decodedPacket(ipv4(datagram, { fragmentOffset: 1, moreFragments: true }))).toEqual({ verdict: 'other' });
  });
});
