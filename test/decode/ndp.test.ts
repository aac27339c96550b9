import { describe, expect, test } from 'vitest';
import { announcedBy, decoded } from './decoded.js';
import {
  BROADCAST,
  bytes,
  DEVICE,
  icmpv6,
  LINK_LOCAL,
  ndpFrame,
  neighborAdvertisement,
  neighborSolicitation,
  OTHER,
  routerAdvertisement,
  routerAdvertisementFor,
  routerSolicitation,
  SERVER,
  sourceLinkLayer,
  targetLinkLayer,
} from './frames.js';

const GLOBAL = '2001:db8::23';
const TARGET = '2001:db8::1';
const ROUTER_FLAG = 0x80;
const other = { verdict: 'other' };
const sighting = { mac: DEVICE, via: 'ndp', ip: GLOBAL };
const fromGlobal = { source: GLOBAL };

describe('Solicitations (RFC 4861, 4.1 and 4.3)', () => {
  test('show the sender by its source link-layer address', () => {
    expect(decoded(ndpFrame(routerSolicitation(sourceLinkLayer(DEVICE)), {}, fromGlobal)).sighting).toEqual(sighting);
    expect(decoded(ndpFrame(neighborSolicitation(TARGET, sourceLinkLayer(DEVICE)), {}, fromGlobal)).sighting).toEqual(
      sighting,
    );
  });

  test('without the option, by the Ethernet source', () => {
    expect(decoded(ndpFrame(routerSolicitation(), {}, fromGlobal)).sighting).toEqual(sighting);
    expect(decoded(ndpFrame(neighborSolicitation(TARGET), {}, fromGlobal)).sighting).toEqual(sighting);
  });

  test('the option wins over another Ethernet source, and the sighting is marked', () => {
    const frame = ndpFrame(neighborSolicitation(TARGET, sourceLinkLayer(DEVICE)), { source: OTHER }, fromGlobal);
    expect(decoded(frame).sighting).toEqual({ ...sighting, forwarded: true });
  });

  test('the target link-layer address is not the sender', () => {
    expect(decoded(ndpFrame(neighborSolicitation(TARGET, targetLinkLayer(OTHER)), {}, fromGlobal)).sighting).toEqual(
      sighting,
    );
  });
});

describe('Advertisements (RFC 4861, 4.4)', () => {
  test('show the owner of the target by the target link-layer address', () => {
    expect(decoded(ndpFrame(neighborAdvertisement(GLOBAL, 0x20, targetLinkLayer(DEVICE)))).sighting).toEqual(sighting);
  });

  test('without the option, by the Ethernet source', () => {
    expect(decoded(ndpFrame(neighborAdvertisement(GLOBAL, 0x40))).sighting).toEqual(sighting);
  });

  test('the router flag announces no router: laptops that forward for their virtual machines set it', () => {
    expect(decoded(ndpFrame(neighborAdvertisement(GLOBAL, ROUTER_FLAG, targetLinkLayer(DEVICE))))).toEqual({
      verdict: 'sighting',
      sighting,
    });
  });
});

describe('Duplicate address detection (RFC 4862, 5.4.2)', () => {
  test('is a sighting without an address: the target is only tentative', () => {
    expect(decoded(ndpFrame(neighborSolicitation(GLOBAL), {}, { source: '::' })).sighting).toEqual({
      mac: DEVICE,
      via: 'ndp',
    });
  });
});

describe('Router advertisements (RFC 4861, 4.2)', () => {
  const fromRouter = { source: SERVER };
  const announced = { kind: 'router-advertisement', station: SERVER };

  test('announce their sender and show nobody', () => {
    for (const message of [routerAdvertisement(sourceLinkLayer(SERVER)), routerAdvertisement()]) {
      expect(decoded(ndpFrame(message, fromRouter))).toEqual(other);
      expect(announcedBy(ndpFrame(message, fromRouter))).toEqual(announced);
    }
    const inVlan = ndpFrame(routerAdvertisement(), { ...fromRouter, tags: [[0x8100, 20]] });
    expect(announcedBy(inVlan)).toEqual({ ...announced, vlan: 20 });
  });

  test('other options, such as prefix and MTU, are skipped', () => {
    const prefix = bytes([3, 4], new Array(30).fill(0));
    const mtu = bytes([5, 1], new Array(6).fill(0));
    const frame = ndpFrame(routerAdvertisement(prefix, sourceLinkLayer(SERVER), mtu), fromRouter);
    expect(announcedBy(frame)).toEqual(announced);
  });

  test('announce nothing unless they come from a link-local address (6.1.2)', () => {
    expect(announcedBy(ndpFrame(routerAdvertisement(), fromRouter, { source: GLOBAL }))).toBeNull();
  });

  test('announce nobody when they name another station: anybody could make a router of a victim', () => {
    const naming = (mac: string) => ndpFrame(routerAdvertisement(sourceLinkLayer(mac)), fromRouter);
    expect(announcedBy(naming(DEVICE))).toBeNull();
    expect(announcedBy(naming(BROADCAST))).toBeNull();
  });

  test('announce nobody with a lifetime of 0, which says that the sender is no router (4.2)', () => {
    const lasting = (lifetime: number) =>
      announcedBy(ndpFrame(routerAdvertisementFor(lifetime, sourceLinkLayer(SERVER)), fromRouter));
    expect(lasting(0)).toBeNull();
    expect(lasting(1)).toEqual(announced);
  });

  test('announce nobody after they have passed a router', () => {
    expect(announcedBy(ndpFrame(routerAdvertisement(), fromRouter, { hopLimit: 254 }))).toBeNull();
  });
});

describe('Validity (RFC 4861, 6.1 and 7.1)', () => {
  test('what has passed a router (hop limit below 255) is nobody', () => {
    expect(decoded(ndpFrame(routerSolicitation(sourceLinkLayer(DEVICE)), {}, { hopLimit: 254 }))).toEqual(other);
  });

  test('a code other than 0 is nobody', () => {
    expect(decoded(ndpFrame(icmpv6(133, bytes('00000000', sourceLinkLayer(DEVICE)), 1)))).toEqual(other);
  });

  test('other ICMPv6 messages are nobody, even when short: echo, multicast listener reports, redirects', () => {
    for (const type of [1, 128, 129, 132, 137, 143]) expect(decoded(ndpFrame(icmpv6(type, '')))).toEqual(other);
  });

  test.each([
    ['router solicitation', routerSolicitation(), 8],
    ['router advertisement', routerAdvertisement(), 16],
    ['neighbour solicitation', neighborSolicitation(TARGET), 24],
    ['neighbour advertisement', neighborAdvertisement(TARGET, 0), 24],
  ])('a %s shorter than its fixed part is malformed', (_, message, length) => {
    expect(decoded(ndpFrame(message.subarray(0, length))).verdict).not.toBe('short-icmpv6');
    expect(decoded(ndpFrame(message.subarray(0, length - 1)))).toEqual({ verdict: 'short-icmpv6' });
    expect(decoded(ndpFrame(message.subarray(0, 3)))).toEqual({ verdict: 'short-icmpv6' });
  });

  test('an option of length zero (4.6), cut short, or running past the end is malformed', () => {
    for (const option of ['01 00 000000000000', '01 01 3c22fb', '01 02 3c22fb000001', '01']) {
      expect(decoded(ndpFrame(routerSolicitation(bytes(option))))).toEqual({ verdict: 'bad-icmpv6' });
    }
  });

  test('a link-layer address that is not of Ethernet length is passed over', () => {
    const long = bytes([1, 2], new Array(14).fill(0x42));
    expect(decoded(ndpFrame(routerSolicitation(long))).sighting?.mac).toBe(DEVICE);
  });

  test('a link-layer address that no device can have is nobody', () => {
    expect(decoded(ndpFrame(routerSolicitation(sourceLinkLayer(BROADCAST))))).toEqual(other);
  });
});

test('the link-local address of an ordinary solicitation is the device address', () => {
  expect(decoded(ndpFrame(routerSolicitation())).sighting?.ip).toBe(LINK_LOCAL);
});
