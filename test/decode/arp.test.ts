import { describe, expect, test } from 'vitest';
import { announcedBy, decoded } from './decoded.js';
import { ARP, arp, BROADCAST, bytes, DEVICE, ethernet, OTHER } from './frames.js';

const other = { verdict: 'other' };

describe('ARP (RFC 826)', () => {
  test.each([1, 2])('a request or reply (opcode %i) shows its sender', (opcode) => {
    expect(decoded(ethernet(ARP, arp({ opcode })))).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'arp', ip: '192.168.1.23' },
    });
  });

  test('other opcodes show nobody (RFC 5494): 0, RARP, InARP', () => {
    for (const opcode of [0, 3, 4, 8, 9, 257]) expect(decoded(ethernet(ARP, arp({ opcode })))).toEqual(other);
  });

  test('only IPv4 over Ethernet counts', () => {
    expect(decoded(ethernet(ARP, arp({ htype: 6 })))).toEqual(other);
    expect(decoded(ethernet(ARP, arp({ ptype: 0x86dd })))).toEqual(other);
    expect(decoded(ethernet(ARP, arp({ hlen: 8 })))).toEqual(other);
    expect(decoded(ethernet(ARP, arp({ plen: 16 })))).toEqual(other);
  });

  test('zero, broadcast and multicast senders are no devices', () => {
    for (const sha of ['00:00:00:00:00:00', BROADCAST, '01:00:5e:00:00:fb', '33:33:00:00:00:01']) {
      expect(decoded(ethernet(ARP, arp({ sha })))).toEqual(other);
    }
  });

  test('padding to the minimum frame size does not matter', () => {
    expect(decoded(bytes(ethernet(ARP, arp()), new Array(18).fill(0xaa))).sighting?.mac).toBe(DEVICE);
  });

  test('a packet cut short is malformed', () => {
    const frame = ethernet(ARP, arp());
    for (const length of [14, 21, 22, 41]) expect(decoded(frame.subarray(0, length))).toEqual({ verdict: 'short-arp' });
  });
});

describe('Address conflict detection (RFC 5227)', () => {
  test('a probe (2.1.1), which has no sender address, is a sighting without an address; it says which one it asks for', () => {
    const probe = ethernet(ARP, arp({ spa: '0.0.0.0', tpa: '192.168.1.23' }));
    expect(decoded(probe)).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'arp', probed: '192.168.1.23' },
    });
    expect(announcedBy(probe)).toBeNull();
  });

  test('an announcement (2.3) gives the address', () => {
    const announcement = ethernet(ARP, arp({ spa: '192.168.1.23', tpa: '192.168.1.23' }));
    expect(decoded(announcement).sighting?.ip).toBe('192.168.1.23');
  });
});

describe('A sender that is not the Ethernet source', () => {
  test('is the device, and is marked: a proxy (RFC 1027), a repeater, Microsoft NLB', () => {
    expect(decoded(ethernet(ARP, arp(), { source: OTHER })).sighting).toEqual({
      mac: DEVICE,
      via: 'arp',
      ip: '192.168.1.23',
      forwarded: true,
    });
  });

  test('does not say that the device holds its address; one that sends for itself does', () => {
    expect(announcedBy(ethernet(ARP, arp(), { source: OTHER }))).toBeNull();
    expect(announcedBy(ethernet(ARP, arp()))).toEqual({
      kind: 'holds-ipv4',
      station: DEVICE,
      stationIpv4: '192.168.1.23',
    });
  });
});
