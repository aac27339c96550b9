import { describe, expect, test } from 'vitest';
import { decoded } from './decoded.js';
import {
  bytes,
  DEVICE,
  dhcpv6,
  duidLl,
  ethernet,
  extensionHeader,
  fragmentHeader,
  ICMPV6,
  IPV6,
  ipv6,
  LINK_LOCAL,
  option6,
  routerSolicitation,
  sourceLinkLayer,
  UDP,
  udp,
} from './frames.js';

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const NO_NEXT_HEADER = 59;
const DESTINATION = 60;

const solicitation = routerSolicitation(sourceLinkLayer(DEVICE));
const seenByNdp = { verdict: 'sighting', sighting: { mac: DEVICE, via: 'ndp', ip: LINK_LOCAL } };
const solicit = udp(dhcpv6(1, option6(1, duidLl(DEVICE))), { source: 546, destination: 547 });
const seenByDhcpv6 = {
  verdict: 'sighting',
  sighting: { mac: DEVICE, via: 'dhcpv6', ip: LINK_LOCAL, clientId: '000300013c22fb000001' },
};
const other = { verdict: 'other' };
const decodedPacket = (packet: Uint8Array) => decoded(ethernet(IPV6, packet));

describe('IPv6 header (RFC 8200, 3)', () => {
  test('carries Neighbor Discovery and DHCPv6', () => {
    expect(decodedPacket(ipv6(ICMPV6, solicitation))).toEqual(seenByNdp);
    expect(decodedPacket(ipv6(UDP, solicit))).toEqual(seenByDhcpv6);
  });

  test('another version is malformed, and so is a frame that ends inside the header', () => {
    expect(decodedPacket(ipv6(ICMPV6, solicitation, { version: 4 }))).toEqual({ verdict: 'bad-ip' });
    expect(decodedPacket(ipv6(ICMPV6, solicitation).subarray(0, 39))).toEqual({ verdict: 'short-ip' });
  });

  test('what follows the payload length is padding', () => {
    expect(decodedPacket(bytes(ipv6(ICMPV6, solicitation), new Array(7).fill(0)))).toEqual(seenByNdp);
    expect(decodedPacket(ipv6(ICMPV6, solicitation, { payloadLength: 7 }))).toEqual({ verdict: 'short-icmpv6' });
  });

  test('a payload length beyond the frame is used as far as it goes, and 0 means the whole frame', () => {
    expect(decodedPacket(ipv6(UDP, solicit, { payloadLength: 9999 }))).toEqual(seenByDhcpv6);
    expect(decodedPacket(ipv6(UDP, solicit, { payloadLength: 0 }))).toEqual(seenByDhcpv6);
  });

  test('other protocols and other ports are nobody', () => {
    expect(decodedPacket(ipv6(6, solicit))).toEqual(other);
    expect(decodedPacket(ipv6(NO_NEXT_HEADER, bytes('')))).toEqual(other);
    expect(decodedPacket(ipv6(UDP, udp(bytes('00000000'), { source: 5353, destination: 5353 })))).toEqual(other);
    expect(decodedPacket(ipv6(UDP, bytes('0222')))).toEqual({ verdict: 'short-udp' });
  });
});

describe('IPv6 extension headers (RFC 8200, 4)', () => {
  test('hop-by-hop, routing and destination options are walked', () => {
    const chain = bytes(
      extensionHeader(ROUTING),
      extensionHeader(DESTINATION, 2),
      extensionHeader(ICMPV6, 1),
      solicitation,
    );
    expect(decodedPacket(ipv6(HOP_BY_HOP, chain))).toEqual(seenByNdp);
    expect(decodedPacket(ipv6(HOP_BY_HOP, bytes(extensionHeader(UDP), solicit)))).toEqual(seenByDhcpv6);
  });

  test('a header that ends behind the packet is malformed', () => {
    expect(decodedPacket(ipv6(HOP_BY_HOP, extensionHeader(ICMPV6).subarray(0, 7)))).toEqual({ verdict: 'short-ip' });
    expect(decodedPacket(ipv6(HOP_BY_HOP, bytes([ICMPV6, 1], new Array(6).fill(0))))).toEqual({ verdict: 'short-ip' });
  });

  test('the walk gives up after eight headers', () => {
    const chain = (length: number) => {
      const links = Array.from({ length }, (_, i) => extensionHeader(i === length - 1 ? ICMPV6 : DESTINATION));
      return ipv6(DESTINATION, bytes(...links, solicitation));
    };
    expect(decodedPacket(chain(7))).toEqual(seenByNdp);
    expect(decodedPacket(chain(8))).toEqual(other);
    expect(decodedPacket(chain(100))).toEqual(other);
  });
});

describe('IPv6 fragments', () => {
  test('the first fragment of a DHCPv6 message is used as far as it goes (RFC 8200, 4.5)', () => {
    const cut = bytes(fragmentHeader(UDP), solicit.subarray(0, solicit.length - 1));
    expect(decodedPacket(ipv6(FRAGMENT, cut))).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'dhcpv6', ip: LINK_LOCAL },
    });
  });

  test('other fragments are nobody', () => {
    expect(decodedPacket(ipv6(FRAGMENT, bytes(fragmentHeader(UDP, 1), solicit)))).toEqual(other);
    expect(decodedPacket(ipv6(FRAGMENT, bytes('1100')))).toEqual({ verdict: 'short-ip' });
  });

  test('Neighbor Discovery in fragments, even in a single one, must be ignored (RFC 6980, 5)', () => {
    expect(decodedPacket(ipv6(FRAGMENT, bytes(fragmentHeader(ICMPV6, 0, false), solicitation)))).toEqual(other);
  });
});
