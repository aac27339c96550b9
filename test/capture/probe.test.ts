// The frames that ask a device whether it is still here, octet by octet, and whom they cannot ask.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMac, parseMac } from '../../src/addresses/mac-address.js';
import { chooseWay, type OwnAddresses, type Probe, probeFrame } from '../../src/capture/probe.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { bytes, ipv4Address, ipv6Address } from '../decode/frames.js';

const DEVICE = '3c:22:fb:00:00:01';
const SENSOR = '00:1b:21:00:00:02';
const LINK_LOCAL = 'fe80::21b:21ff:fe00:2';
const number = (ip: string) => Buffer.from(ipv4Address(ip)).readUInt32BE();

const OWN: OwnAddresses = {
  mac: parseMac(SENSOR) ?? 0,
  ipv4s: [
    { address: number('10.20.0.2'), mask: number('255.255.255.0') },
    { address: number('192.168.1.2'), mask: number('255.255.0.0') },
  ],
  linkLocal: ipv6Address(LINK_LOCAL),
};

function probe(shown: Partial<Omit<Probe, 'ipv4s'>> & { ipv4s?: string[] } = {}): Probe {
  const { ipv4s = [], ...rest } = shown;
  return { mac: parseMac(DEVICE) ?? 0, ipv6s: [], heardOn: 0, earlier: 0, ...rest, ipv4s: ipv4s.map(number) };
}

const asked = (ipv4s: string[], earlier = 0, own = OWN) => {
  const frame = probeFrame(probe({ ipv4s, earlier }), own);
  return frame === null ? null : [...frame.subarray(38, 42)].join('.');
};

test('an ARP request (RFC 826), to the device alone, from the address in its network', () => {
  expect(probeFrame(probe({ ipv4s: ['192.168.7.5'] }), OWN)?.toString('hex')).toBe(
    Buffer.from(
      bytes(
        ...[DEVICE, SENSOR, '08 06', '00 01', '08 00', '06 04', '00 01'],
        ...[SENSOR, ipv4Address('192.168.1.2'), '00 00 00 00 00 00', ipv4Address('192.168.7.5')],
      ),
    ).toString('hex'),
  );
});

test('a neighbour solicitation (RFC 4861, 4.3), to the device alone, from the link-local address', () => {
  const frame = probeFrame(probe({ ipv6s: ['fd77::5'] }), OWN);
  const target = ipv6Address('fd77::5');
  expect(frame?.toString('hex')).toBe(
    Buffer.from(
      bytes(
        ...[DEVICE, SENSOR, '86 dd', '60 00 00 00', '00 20 3a ff', ipv6Address(LINK_LOCAL), target],
        // The checksum as `tcpdump -vv` confirms it.
        ...['87 00', '3a ef', '00 00 00 00', target, '01 01', SENSOR],
      ),
    ).toString('hex'),
  );
});

test('who has shown an address of IPv4 is asked for that one, if the sensor is in its network', () => {
  const both = probe({ ipv4s: ['10.20.0.5'], ipv6s: ['fe80::5'] });
  expect(probeFrame(both, OWN)?.readUInt16BE(12)).toBe(0x0806);
  expect(probeFrame(both, { ...OWN, ipv4s: [] })?.readUInt16BE(12)).toBe(0x86dd);
  expect(probeFrame(probe({ ipv6s: ['fe80::5'] }), { ...OWN, linkLocal: null })).toBeNull();
});

test('of several addresses the latest of the own network is asked for, then the one before it', () => {
  expect(asked(['10.20.0.5', '10.20.0.6', '172.16.0.9'])).toBe('10.20.0.6');
  expect(asked(['10.20.0.5', '10.20.0.6', '172.16.0.9'], 1)).toBe('10.20.0.5');
  expect(asked(['10.20.0.5', '10.20.0.6', '172.16.0.9'], 2)).toBe('10.20.0.6');
});

test('nobody is asked for an address of another network, for the own one, or for none', () => {
  expect(asked(['172.16.0.9'])).toBeNull();
  expect(asked(['10.20.0.2'])).toBeNull();
  expect(asked([])).toBeNull();
});

test('what an attacker claims and no device can have is not asked for: other own addresses, broadcast, multicast, loopback', () => {
  const two = { ...OWN, ipv4s: [...OWN.ipv4s, { address: number('10.20.0.3'), mask: number('255.255.255.0') }] };
  expect(asked(['10.20.0.3'], 0, two)).toBeNull();
  const claims = [
    '10.20.0.0',
    '10.20.0.255',
    '192.168.255.255',
    '255.255.255.255',
    '224.0.0.251',
    '127.0.0.1',
    '0.0.0.7',
  ];
  const anywhere = { ...OWN, ipv4s: [], linkLocal: null };
  for (const claim of claims) {
    expect(asked([claim])).toBeNull();
    // The true address is asked for all the same.
    expect(asked(['10.20.0.5', claim])).toBe('10.20.0.5');
  }
  for (const claim of claims.slice(3)) expect(asked([claim], 0, anywhere)).toBeNull();
  // A link of two addresses has no broadcast (RFC 3021).
  const pair = { ...OWN, ipv4s: [{ address: number('10.20.0.2'), mask: number('255.255.255.254') }] };
  expect(asked(['10.20.0.3'], 0, pair)).toBe('10.20.0.3');
  for (const claim of ['ff02::1', 'ff05::1:3', '::1']) {
    expect(probeFrame(probe({ ipv6s: [claim] }), OWN)).toBeNull();
    const target = probeFrame(probe({ ipv6s: ['fd77::5', claim] }), OWN)?.subarray(62, 78);
    expect(target?.toString('hex')).toBe(Buffer.from(ipv6Address('fd77::5')).toString('hex'));
  }
});

test('a device is asked only where it was heard: a guest who claims an address of the staff makes nobody send to the staff', () => {
  const net = (ip: string) => ({ ...OWN, ipv4s: [{ address: number(ip), mask: number('255.255.255.0') }] });
  const ways = [
    { bit: 1, own: net('10.20.0.2') },
    { bit: 2, own: { ...net('10.30.0.2'), linkLocal: null } },
    { bit: 4, own: net('10.20.0.3') },
  ];
  const through = (heardOn: number, ipv4s: string[], earlier = 0, ipv6s: string[] = []) =>
    chooseWay(probe({ ipv4s, ipv6s, heardOn, earlier }), ways)?.way.bit ?? null;
  expect(through(2, ['10.20.0.5'])).toBeNull();
  expect(through(2, [], 0, ['fe80::5'])).toBeNull();
  expect(through(2, ['10.30.0.5', '10.20.0.5'])).toBe(2);
  // Two interfaces in one network take turns, if both have heard it.
  expect([0, 1, 2].map((earlier) => through(5, ['10.20.0.5'], earlier))).toEqual([1, 4, 1]);
  expect([0, 1].map((earlier) => through(4, ['10.20.0.5'], earlier))).toEqual([4, 4]);
  // The source did not say where.
  expect(through(0, ['10.20.0.5'])).toBe(1);
});

test('an interface without an address asks as a host that has none yet (RFC 5227, 1.1)', () => {
  const none = { ...OWN, ipv4s: [], linkLocal: null };
  const frame = probeFrame(probe({ ipv4s: ['10.20.0.5'], ipv6s: ['fe80::5'] }), none);
  expect(frame?.subarray(0, 12)).toEqual(Buffer.from(bytes(DEVICE, SENSOR)));
  expect(frame?.subarray(22, 32)).toEqual(Buffer.from(bytes(SENSOR, ipv4Address('0.0.0.0'))));
  expect(asked(['10.20.0.5'], 0, none)).toBe('10.20.0.5');
});

test('of IPv6 addresses the link-local one is asked for, which does not change', () => {
  const target = (ipv6s: string[]) => probeFrame(probe({ ipv6s }), OWN)?.subarray(62, 78).toString('hex');
  expect(target(['fe80::5', 'fd77::5'])).toBe(Buffer.from(ipv6Address('fe80::5')).toString('hex'));
  expect(target(['fd77::5', 'fd77::6'])).toBe(Buffer.from(ipv6Address('fd77::6')).toString('hex'));
});

test('no probe is ever sent to more than one device, and each says truly who asks', () => {
  const [sighting, announcement] = [new Sighting(), new Announcement()];
  // Addresses that a device can have: 10.0.0.0/8, no end of a network of 16; unicast.
  const ipv4 = fc
    .tuple(fc.nat(0xfffff), fc.integer({ min: 2, max: 13 }))
    .map(([net, host]) => 0x0a000000 + net * 16 + host);
  const octets = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((any) => Uint8Array.from([0x20, ...any.slice(1)]));
  const mac = fc.integer({ min: 1, max: 2 ** 40 - 1 }).map((low) => 0x3c_0000000000 + low);
  fc.assert(
    fc.property(mac, mac, ipv4, octets, fc.boolean(), (device, ownMac, ip, target, hasIpv4) => {
      const ipv6 = [...Array(8).keys()].map((i) =>
        ((target[2 * i] ?? 0) * 256 + (target[2 * i + 1] ?? 0)).toString(16),
      );
      const asks = { mac: device, ipv4s: hasIpv4 ? [ip] : [], ipv6s: [ipv6.join(':')], heardOn: 0, earlier: 0 };
      const own = { mac: ownMac, ipv4s: [{ address: (ip ^ 1) >>> 0, mask: 0xfffffff0 }], linkLocal: OWN.linkLocal };
      const frame = probeFrame(asks, own);
      expect(frame?.readUIntBE(0, 6)).toBe(device);
      expect(frame?.readUIntBE(6, 6)).toBe(ownMac);
      if (frame === null) return;
      expect(decodeFrame(frame, frame.length, 'ethernet', sighting, announcement)).toBe('sighting');
      expect(formatMac(sighting.mac)).toBe(formatMac(ownMac));
      if (!hasIpv4) expect(internetSum(frame)).toBe(0xffff);
    }),
  );
});

/** Over the pseudo-header and the message with its checksum: all ones when that is right (RFC 1071). */
function internetSum(frame: Buffer): number {
  let sum = frame.readUInt16BE(18) + 58;
  for (let at = 22; at < frame.length; at += 2) sum += frame.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
