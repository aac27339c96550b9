import { describe, expect, test } from 'vitest';
import { announcedBy, decoded } from './decoded.js';
import {
  ACK,
  ascii,
  BROADCAST,
  bytes,
  DECLINE,
  DEVICE,
  DISCOVER,
  dhcp,
  dhcpFrame,
  ethernet,
  INFORM,
  IPV4,
  ipv4,
  ipv4Address,
  NAK,
  OFFER,
  OTHER,
  option,
  RELEASE,
  REQUEST,
  SERVER,
  udp,
} from './frames.js';

const other = { verdict: 'other' };
const requested = option(50, ipv4Address('192.168.1.50'));
const serverId = option(54, ipv4Address('192.168.1.2'));
const routers = option(3, [...ipv4Address('192.168.1.1'), ...ipv4Address('192.168.1.254')]);

describe('Clients (RFC 2131, 4.4)', () => {
  test.each([DISCOVER, REQUEST, DECLINE, INFORM])('message type %i shows the device', (type) => {
    expect(decoded(dhcpFrame({ type }))).toEqual({ verdict: 'sighting', sighting: { mac: DEVICE, via: 'dhcp' } });
  });

  test('RELEASE does not: the device is leaving', () => {
    expect(decoded(dhcpFrame({ type: RELEASE, ciaddr: '192.168.1.23' }))).toEqual(other);
  });

  test('types that a client does not send for itself do not: OFFER, ACK and NAK as requests, LEASEQUERY (RFC 4388), unknown ones', () => {
    for (const type of [0, OFFER, ACK, NAK, 9, 10, 13, 255]) expect(decoded(dhcpFrame({ type, op: 1 }))).toEqual(other);
  });

  test('all that a client tells of itself is kept raw', () => {
    const options = [
      option(61, bytes([1], DEVICE)),
      option(60, ascii('android-dhcp-14')),
      option(12, ascii('Pixel-8')),
      option(55, [1, 3, 6, 15, 26, 28, 51, 58, 59, 43]),
    ];
    expect(decoded(dhcpFrame({ options })).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcp',
      hostname: 'Pixel-8',
      vendorClass: 'android-dhcp-14',
      clientId: '013c22fb000001',
      parameterList: '0103060f1a1c333a3b2b',
    });
  });
});

describe('The address of a client (RFC 2131, table 5)', () => {
  test('REQUEST: ciaddr when it renews, else the requested address (option 50)', () => {
    expect(decoded(dhcpFrame({ type: REQUEST, options: [requested] })).sighting?.ip).toBe('192.168.1.50');
    expect(decoded(dhcpFrame({ type: REQUEST, ciaddr: '192.168.1.23', options: [requested] })).sighting?.ip).toBe(
      '192.168.1.23',
    );
  });

  test('DISCOVER: a requested address is a wish, not an address', () => {
    expect(decoded(dhcpFrame({ type: DISCOVER, options: [requested] })).sighting?.ip).toBeUndefined();
  });

  test('DECLINE: the requested address is the one found in use by somebody else', () => {
    expect(decoded(dhcpFrame({ type: DECLINE, options: [requested] })).sighting?.ip).toBeUndefined();
  });

  test('INFORM: ciaddr', () => {
    expect(decoded(dhcpFrame({ type: INFORM, ciaddr: '192.168.1.23' })).sighting?.ip).toBe('192.168.1.23');
  });

  test('a requested address that is not four octets is none', () => {
    expect(decoded(dhcpFrame({ type: REQUEST, options: [option(50, [192, 168, 1])] })).sighting?.ip).toBeUndefined();
  });
});

describe('Servers (RFC 2131, 4.3)', () => {
  test('ACK shows the client with its yiaddr, and announces who answers whom, the server, the router and the network', () => {
    const options = [option(1, [255, 255, 255, 0]), serverId, routers];
    const ack = dhcpFrame(
      { type: ACK, xid: 0xfedcba98, yiaddr: '192.168.1.23', ciaddr: '192.168.1.9', options },
      { tags: [[0x8100, 20]] },
    );
    expect(decoded(ack)).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'dhcp', vlan: 20, ip: '192.168.1.23' },
    });
    expect(announcedBy(ack)).toEqual({
      kind: 'dhcp-ack',
      station: SERVER,
      vlan: 20,
      stationIpv4: '192.168.1.1',
      client: DEVICE,
      xid: 0xfedcba98,
      serverIpv4: '192.168.1.2',
      routerIpv4: '192.168.1.1',
      subnetMask: '255.255.255.0',
    });
  });

  test('ACK of an INFORM (4.3.5), which has no yiaddr, gives ciaddr', () => {
    expect(decoded(dhcpFrame({ type: ACK, ciaddr: '192.168.1.23' })).sighting?.ip).toBe('192.168.1.23');
  });

  test('ACK names the client, and what it says about the server is not taken for the client', () => {
    const options = [
      option(12, ascii('laptop')),
      option(61, bytes([1], DEVICE)),
      option(60, ascii('PXEClient')),
      option(55, [1]),
    ];
    expect(decoded(dhcpFrame({ type: ACK, yiaddr: '192.168.1.23', options })).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcp',
      ip: '192.168.1.23',
      hostname: 'laptop',
      clientId: '013c22fb000001',
    });
  });

  test('a client that selects a server (4.3.2) names it; one that only wishes or renews does not', () => {
    const request = { kind: 'dhcp-request', station: DEVICE, client: DEVICE, xid: 0x3903f326 };
    expect(announcedBy(dhcpFrame({ type: REQUEST, options: [serverId, requested] }))).toEqual({
      ...request,
      serverIpv4: '192.168.1.2',
    });
    expect(announcedBy(dhcpFrame({ type: DISCOVER, options: [serverId, routers] }))).toEqual(request);
    expect(announcedBy(dhcpFrame({ type: REQUEST, ciaddr: '192.168.1.23' }))).toEqual(request);
  });

  test('OFFER shows nobody, but announces', () => {
    const offer = dhcpFrame({ type: OFFER, yiaddr: '192.168.1.23', options: [serverId, routers] });
    expect(decoded(offer)).toEqual(other);
    expect(announcedBy(offer)).toMatchObject({ kind: 'dhcp-offer', station: SERVER, client: DEVICE });
  });

  test('NAK and a BOOTP reply show nobody and announce nothing', () => {
    for (const frame of [
      dhcpFrame({ type: NAK, options: [serverId] }),
      dhcpFrame({ type: null, op: 2, yiaddr: '192.168.1.23' }),
    ]) {
      expect(decoded(frame)).toEqual(other);
      expect(announcedBy(frame)).toBeNull();
    }
  });

  test('the Ethernet source of an impossible server is not announced', () => {
    expect(announcedBy(dhcpFrame({ type: OFFER }, { source: BROADCAST }))?.station).toBeUndefined();
  });
});

describe('Relays (RFC 1542, 4.1; RFC 3046)', () => {
  const option82 = option(82, bytes(option(1, ascii('port 7')), option(2, ascii('switch 3'))));

  test('the device is chaddr, not the relay that is the Ethernet source, and is marked', () => {
    const relayed = dhcpFrame(
      { type: REQUEST, giaddr: '10.0.0.1', options: [requested, option82] },
      { source: SERVER },
    );
    expect(decoded(relayed).sighting).toEqual({ mac: DEVICE, via: 'dhcp', ip: '192.168.1.50', forwarded: true });
  });

  test('giaddr alone marks it, and so does another Ethernet source alone', () => {
    expect(decoded(dhcpFrame({ giaddr: '10.0.0.1' })).sighting?.forwarded).toBe(true);
    expect(decoded(dhcpFrame({}, { source: OTHER })).sighting?.forwarded).toBe(true);
  });

  test('a repeater sends the broadcast of a client without an address under its own MAC; a relay or a router is none', () => {
    const repeater = (...frame: Parameters<typeof dhcpFrame>) => decoded(dhcpFrame(...frame)).sighting?.repeater;
    expect(repeater({}, { source: OTHER })).toBe(OTHER);
    expect(repeater({})).toBeUndefined();
    expect(repeater({}, { source: BROADCAST })).toBeUndefined();
    expect(repeater({ giaddr: '10.0.0.1' }, { source: SERVER })).toBeUndefined();
    const renewal = { type: REQUEST, ciaddr: '192.168.1.23' };
    expect(repeater(renewal, { source: SERVER }, { source: '192.168.1.23' })).toBeUndefined();
  });

  test('an answer through a relay is marked, and says so', () => {
    const answer = dhcpFrame({ type: ACK, yiaddr: '192.168.1.23', giaddr: '10.0.0.1', options: [serverId, option82] });
    expect(decoded(answer)).toEqual({
      verdict: 'sighting',
      sighting: { mac: DEVICE, via: 'dhcp', ip: '192.168.1.23', forwarded: true },
    });
    expect(announcedBy(answer)).toMatchObject({ serverIpv4: '192.168.1.2', relayIpv4: '10.0.0.1' });
  });
});

describe('From outside', () => {
  const PUBLIC = ['8.8.8.8', '100.63.255.255', '100.128.0.1', '127.0.0.1', '172.15.255.255', '172.32.0.1', '224.0.0.1'];
  const PRIVATE = ['10.1.2.3', '100.64.0.1', '100.127.255.255', '169.254.7.7', '172.16.0.1', '172.31.255.255'];
  const renewal = { type: REQUEST, ciaddr: '192.168.1.23' };
  const ack = { type: ACK, yiaddr: '192.168.1.23', options: [serverId] };

  test.each(PUBLIC)(
    'a request, an answer or a relayed message from %s is no evidence, and announces nobody',
    (source) => {
      for (const fields of [renewal, ack, { ...renewal, giaddr: '10.0.0.1' }, { ...ack, giaddr: '10.0.0.1' }]) {
        const frame = dhcpFrame(fields, { source: SERVER }, { source });
        expect(decoded(frame)).toEqual(other);
        expect(announcedBy(frame)).toBeNull();
      }
    },
  );

  test.each(PRIVATE)(
    'a renewal from %s that a router of the house passed on counts, and so does an answer',
    (source) => {
      const counted = { mac: DEVICE, via: 'dhcp', ip: '192.168.1.23' };
      expect(decoded(dhcpFrame(renewal, { source: SERVER }, { source })).sighting).toEqual({
        ...counted,
        forwarded: true,
      });
      expect(decoded(dhcpFrame(ack, { source: SERVER }, { source })).sighting).toEqual(counted);
    },
  );
});

describe('Hardware addresses (RFC 2131, 2)', () => {
  test('htype 1 and 6 with six octets count', () => {
    expect(decoded(dhcpFrame({ htype: 6 })).sighting?.mac).toBe(DEVICE);
  });

  test('others do not: InfiniBand (RFC 4390), Firewire, a wrong hlen', () => {
    expect(decoded(dhcpFrame({ htype: 32, hlen: 0 }))).toEqual(other);
    expect(decoded(dhcpFrame({ htype: 24, hlen: 8 }))).toEqual(other);
    expect(decoded(dhcpFrame({ hlen: 16 }))).toEqual(other);
  });

  test('zero, broadcast and multicast are no devices', () => {
    for (const chaddr of ['00:00:00:00:00:00', BROADCAST, '01:00:5e:00:00:01']) {
      expect(decoded(dhcpFrame({ chaddr }))).toEqual(other);
    }
  });
});

describe('Plain BOOTP (RFC 951)', () => {
  const sighting = { mac: DEVICE, via: 'dhcp' };

  test('a request without a message type counts', () => {
    expect(decoded(dhcpFrame({ type: null })).sighting).toEqual(sighting);
  });

  test('a missing or wrong magic cookie means that there are no options', () => {
    const options = [option(12, ascii('ghost'))];
    expect(decoded(dhcpFrame({ type: null, cookie: '00000000', options })).sighting).toEqual(sighting);
    expect(decoded(dhcpFrame({ type: RELEASE, cookie: '63825362', options })).sighting).toEqual(sighting);
    expect(decoded(dhcpFrame({ type: null, cookie: '', tail: '' })).sighting).toEqual(sighting);
    expect(decoded(dhcpFrame({ type: null, cookie: '638253', tail: '' })).sighting).toEqual(sighting);
  });

  test('a message without all of its fixed part is malformed', () => {
    const frame = ethernet(IPV4, ipv4(udp(dhcp({ type: null }).subarray(0, 235))));
    expect(decoded(frame)).toEqual({ verdict: 'short-dhcp' });
  });

  test('an op other than request and reply is malformed', () => {
    expect(decoded(dhcpFrame({ op: 0 }))).toEqual({ verdict: 'bad-dhcp' });
    expect(decoded(dhcpFrame({ op: 3 }))).toEqual({ verdict: 'bad-dhcp' });
  });

  test('a message cut before its type is malformed, because it might be a RELEASE', () => {
    const datagram = udp(dhcp({ type: RELEASE })).subarray(0, 8 + 241);
    expect(decoded(ethernet(IPV4, ipv4(datagram, { moreFragments: true })))).toEqual({ verdict: 'short-dhcp' });
  });
});
