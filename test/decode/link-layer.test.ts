import { describe, expect, test } from 'vitest';
import { announcedBy, decoded } from './decoded.js';
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
  ndpFrame,
  OTHER,
  routerSolicitation,
  snap,
  sourceLinkLayer,
  udp,
} from './frames.js';

const seen = { verdict: 'sighting', sighting: { mac: DEVICE, via: 'arp', ip: '192.168.1.23' } };
const seenOnVlan = (vlan: number) => ({ verdict: 'sighting', sighting: { ...seen.sighting, vlan } });
const dhcpPacket = ipv4(udp(dhcp()));
const seenByDhcp = { verdict: 'sighting', sighting: { mac: DEVICE, via: 'dhcp' } };

describe('Ethernet (IEEE 802.3)', () => {
  test('carries ARP by its EtherType', () => {
    expect(decoded(ethernet(ARP, arp()))).toEqual(seen);
  });

  test('a frame shorter than its header is malformed', () => {
    expect(decoded(ethernet(ARP, arp()).subarray(0, 13))).toEqual({ verdict: 'short-link-header' });
    expect(decoded(new Uint8Array(0))).toEqual({ verdict: 'short-link-header' });
  });

  test('other EtherTypes are nobody', () => {
    expect(decoded(ethernet(0x88cc, arp()))).toEqual({ verdict: 'other' });
  });
});

describe('VLAN tags (IEEE 802.1Q)', () => {
  test('one tag tells the VLAN', () => {
    expect(decoded(ethernet(ARP, arp(), { tags: [[0x8100, 20]] }))).toEqual(seenOnVlan(20));
  });

  test('priority and drop-eligible bits are no part of the VLAN id', () => {
    expect(decoded(ethernet(ARP, arp(), { tags: [[0x8100, 0xf014]] }))).toEqual(seenOnVlan(20));
  });

  test.each([0x8100, 0x88a8, 0x9100])('of a stack under %i, the outermost id is the VLAN', (tpid) => {
    const tags: [number, number][] = [
      [tpid, 100],
      [0x8100, 20],
    ];
    expect(decoded(ethernet(ARP, arp(), { tags }))).toEqual(seenOnVlan(100));
  });

  test('a stack of any height is walked', () => {
    const tags = Array.from({ length: 40 }, (_, i): [number, number] => [0x8100, 7 + i]);
    expect(decoded(ethernet(ARP, arp(), { tags }))).toEqual(seenOnVlan(7));
  });

  test('a priority tag (id 0) and the reserved id 4095 are no VLAN', () => {
    expect(decoded(ethernet(ARP, arp(), { tags: [[0x8100, 0xe000]] }))).toEqual(seen);
    expect(decoded(ethernet(ARP, arp(), { tags: [[0x8100, 0xffff]] }))).toEqual(seen);
  });

  test('the first id below a priority tag is the VLAN', () => {
    const tags: [number, number][] = [
      [0x8100, 0x2000],
      [0x8100, 30],
    ];
    expect(decoded(ethernet(ARP, arp(), { tags }))).toEqual(seenOnVlan(30));
  });

  test('a tag cut short is malformed', () => {
    expect(decoded(ethernet(ARP, arp(), { tags: [[0x8100, 20]] }).subarray(0, 17))).toEqual({
      verdict: 'short-link-header',
    });
  });
});

describe('LLC and SNAP (RFC 1042)', () => {
  test('SNAP with OUI zero carries ARP and IP', () => {
    expect(decoded(snap(ARP, arp()))).toEqual(seen);
    expect(decoded(snap(IPV4, dhcpPacket))).toEqual(seenByDhcp);
  });

  test('SNAP may stand behind a VLAN tag', () => {
    expect(decoded(snap(ARP, arp(), { tags: [[0x8100, 20]] }))).toEqual(seenOnVlan(20));
  });

  test('other LLC frames are nobody: spanning tree, SNAP of another organisation, one too short for SNAP', () => {
    expect(decoded(ethernet(38, bytes('42 42 03', new Array(43).fill(0))))).toEqual({ verdict: 'other' });
    expect(decoded(ethernet(36, bytes('aa aa 03 00 00 0c 08 06', arp())))).toEqual({ verdict: 'other' });
    expect(decoded(ethernet(36, bytes('aa aa 03 00 01 00 08 06', arp())))).toEqual({ verdict: 'other' });
    expect(decoded(ethernet(7, bytes('aa aa 03 00 00 00 08')))).toEqual({ verdict: 'other' });
  });
});

describe('Linux cooked captures', () => {
  test.each([['linux-sll', linuxSll] as const, ['linux-sll2', linuxSll2] as const])(
    '%s carries ARP, DHCP, and either under a VLAN tag',
    (linkType, build) => {
      expect(decoded(build(ARP, arp()), linkType)).toEqual(seen);
      expect(decoded(build(IPV4, dhcpPacket), linkType)).toEqual(seenByDhcp);
      expect(decoded(build(ARP, arp(), { tags: [[0x8100, 20]] }), linkType)).toEqual(seenOnVlan(20));
      expect(
        decoded(
          build(ARP, arp(), {
            tags: [
              [0x88a8, 100],
              [0x8100, 20],
            ],
          }),
          linkType,
        ),
      ).toEqual(seenOnVlan(100));
    },
  );

  test.each([['linux-sll', linuxSll, 16] as const, ['linux-sll2', linuxSll2, 20] as const])(
    '%s tells the source address when it has six octets',
    (linkType, build, headerLength) => {
      const otherSender = build(ARP, arp(), { source: OTHER });
      expect(decoded(otherSender, linkType).sighting?.forwarded).toBe(true);
      const infinibandSender = build(ARP, arp(), { source: '80:00:02:08:fe:80:00:00' });
      expect(decoded(infinibandSender, linkType)).toEqual(seen);
      expect(decoded(otherSender.subarray(0, headerLength - 1), linkType)).toEqual({ verdict: 'short-link-header' });
    },
  );

  test('an 802.2 frame (protocol 4) may carry SNAP', () => {
    expect(decoded(linuxSll(4, bytes('aa aa 03 00 00 00 08 06', arp())), 'linux-sll')).toEqual(seen);
  });
});

describe('Links that do not tell who sent a frame', () => {
  const ndp = ndpFrame(routerSolicitation(sourceLinkLayer(DEVICE))).subarray(14);

  test('raw IP: DHCP tells chaddr, and nothing about forwarding', () => {
    expect(decoded(dhcpPacket, 'raw')).toEqual(seenByDhcp);
  });

  test('raw IPv6: Neighbor Discovery tells by its link-layer option only', () => {
    expect(decoded(ndp, 'raw').sighting?.mac).toBe(DEVICE);
    expect(decoded(ndpFrame(routerSolicitation()).subarray(14), 'raw')).toEqual({ verdict: 'other' });
  });

  test.each(['02000000', '00000002'])('BSD loopback reads IPv4 with the family as %s', (family) => {
    expect(decoded(bytes(family, dhcpPacket), 'null')).toEqual(seenByDhcp);
  });

  test.each(['0a000000', '18000000', '1c000000', '0000001e'])(
    'BSD loopback reads IPv6 with the family as %s',
    (family) => {
      expect(decoded(bytes(family, ndp), 'null').sighting?.mac).toBe(DEVICE);
    },
  );

  test('neither IPv4 nor IPv6 is nobody, and nothing at all is malformed', () => {
    expect(decoded(bytes('83 00 00 00'), 'raw')).toEqual({ verdict: 'other' });
    expect(decoded(bytes(''), 'raw')).toEqual({ verdict: 'short-link-header' });
    expect(decoded(bytes('02000000'), 'null')).toEqual({ verdict: 'short-link-header' });
  });
});

test('a frame that adds nothing leaves nothing of the frame before it', () => {
  decoded(dhcpFrame({ type: 5, yiaddr: '192.168.1.23' }, { tags: [[0x8100, 20]] }));
  const probe = ethernet(ARP, arp({ spa: '0.0.0.0', tpa: '0.0.0.0' }));
  expect(decoded(probe)).toEqual({ verdict: 'sighting', sighting: { mac: DEVICE, via: 'arp' } });
  expect(announcedBy(probe)).toBeNull();
  expect(decoded(ethernet(0x88cc, arp()))).toEqual({ verdict: 'other' });
});
