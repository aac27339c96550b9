import { describe, expect, test } from 'vitest';
import { announcedBy, decoded } from './decoded.js';
import {
  ascii,
  BROADCAST,
  bytes,
  DEVICE,
  dhcpv6,
  dhcpv6Frame,
  duidLl,
  duidLlt,
  ethernet,
  IPV6,
  ipv6,
  LINK_LOCAL,
  OTHER,
  option6,
  relayForward,
  SERVER,
  UDP,
  u16,
  udp,
  wireName,
} from './frames.js';

const SOLICIT = 1;
const GLOBAL = '2001:db8::23';
const UNIQUE_LOCAL = 'fd12:3456::23';
const other = { verdict: 'other' };
const clientId = (duid: Uint8Array) => option6(1, duid);
const relayed = (message: Uint8Array) => option6(9, message);
const noted = (mac: string, hardwareType = 1) => option6(79, bytes(u16(hardwareType), mac));
const fromRelay = (message: Uint8Array) => dhcpv6Frame(message, { source: SERVER }, { source: 'fe80::fe' });

describe('Clients (RFC 8415, 7.3)', () => {
  test.each([1, 3, 4, 5, 6, 9, 11])('message type %i shows the device', (type) => {
    expect(decoded(dhcpv6Frame(dhcpv6(type)))).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'dhcpv6', ip: LINK_LOCAL },
    });
  });

  test('RELEASE does not: the device is leaving', () => {
    expect(decoded(dhcpv6Frame(dhcpv6(8)))).toEqual(other);
  });

  test('types that a client does not send for itself do not: RECONFIGURE, RELAY-REPL, LEASEQUERY (RFC 5007), unknown ones', () => {
    for (const type of [0, 10, 13, 14, 255]) expect(decoded(dhcpv6Frame(dhcpv6(type)))).toEqual(other);
  });

  test('what a client tells of itself is kept: DUID and name (RFC 4704)', () => {
    const fqdn = option6(39, bytes([0], wireName('laptop.example.org')));
    expect(decoded(dhcpv6Frame(dhcpv6(SOLICIT, clientId(duidLl(DEVICE)), option6(8, [0, 0]), fqdn))).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcpv6',
      ip: LINK_LOCAL,
      clientId: '000300013c22fb000001',
      hostname: 'laptop.example.org',
    });
  });

  test('a partial name (RFC 4704, 4.2) is a name; flags alone are none', () => {
    const name = (value: Uint8Array) => decoded(dhcpv6Frame(dhcpv6(SOLICIT, option6(39, value)))).sighting?.hostname;
    expect(name(bytes([0], wireName('laptop', true)))).toBe('laptop');
    expect(name(bytes([0]))).toBeUndefined();
  });
});

describe('Whose MAC (RFC 8415, 11)', () => {
  const solicit = (duid: Uint8Array) => dhcpv6(SOLICIT, clientId(duid));

  test('straight from a client, the Ethernet source: a DUID is often made from another of its interfaces', () => {
    const sighting = decoded(dhcpv6Frame(solicit(duidLlt(OTHER)))).sighting;
    expect(sighting?.mac).toBe(DEVICE);
    expect(sighting?.forwarded).toBeUndefined();
  });

  test.each([
    ['DUID-LLT (11.2)', duidLlt(DEVICE)],
    ['DUID-LL (11.4)', duidLl(DEVICE)],
  ])('where the Ethernet source is not the client, or not known, the address in the %s', (_, duid) => {
    const message = solicit(duid);
    const unicast = dhcpv6Frame(message, { source: SERVER }, { source: UNIQUE_LOCAL });
    expect(decoded(unicast).sighting).toMatchObject({ mac: DEVICE, ip: UNIQUE_LOCAL, forwarded: true });
    const packet = ipv6(UDP, udp(message, { source: 546, destination: 547 }));
    const onRawLink = decoded(packet, 'raw').sighting;
    expect(onRawLink).toMatchObject({ mac: DEVICE, ip: LINK_LOCAL });
    expect(onRawLink?.forwarded).toBeUndefined();
  });

  test('other DUIDs tell no MAC: DUID-EN, DUID-UUID, another hardware type, wrong lengths', () => {
    for (const duid of [
      '0002 0000 0009 0cc0 84d3',
      '0004 00112233445566778899aabbccddeeff',
      '0003 0020 3c22fb000001',
      '0003 0001 3c22',
      '03',
    ]) {
      expect(decoded(dhcpv6Frame(solicit(bytes(duid)), {}, { source: UNIQUE_LOCAL }))).toEqual(other);
    }
    expect(decoded(dhcpv6Frame(dhcpv6(SOLICIT), {}, { source: UNIQUE_LOCAL }))).toEqual(other);
  });

  test('hardware type 6 (IEEE 802) is Ethernet too', () => {
    const message = solicit(bytes('0003 0006', DEVICE));
    expect(decoded(dhcpv6Frame(message, {}, { source: UNIQUE_LOCAL })).sighting?.mac).toBe(DEVICE);
  });

  test('a DUID of more than 130 octets (11.1) is not kept', () => {
    const kept = (length: number) => decoded(dhcpv6Frame(solicit(new Uint8Array(length)))).sighting?.clientId;
    expect(kept(130)).toHaveLength(260);
    expect(kept(131)).toBeUndefined();
  });

  test('broadcast and multicast are no devices', () => {
    expect(decoded(dhcpv6Frame(solicit(duidLl(DEVICE)), { source: BROADCAST }))).toEqual(other);
    expect(decoded(dhcpv6Frame(solicit(duidLl('01:00:5e:00:00:01')), {}, { source: UNIQUE_LOCAL }))).toEqual(other);
  });
});

describe('Relays (RFC 8415, 9)', () => {
  const solicit = dhcpv6(SOLICIT, clientId(duidLl(OTHER)));
  const peer = 'fe80::23';

  test('the client is whom its own relay noted (RFC 6939), else the one in its DUID', () => {
    expect(decoded(fromRelay(relayForward(peer, noted(DEVICE), relayed(solicit)))).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcpv6',
      ip: peer,
      clientId: '000300013c22fb000002',
      forwarded: true,
    });
    expect(decoded(fromRelay(relayForward(peer, relayed(solicit), noted(DEVICE)))).sighting?.mac).toBe(DEVICE);
    expect(decoded(fromRelay(relayForward(peer, relayed(solicit)))).sighting).toMatchObject({
      mac: OTHER,
      forwarded: true,
    });
    expect(decoded(fromRelay(relayForward(peer, relayed(solicit), noted(DEVICE, 32)))).sighting?.mac).toBe(OTHER);
  });

  test('in nested relays, the innermost is the client’s own', () => {
    const inner = relayForward(peer, relayed(solicit), noted(DEVICE));
    const outer = relayForward('fe80::1', noted(SERVER), relayed(inner));
    expect(decoded(fromRelay(outer)).sighting).toMatchObject({ mac: DEVICE, ip: peer });
    const innerWithoutNote = relayForward(peer, relayed(solicit));
    expect(decoded(fromRelay(relayForward('fe80::1', noted(SERVER), relayed(innerWithoutNote)))).sighting?.mac).toBe(
      OTHER,
    );
  });

  test('an unspecified peer is no address', () => {
    expect(decoded(fromRelay(relayForward('::', relayed(solicit)))).sighting?.ip).toBeUndefined();
  });

  test('more than eight relays (7.6) are malformed', () => {
    const nested = (depth: number) => {
      let message = solicit;
      for (let i = 0; i < depth; i++) message = relayForward(peer, relayed(message));
      return decoded(fromRelay(message)).verdict;
    };
    expect(nested(8)).toBe('sighting');
    expect(nested(9)).toBe('bad-dhcpv6');
  });

  test('a relay message that is missing, empty, or shorter than its own header is malformed', () => {
    expect(decoded(fromRelay(relayForward(peer)))).toEqual({ verdict: 'bad-dhcpv6' });
    expect(decoded(fromRelay(relayForward(peer, relayed(bytes('01 00 00')))))).toEqual({ verdict: 'bad-dhcpv6' });
    expect(decoded(fromRelay(relayForward(peer).subarray(0, 33)))).toEqual({ verdict: 'short-dhcpv6' });
    expect(decoded(fromRelay(bytes(relayForward(peer), '00 09 00 30 01')))).toEqual({ verdict: 'bad-dhcpv6' });
  });

  test('a relayed message that the first fragment cuts off is malformed', () => {
    const whole = relayForward(peer, relayed(solicit));
    const datagram = udp(whole.subarray(0, whole.length - 1), {
      source: 547,
      destination: 547,
      length: 8 + whole.length,
    });
    expect(decoded(ethernet(IPV6, ipv6(UDP, datagram)))).toEqual({ verdict: 'short-dhcpv6' });
  });

  test('a server’s message inside a relay-forward announces nobody', () => {
    expect(decoded(fromRelay(relayForward(peer, relayed(dhcpv6(7)))))).toEqual(other);
  });
});

describe('Clients and servers, as far as equipment is concerned (RFC 8415, 18.3)', () => {
  const duid = clientId(duidLl(DEVICE));

  test.each([
    [2, 'dhcpv6-advertise'],
    [7, 'dhcpv6-reply'],
  ])('message type %i shows nobody; it is announced as an answer (%s) to whom the request came from', (type, kind) => {
    const answer = dhcpv6Frame(dhcpv6(type, duid), { source: SERVER, tags: [[0x8100, 20]] }, { source: 'fe80::fe' });
    expect(decoded(answer)).toEqual(other);
    const request = announcedBy(dhcpv6Frame(dhcpv6(SOLICIT, duid)));
    expect(request).toMatchObject({ kind: 'dhcpv6-request', station: DEVICE, xid: 0x123456 });
    const { client, xid } = request ?? {};
    expect(announcedBy(answer)).toEqual({ kind, station: SERVER, vlan: 20, client, xid });
  });

  test('no hash of a DUID is the address of a client of DHCPv4', () => {
    expect(announcedBy(dhcpv6Frame(dhcpv6(SOLICIT, duid)))?.client).toBeGreaterThanOrEqual(2 ** 48);
  });

  test('what names no client, and what does not come from a link-local address, announces nobody', () => {
    const from = (source: string) => ({ source });
    expect(announcedBy(dhcpv6Frame(dhcpv6(7), { source: SERVER }))).toBeNull();
    expect(announcedBy(dhcpv6Frame(dhcpv6(7, duid), { source: SERVER }, from(UNIQUE_LOCAL)))).toBeNull();
    expect(announcedBy(dhcpv6Frame(dhcpv6(7, duid), { source: SERVER }, from(GLOBAL)))).toBeNull();
  });

  test('an impossible Ethernet source is not announced', () => {
    expect(announcedBy(dhcpv6Frame(dhcpv6(7, duid), { source: BROADCAST }))?.station).toBeUndefined();
  });
});

describe('From outside', () => {
  test('a message from a public address is no evidence, whatever it holds and whoever relays it', () => {
    const fields = { source: GLOBAL, hopLimit: 47 };
    const message = dhcpv6(5, clientId(duidLl(DEVICE)));
    expect(decoded(dhcpv6Frame(message, { source: SERVER }, fields))).toEqual(other);
    expect(decoded(dhcpv6Frame(relayForward('fe80::23', relayed(message)), { source: SERVER }, fields))).toEqual(other);
    for (const source of ['::', '::1', 'fec0::23', 'ff02::1']) {
      expect(decoded(dhcpv6Frame(message, { source: SERVER }, { source }))).toEqual(other);
    }
  });

  test('one from a unique local address that a router of the house passed on still counts', () => {
    const renewal = dhcpv6Frame(
      dhcpv6(5, clientId(duidLl(DEVICE))),
      { source: SERVER },
      { source: UNIQUE_LOCAL, hopLimit: 63 },
    );
    expect(decoded(renewal).sighting).toMatchObject({ mac: DEVICE, forwarded: true });
  });
});

describe('Lengths', () => {
  test('a message shorter than its header is malformed', () => {
    expect(decoded(dhcpv6Frame(bytes('01 12 34')))).toEqual({ verdict: 'short-dhcpv6' });
  });

  test('an option that is cut short or runs past the end (RFC 8415, 21.1) is malformed', () => {
    expect(decoded(dhcpv6Frame(dhcpv6(SOLICIT, bytes('00 01 00'))))).toEqual({ verdict: 'bad-dhcpv6' });
    expect(decoded(dhcpv6Frame(dhcpv6(SOLICIT, bytes('00 01 00 05 00'))))).toEqual({ verdict: 'bad-dhcpv6' });
  });

  test('unless the message is known to be cut there', () => {
    const datagram = udp(dhcpv6(SOLICIT, bytes('00 01 00')), { source: 546, destination: 547, length: 200 });
    expect(decoded(ethernet(IPV6, ipv6(UDP, datagram))).sighting?.mac).toBe(DEVICE);
  });

  test('options of no interest, however long, are passed over', () => {
    expect(decoded(dhcpv6Frame(dhcpv6(SOLICIT, option6(16, ascii('x'.repeat(600)))))).sighting?.mac).toBe(DEVICE);
  });
});
