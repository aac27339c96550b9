// Who is equipment, told from frames as they come off the wire, and what forged frames must not achieve.
import { describe, expect, test } from 'vitest';
import { formatMac, parseMac } from '../../src/addresses/mac-address.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { Equipment, type EquipmentOptions } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import {
  ACK,
  dhcpFrame,
  dhcpv6,
  dhcpv6Frame,
  duidLl,
  ipv4Address,
  ndpFrame,
  OFFER,
  option,
  option6,
  REQUEST,
  routerAdvertisement,
} from '../decode/frames.js';
import {
  ATTACKER,
  advertisement,
  CLIENT,
  discover,
  holds,
  type Lease,
  leaseFrames,
  MINUTE,
  offer,
  ROUTER,
  ROUTER_IP,
  serverIdentifier,
  VICTIM,
} from '../decode/network-frames.js';

const DAY = 24 * 60 * MINUTE;

const SERVER = '00:1b:21:00:00:53';
const SERVER_IP = '192.168.1.2';
const MASK = option(1, [255, 255, 255, 0]);

const number = (mac: string) => parseMac(mac) ?? 0;
/** A MAC and an address that nobody else has here. */
const forged = (index: number) => ({
  mac: formatMac(0xda00_0000_0000 + index),
  ip: `192.168.${10 + (index >> 8)}.${index & 255}`,
});

/** Equipment that hears frames, minute by minute unless told otherwise. */
function network(options: EquipmentOptions = {}, ownMacs: string[] = []) {
  const told: string[] = [];
  const conflicts: string[] = [];
  const equipment = new Equipment(ownMacs.map(number), {
    onRole: ({ mac, role }) => told.push(`${formatMac(mac)} is ${role}`),
    onConflict: ({ kind, mac }) => conflicts.push(`${kind} ${formatMac(mac)}`),
    ...options,
  });
  const sighting = new Sighting();
  const announcement = new Announcement();
  let nowMs = 0;
  let xid = 1;
  const hear = (...frames: Uint8Array[]) => {
    for (const frame of frames) {
      decodeFrame(frame, frame.length, 'ethernet', sighting, announcement);
      equipment.learn(announcement, nowMs);
    }
  };
  return {
    equipment,
    told,
    conflicts,
    hear,
    pass(ms: number) {
      nowMs += ms;
    },
    health: () => equipment.conflicts(nowMs),
    role: (mac: string) => equipment.roleOf(number(mac))?.description ?? null,
    standing: (mac: string) => equipment.roleOf(number(mac))?.standing ?? null,
    holds: (mac: string, ip: string, source = mac) => hear(holds(mac, ip, source)),
    /** A client joins, and `mac` serves it. */
    lease: (given: Partial<Served> = {}) => hear(...leaseFrames(leaseOf(given, ++xid))),
    /** An OFFER, to a client that asked unless it is unsolicited. */
    offer(given: Partial<Served> = {}, isSolicited = true) {
      const lease = leaseOf(given, ++xid);
      if (isSolicited) hear(discover(lease));
      hear(offer(lease));
    },
  };
}

interface Served {
  client: string;
  mac: string;
  ip: string;
  router: string;
  tags: [number, number][];
}

function leaseOf(given: Partial<Served>, xid: number): Lease {
  const { client = CLIENT, mac = SERVER, ip = SERVER_IP, router = ROUTER_IP, tags = [] } = given;
  return { client, xid, address: '192.168.1.99', server: { mac, ip }, options: served(ip, router), tags };
}

const served = (ip: string, router: string) => [
  serverIdentifier(ip),
  MASK,
  ...(router === '' ? [] : [option(3, ipv4Address(router))]),
];

describe('What is learned', () => {
  test('the DHCP server that answers a client, and the device that holds the address of the router that it names', () => {
    const { lease, holds, role, told, health } = network();
    lease();
    expect(role(SERVER)).toBe('the DHCP server');
    expect(role(ROUTER)).toBeNull();
    holds(ROUTER, ROUTER_IP);
    expect(role(ROUTER)).toBe('the router that DHCP announces');
    expect(role(CLIENT)).toBeNull();
    expect(told).toEqual([`${SERVER} is the DHCP server`, `${ROUTER} is the router that DHCP announces`]);
    expect(health()).toEqual([]);
  });

  test('the router also where its ARP came before the server named it', () => {
    const { lease, holds, role } = network();
    holds(ROUTER, ROUTER_IP);
    lease();
    expect(role(ROUTER)).toBe('the router that DHCP announces');
  });

  test('a router that is the DHCP server too, by all the addresses it shows: it is known by its MAC', () => {
    const { lease, holds, role, told, health } = network();
    lease({ mac: ROUTER, ip: ROUTER_IP });
    // A second address, and proxy ARP (RFC 1027).
    for (const ip of [ROUTER_IP, '192.168.1.254', '10.9.8.7']) holds(ROUTER, ip);
    expect(role(ROUTER)).toBe('the DHCP server');
    expect(told).toEqual([`${ROUTER} is the DHCP server`, `${ROUTER} is the router that DHCP announces`]);
    expect(health()).toEqual([]);
  });

  test('a server that sends from another address than option 54, once its ARP shows that it holds that one', () => {
    const { hear, holds, role } = network();
    const join = (xid: number) =>
      hear(
        dhcpFrame({ xid, chaddr: CLIENT }, { source: CLIENT }),
        dhcpFrame(
          { xid, chaddr: CLIENT, type: OFFER, options: served(SERVER_IP, '') },
          { source: SERVER },
          { source: '192.168.1.3' },
        ),
      );
    join(1);
    expect(role(SERVER)).toBeNull();
    holds(SERVER, SERVER_IP);
    join(2);
    expect(role(SERVER)).toBe('the DHCP server');
  });

  test('the server that acknowledges a renewal', () => {
    const { hear, role } = network();
    const renewal = { xid: 7, chaddr: CLIENT, ciaddr: '192.168.1.99' };
    hear(
      dhcpFrame({ ...renewal, type: REQUEST }, { source: CLIENT }, { source: '192.168.1.99' }),
      dhcpFrame(
        { ...renewal, type: ACK, yiaddr: '192.168.1.99', options: served(SERVER_IP, '') },
        { source: SERVER },
        { source: SERVER_IP },
      ),
    );
    expect(role(SERVER)).toBe('the DHCP server');
  });

  test('the sensor’s own default gateway, without any announcement', () => {
    const { equipment, holds, role, standing } = network();
    equipment.addGateway(0xc0a80101);
    holds(ROUTER, ROUTER_IP);
    expect(role(ROUTER)).toBe('the router');
    expect(standing(ROUTER)).toBe('proven');
    equipment.addGateway(0);
    holds(VICTIM, '0.0.0.0');
    expect(role(VICTIM)).toBeNull();
  });

  test('a router of IPv6 that advertises itself', () => {
    const { hear, role } = network();
    hear(advertisement(ROUTER));
    hear(ndpFrame(routerAdvertisement(), { source: SERVER }, { source: 'fe80::2' }));
    const description = 'a router that announces itself (IPv6 router advertisement)';
    expect([role(ROUTER), role(SERVER)]).toEqual([description, description]);
  });

  test('a DHCPv6 server that answers a client', () => {
    const { hear, role } = network();
    const client = option6(1, duidLl(CLIENT));
    hear(dhcpv6Frame(dhcpv6(2, client), { source: VICTIM }, { source: 'fe80::2' }));
    expect(role(VICTIM)).toBeNull();
    hear(dhcpv6Frame(dhcpv6(1, client), { source: CLIENT }));
    hear(dhcpv6Frame(dhcpv6(2, client), { source: SERVER }, { source: 'fe80::2' }));
    expect(role(SERVER)).toBe('the DHCPv6 server');
  });

  test('with learning off, nothing but what the machine itself knows', () => {
    const { equipment, lease, hear, holds, role, told } = network({ learn: false }, [CLIENT]);
    equipment.addGateway(0xc0a80101);
    lease();
    hear(advertisement(VICTIM));
    holds(ROUTER, ROUTER_IP);
    expect([SERVER, VICTIM, ROUTER, CLIENT].map(role)).toEqual([null, null, 'the router', 'the sensor itself']);
    expect(told).toEqual([`${ROUTER} is the router`]);
  });

  test('each VLAN has a server of its own, and that is no conflict', () => {
    const { lease, role, health } = network();
    lease({ tags: [[0x8100, 20]] });
    lease({ mac: ROUTER, ip: '192.168.30.1', router: '', tags: [[0x8100, 30]] });
    expect([role(SERVER), role(ROUTER)]).toEqual(['the DHCP server', 'the DHCP server']);
    expect(health()).toEqual([]);
  });

  test('the sensor that is the DHCP server itself is no news', () => {
    const { lease, role, told } = network({}, [SERVER]);
    lease({ router: SERVER_IP });
    expect(role(SERVER)).toBe('the sensor itself');
    expect(told).toEqual([]);
  });
});

describe('Relays', () => {
  const RELAY = '00:1b:21:00:00:67';
  const RELAY_IP = '192.168.1.1';
  const REMOTE = '10.88.0.1';
  const served = [option(54, ipv4Address(REMOTE)), MASK, option(3, ipv4Address(RELAY_IP))];

  test('on the clients’ side, who brings the answers and holds giaddr', () => {
    const { hear, role } = network();
    hear(
      dhcpFrame({ chaddr: CLIENT }, { source: CLIENT }),
      dhcpFrame(
        { type: OFFER, chaddr: CLIENT, giaddr: RELAY_IP, options: served },
        { source: RELAY },
        { source: RELAY_IP },
      ),
    );
    expect(role(RELAY)).toBe('a DHCP relay');
  });

  test('on the server’s side, the server and the relay that it answers', () => {
    const { hear, role, told } = network();
    const message = { chaddr: CLIENT, giaddr: RELAY_IP };
    const exchange = [
      dhcpFrame(message, { source: RELAY }, { source: RELAY_IP }),
      dhcpFrame({ ...message, type: OFFER, options: served }, { source: SERVER }, { source: REMOTE }),
    ];
    hear(...exchange);
    expect([role(RELAY), role(SERVER)]).toEqual(['a DHCP relay', 'the DHCP server']);
    hear(...exchange);
    expect(told).toEqual([`${SERVER} is the DHCP server`, `${RELAY} is a DHCP relay`]);
  });

  test('a device that relays for the server’s own network, or whose request nobody answers, is none', () => {
    const { lease, hear, role } = network();
    lease();
    const message = { chaddr: CLIENT, giaddr: '192.168.1.66' };
    const request = dhcpFrame(message, { source: ATTACKER }, { source: '192.168.1.66' });
    hear(request);
    expect(role(ATTACKER)).toBeNull();
    const answer = { ...message, type: OFFER, options: [option(54, ipv4Address(SERVER_IP)), MASK] };
    hear(request, dhcpFrame(answer, { source: SERVER }, { source: SERVER_IP }));
    expect(role(ATTACKER)).toBeNull();
  });

  test('a relay that does not hold giaddr is none', () => {
    const { hear, role } = network();
    const message = { chaddr: CLIENT, giaddr: RELAY_IP };
    hear(
      dhcpFrame(message, { source: ATTACKER }, { source: '10.88.0.66' }),
      dhcpFrame({ ...message, type: OFFER, options: served }, { source: SERVER }, { source: REMOTE }),
    );
    expect([role(SERVER), role(ATTACKER)]).toEqual(['the DHCP server', null]);
  });
});

describe('What hides nobody', () => {
  test('a client’s REQUEST that names its own address as the server', () => {
    const { hear, holds, role } = network();
    const ip = '192.168.1.66';
    holds(ATTACKER, ip);
    const options = [option(54, ipv4Address(ip)), option(50, ipv4Address(ip))];
    hear(dhcpFrame({ type: REQUEST, chaddr: ATTACKER, options }, { source: ATTACKER }));
    holds(ATTACKER, ip);
    expect(role(ATTACKER)).toBeNull();
  });

  test('64 REQUESTs that name the addresses of the pool, for whoever gets one', () => {
    const { hear, lease, holds, role } = network();
    for (let host = 100; host < 164; host++) {
      const options = [option(54, [192, 168, 1, host])];
      hear(dhcpFrame({ type: REQUEST, chaddr: ATTACKER, options }, { source: ATTACKER }));
    }
    lease();
    for (let host = 100; host < 164; host++) holds(VICTIM, `192.168.1.${host}`);
    expect(role(VICTIM)).toBeNull();
    expect(role(SERVER)).toBe('the DHCP server');
  });

  test('one ARP with the gateway’s address, once the gateway was heard: the claimant stays a visitor, and health says so', () => {
    const { equipment, holds, role, conflicts, health, pass, told } = network();
    equipment.addGateway(0xc0a80101);
    holds(ROUTER, ROUTER_IP);
    for (let i = 0; i < 3; i++) holds(ATTACKER, ROUTER_IP);
    expect([role(ROUTER), role(ATTACKER)]).toEqual(['the router', null]);
    expect(conflicts).toEqual([`second-gateway-claimant ${ATTACKER}`]);
    expect(told).toEqual([`${ROUTER} is the router`]);
    expect(health()).toEqual([`a second device claims the gateway's address ${ROUTER_IP}`]);
    pass(61 * MINUTE);
    expect(health()).toEqual([]);
    holds(ATTACKER, ROUTER_IP);
    expect(conflicts).toHaveLength(2);
  });

  test('a second claimant that an ignore rule names is the operator’s own: health says nothing', () => {
    const macs = [{ digits: ATTACKER.replaceAll(':', ''), written: ATTACKER }];
    const { equipment, holds, conflicts, health } = network({ ignore: { ...NO_IGNORE_RULES, macs } });
    equipment.addGateway(0xc0a80101);
    holds(ROUTER, ROUTER_IP);
    holds(ATTACKER, ROUTER_IP);
    expect(conflicts).toEqual([`second-gateway-claimant ${ATTACKER}`]);
    expect(health()).toEqual([]);
  });

  test('an ARP with the gateway’s address before the gateway was heard, where the machine knows its MAC', () => {
    const { equipment, holds, role, standing } = network();
    equipment.addGateway(0xc0a80101, number(ROUTER));
    holds(ATTACKER, ROUTER_IP);
    expect([role(ATTACKER), role(ROUTER), standing(ROUTER)]).toEqual([null, 'the router', 'sure']);
  });

  test('an ARP in the victim’s name by another station', () => {
    const { equipment, holds, role } = network();
    equipment.addGateway(0xc0a80101);
    holds(VICTIM, ROUTER_IP, ATTACKER);
    expect(role(VICTIM)).toBeNull();
  });

  test('a router advertisement that names a victim, or with a lifetime of 0', () => {
    const { hear, role } = network();
    hear(advertisement(ATTACKER, VICTIM), advertisement(ATTACKER, ATTACKER, 0));
    expect([role(VICTIM), role(ATTACKER)]).toEqual([null, null]);
  });

  test('an unsolicited OFFER or ACK with the victim as its Ethernet source', () => {
    const { offer, hear, role } = network();
    offer({ mac: VICTIM, ip: '192.168.1.50' }, false);
    hear(dhcpFrame({ chaddr: CLIENT, xid: 99 }, { source: CLIENT }));
    for (const fields of [
      { chaddr: CLIENT, xid: 98 },
      { chaddr: ATTACKER, xid: 99 },
    ]) {
      const options = served('192.168.1.50', '');
      hear(dhcpFrame({ ...fields, type: ACK, options }, { source: VICTIM }, { source: '192.168.1.50' }));
    }
    expect(role(VICTIM)).toBeNull();
  });

  test('an answer that comes too late', () => {
    const { hear, pass, role } = network();
    hear(dhcpFrame({ chaddr: CLIENT }, { source: CLIENT }));
    pass(10_001);
    hear(
      dhcpFrame(
        { chaddr: CLIENT, type: OFFER, options: served(SERVER_IP, '') },
        { source: VICTIM },
        { source: SERVER_IP },
      ),
    );
    expect(role(VICTIM)).toBeNull();
  });

  test('an answer whose server identifier is missing, or an address that its sender does not show to hold', () => {
    const { hear, role } = network();
    hear(dhcpFrame({ chaddr: CLIENT }, { source: CLIENT }));
    for (const options of [[], served(SERVER_IP, '')]) {
      hear(dhcpFrame({ chaddr: CLIENT, type: OFFER, options }, { source: VICTIM }, { source: '192.168.1.50' }));
    }
    expect(role(VICTIM)).toBeNull();
  });

  test('an ACK to a client that named another server (RFC 2131, 4.3.2)', () => {
    const { hear, role } = network();
    const options = [option(54, ipv4Address(SERVER_IP))];
    hear(dhcpFrame({ type: REQUEST, chaddr: CLIENT, options }, { source: CLIENT }));
    const answer = { type: ACK, chaddr: CLIENT, options: served('192.168.1.50', '') };
    hear(dhcpFrame(answer, { source: VICTIM }, { source: '192.168.1.50' }));
    expect(role(VICTIM)).toBeNull();
  });

  test('an OFFER that nobody takes, beside a server whose offers are taken; health speaks of it', () => {
    const { lease, offer, role, told, health } = network();
    lease();
    offer({ mac: VICTIM, ip: '192.168.1.50' });
    expect(role(VICTIM)).toBeNull();
    expect(told).toEqual([`${SERVER} is the DHCP server`]);
    expect(health()).toEqual(['a second DHCP server answers the devices, at 192.168.1.50']);
  });

  test('a forged answer of the real server that names the victim as the router', () => {
    const { lease, holds, role } = network();
    lease();
    holds(ROUTER, ROUTER_IP);
    holds(VICTIM, '192.168.1.50');
    lease({ router: '192.168.1.50' });
    expect([role(VICTIM), role(ROUTER)]).toEqual([null, 'the router that DHCP announces']);
  });

  test('a second server’s word on who the router is', () => {
    const { lease, holds, role, health } = network();
    lease();
    lease({ mac: ATTACKER, ip: '192.168.1.66', router: '192.168.1.50' });
    holds(VICTIM, '192.168.1.50');
    expect([role(SERVER), role(VICTIM)]).toEqual(['the DHCP server', null]);
    expect(role(ATTACKER)).toBe('a second DHCP server');
    expect(health()).toEqual(['a second DHCP server answers the devices, at 192.168.1.66']);
  });

  test('a whole exchange or an advertisement that is forged in the name of a client, of the first server or not', () => {
    const { lease, hear, role, health } = network();
    const isServer = { mac: VICTIM, ip: '192.168.1.50' };
    lease(isServer);
    hear(advertisement(VICTIM));
    lease();
    // As a device that never asked for an address it is believed; health speaks of it.
    expect(role(VICTIM)).not.toBeNull();
    expect(health()).toEqual([`a second DHCP server answers the devices, at ${SERVER_IP}`]);
    lease({ client: VICTIM });
    expect([role(SERVER), role(VICTIM)]).toEqual(['a second DHCP server', null]);
    lease(isServer);
    hear(advertisement(VICTIM));
    expect(role(VICTIM)).toBeNull();
  });

  test('a request in the name of a server that was heard for long', () => {
    const { lease, role, pass } = network();
    lease();
    pass(10 * MINUTE);
    lease();
    lease({ client: SERVER, mac: ATTACKER, ip: '192.168.1.66' });
    expect(role(SERVER)).toBe('the DHCP server');
  });

  test('an answer in the name of the gateway, or of a server that was heard for long', () => {
    const { equipment, lease, role, pass, conflicts } = network();
    equipment.addGateway(0xc0a80101, number(ROUTER));
    lease({ mac: ATTACKER, ip: ROUTER_IP });
    lease();
    pass(11 * MINUTE);
    lease();
    lease({ mac: VICTIM });
    expect([role(ATTACKER), role(VICTIM)]).toEqual([null, null]);
    expect(conflicts).toEqual([`second-dhcp-server ${ATTACKER}`, `second-dhcp-server ${VICTIM}`]);
  });
});

describe('Floods', () => {
  test.each(['offer', 'lease'] as const)(
    '64 announcers first (each with one %s) do not keep the real server and its router from being learned',
    (kind) => {
      const net = network();
      for (let i = 0; i < 64; i++) net[kind]({ ...forged(i), router: '' });
      net.lease({ mac: ROUTER, ip: ROUTER_IP });
      expect(net.role(ROUTER)).not.toBeNull();
      if (kind === 'offer') expect(net.role(ROUTER)).toBe('the DHCP server');
    },
  );

  test('10,000 announcers push out neither a server that was heard for some minutes nor fill the log', () => {
    const { lease, offer, hear, role, told, pass } = network();
    lease();
    hear(advertisement(ROUTER));
    pass(11 * MINUTE);
    lease();
    hear(advertisement(ROUTER));
    for (let i = 0; i < 10_000; i++) {
      const { mac, ip } = forged(i);
      if (i % 2 === 0) lease({ mac, ip, router: '' });
      else offer({ mac, ip, router: '' });
      hear(advertisement(mac));
    }
    expect(role(SERVER)).toBe('the DHCP server');
    expect(role(ROUTER)).toMatch(/IPv6/);
    expect(told.length).toBeLessThanOrEqual(2 * 64);
    // Those of the flood itself are kept within bounds.
    const believed = Array.from({ length: 10_000 }, (_, i) => role(forged(i).mac)).filter((found) => found !== null);
    expect(believed.length).toBeLessThanOrEqual(2 * 64);
  });

  test('offers that nobody takes push out no server whose offers are taken', () => {
    const { lease, offer, role } = network();
    lease();
    for (let i = 0; i < 1_000; i++) offer({ ...forged(i), router: '' });
    expect(role(SERVER)).toBe('the DHCP server');
  });

  test('announcers that stay leave no room for more, and health speaks of a bounded number', () => {
    const { lease, role, pass, health } = network();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 64; i++) lease({ ...forged(i), router: '' });
      pass(11 * MINUTE);
    }
    lease();
    expect(role(SERVER)).toBeNull();
    expect(health().length).toBeLessThanOrEqual(16);
  });

  test('forged VLANs leave room for the real router', () => {
    const { lease, holds, pass, role } = network();
    for (let vlan = 1; vlan <= 200; vlan++) lease({ ...forged(vlan), router: forged(vlan).ip, tags: [[0x8100, vlan]] });
    pass(MINUTE);
    lease();
    holds(ROUTER, ROUTER_IP);
    expect(role(ROUTER)).toBe('the router that DHCP announces');
  });
});

describe('Expiry', () => {
  test('a server is forgotten a day after it was last heard, but only when another one is heard meanwhile', () => {
    const { lease, role, pass } = network();
    lease();
    pass(5 * DAY);
    expect(role(SERVER)).toBe('the DHCP server');
    lease({ mac: ROUTER, ip: ROUTER_IP });
    expect([role(SERVER), role(ROUTER)]).toEqual([null, 'the DHCP server']);
  });

  test('what is forgotten and learned again is told again; what is repeated is not', () => {
    const { lease, pass, told } = network();
    lease();
    lease();
    expect(told).toHaveLength(1);
    pass(2 * DAY);
    lease({ mac: ROUTER, ip: ROUTER_IP, router: '' });
    lease();
    expect(told.slice(1)).toEqual([`${ROUTER} is the DHCP server`, `${SERVER} is a second DHCP server`]);
  });

  test('an IPv6 router that has not advertised itself for a day is none any more', () => {
    const { hear, holds, role, pass } = network();
    hear(advertisement(ROUTER));
    pass(DAY);
    holds(CLIENT, '192.168.1.99');
    expect(role(ROUTER)).not.toBeNull();
    pass(1);
    holds(CLIENT, '192.168.1.100');
    expect(role(ROUTER)).toBeNull();
  });

  test('a gateway that was replaced gives way after a day of silence', () => {
    const { equipment, holds, role, pass } = network();
    equipment.addGateway(0xc0a80101);
    holds(ROUTER, ROUTER_IP);
    pass(DAY);
    holds(SERVER, ROUTER_IP);
    expect([role(ROUTER), role(SERVER)]).toEqual(['the router', null]);
    pass(1);
    holds(SERVER, ROUTER_IP);
    expect([role(ROUTER), role(SERVER)]).toEqual([null, 'the router']);
  });

  test('a router that speaks all the time keeps its place, however long', () => {
    const { equipment, holds, role, pass } = network();
    equipment.addGateway(0xc0a80101);
    for (let hours = 0; hours < 60; hours++) {
      holds(ROUTER, ROUTER_IP);
      pass(60 * MINUTE);
    }
    holds(ATTACKER, ROUTER_IP);
    expect(role(ATTACKER)).toBeNull();
  });

  test('a router that DHCP no longer names is none any more, and the new one is learned', () => {
    const { lease, holds, role, pass } = network();
    const NEW_ROUTER = '18:fd:74:20:00:02';
    lease();
    holds(ROUTER, ROUTER_IP);
    pass(DAY);
    lease({ router: '192.168.1.254' });
    holds(NEW_ROUTER, '192.168.1.254');
    expect([role(ROUTER), role(NEW_ROUTER)]).toEqual(['the router that DHCP announces', null]);
    pass(1);
    lease({ router: '192.168.1.254' });
    expect([role(ROUTER), role(NEW_ROUTER)]).toEqual([null, 'the router that DHCP announces']);
  });
});

describe('How sure a role is', () => {
  test('one that nobody contests is proven at first, and sure after ten minutes', () => {
    const { lease, holds, pass, standing } = network();
    lease();
    holds(ROUTER, ROUTER_IP);
    expect([standing(SERVER), standing(ROUTER)]).toEqual(['proven', 'proven']);
    pass(10 * MINUTE);
    lease();
    holds(ROUTER, ROUTER_IP);
    expect([standing(SERVER), standing(ROUTER)]).toEqual(['sure', 'sure']);
  });

  test('an advertisement is its sender’s word alone until it was repeated for ten minutes, and never sure', () => {
    const { hear, pass, standing } = network();
    hear(advertisement(ROUTER));
    expect(standing(ROUTER)).toBe('announced');
    pass(10 * MINUTE);
    hear(advertisement(ROUTER));
    expect(standing(ROUTER)).toBe('proven');
    hear(advertisement(ATTACKER));
    expect(standing(ROUTER)).toBe('announced');
  });

  test('a DHCPv6 server is proven by who asks it, and never sure', () => {
    const { hear, pass, standing } = network();
    const client = option6(1, duidLl(CLIENT));
    for (let i = 0; i < 2; i++) {
      hear(dhcpv6Frame(dhcpv6(1, client), { source: CLIENT }));
      hear(dhcpv6Frame(dhcpv6(7, client), { source: SERVER }, { source: 'fe80::2' }));
      expect(standing(SERVER)).toBe('proven');
      pass(10 * MINUTE);
    }
  });

  test('a second DHCPv6 server is said to be one', () => {
    const { hear, role, health } = network();
    const client = option6(1, duidLl(CLIENT));
    hear(dhcpv6Frame(dhcpv6(1, client), { source: CLIENT }));
    for (const source of [SERVER, ATTACKER]) hear(dhcpv6Frame(dhcpv6(7, client), { source }, { source: 'fe80::2' }));
    expect([role(SERVER), role(ATTACKER)]).toEqual(['the DHCPv6 server', 'a second DHCPv6 server']);
    expect(health()).toEqual(['a second DHCPv6 server answers the devices']);
  });

  test('who holds the gateway’s address for long keeps it, also against a server that answers from it', () => {
    const { equipment, lease, holds, role, pass } = network();
    equipment.addGateway(0xc0a80101);
    holds(ROUTER, ROUTER_IP);
    pass(10 * MINUTE);
    holds(ROUTER, ROUTER_IP);
    lease({ mac: ATTACKER, ip: ROUTER_IP });
    expect([role(ROUTER), role(ATTACKER)]).toEqual(['the router', null]);
  });

  test('of two servers, and of a gateway whose address a second device claims, none is more than announced', () => {
    const { lease, holds, standing } = network();
    lease();
    holds(ROUTER, ROUTER_IP);
    holds(ATTACKER, ROUTER_IP);
    expect(standing(ROUTER)).toBe('announced');
    lease({ mac: ATTACKER, ip: '192.168.1.66' });
    expect([standing(SERVER), standing(ATTACKER)]).toEqual(['announced', 'announced']);
  });

  test('the server itself takes its address back from a device that claimed it by ARP a moment before', () => {
    const { equipment, lease, holds, role } = network();
    equipment.addGateway(0xc0a80101);
    holds(ATTACKER, ROUTER_IP);
    expect(role(ATTACKER)).toBe('the router');
    lease({ mac: ROUTER, ip: ROUTER_IP });
    expect([role(ATTACKER), role(ROUTER)]).toEqual([null, 'the DHCP server']);
  });
});

describe('a device that is forgotten', () => {
  test('has no role any more, whatever it was, and gets it again by what it sends from then on', () => {
    const { equipment, role, lease, holds, pass } = network();
    lease();
    holds(ROUTER, ROUTER_IP);
    expect([role(SERVER), role(ROUTER)]).toEqual([expect.any(String), expect.any(String)]);
    for (const mac of [SERVER, ROUTER]) equipment.forget(number(mac));
    expect([role(SERVER), role(ROUTER)]).toEqual([null, null]);
    pass(MINUTE);
    lease();
    holds(ROUTER, ROUTER_IP);
    expect([role(SERVER), role(ROUTER)]).toEqual([expect.any(String), expect.any(String)]);
  });

  test('is no conflict any more, and what others have learned stays', () => {
    const { equipment, lease, health, role } = network();
    lease();
    lease({ mac: VICTIM, ip: '192.168.1.77' });
    const before = role(SERVER);
    expect(health()).toHaveLength(1);
    equipment.forget(number(VICTIM));
    expect(health()).toEqual([]);
    expect(role(VICTIM)).toBeNull();
    expect(role(SERVER)).toBe(before);
  });
});
