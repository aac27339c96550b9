// Captures with forged frames, and with frames from outside: nobody is hidden by them, and nobody is made up.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { formatMac } from '../../src/addresses/mac-address.js';
import { pcapBytes, START_MS } from '../capture/pcap-bytes.js';
import {
  ACK,
  ARP,
  arp,
  DISCOVER,
  dhcpFrame,
  dhcpv6,
  dhcpv6Frame,
  duidLl,
  ethernet,
  ipv4Address,
  OFFER,
  option,
  option6,
  REQUEST,
} from '../decode/frames.js';
import {
  ATTACKER,
  advertisement,
  CLIENT,
  holds,
  leaseFrames,
  MINUTE,
  ROUTER,
  ROUTER_IP,
  serverIdentifier,
  VICTIM,
} from '../decode/network-frames.js';
import { cli } from './cli.js';

const directory = mkdtempSync(join(tmpdir(), 'nwm-forged-'));
afterAll(() => rmSync(directory, { recursive: true }));

const REPEATER = '00:1b:21:00:00:77';
const VICTIM_IP = '192.168.1.50';

type At = readonly [atMs: number, ...frames: Uint8Array[]];
let captures = 0;

/** Each device of a capture with what became of it, `mac decision`, and `reported` when a failed check-in would be posted. */
async function replayed(...moments: At[]): Promise<string[]> {
  const path = join(directory, `${captures++}.pcap`);
  const frames = moments.flatMap(([atMs, ...some]) => some.map((frame, i) => ({ frame, atMs: START_MS + atMs + i })));
  writeFileSync(path, pcapBytes(frames));
  const { stdout, stderr, code } = await cli(['replay', '--json', path], { VISIT_GAP: '15m' });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return stdout
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'visit')
    .map(({ mac, decision, failedCheckin }) => `${mac} ${decision}${failedCheckin === null ? '' : ', reported'}`)
    .sort();
}

const served = (ip: string) => [serverIdentifier(ip), option(3, ipv4Address(ROUTER_IP))];

/** A client joins, and is served: by the router itself, unless another server is given. */
function joins(client: string, address: string, xid: number, mac = ROUTER, ip = ROUTER_IP): Uint8Array[] {
  const lease = { client, address, xid, server: { mac, ip }, options: served(ip) };
  return [...leaseFrames(lease), holds(client, address)];
}

const joined = [...joins(CLIENT, '192.168.1.23', 1), holds(ROUTER, ROUTER_IP)];
const network: At = [0, ...joined];
const KNOWN = [`${ROUTER} ignored`, `${CLIENT} unrecognised, reported`];
const visitor = (mac: string) => `${mac} unrecognised, reported`;

const offerBy = (mac: string, ip: string, xid: number) =>
  dhcpFrame({ type: OFFER, xid, chaddr: CLIENT, options: served(ip) }, { source: mac }, { source: ip });
const claims = (mac: string, ip: string) =>
  dhcpFrame({ type: REQUEST, chaddr: mac, options: [option(54, ipv4Address(ip))] }, { source: mac });
const advertises = (mac: string, named: string, lifetime: number) => advertisement(mac, named, lifetime, 'fe80::66');

test.each<[string, string, Uint8Array[]]>([
  ['a REQUEST that names the sender as the server', ATTACKER, [claims(ATTACKER, '192.168.1.66')]],
  ['an ARP with the gateway’s address', ATTACKER, [holds(ATTACKER, ROUTER_IP)]],
  ['an advertisement that names the victim', VICTIM, [advertises(ATTACKER, VICTIM, 1_800)]],
  ['an advertisement with a lifetime of 0', VICTIM, [advertises(VICTIM, VICTIM, 0)]],
  ['an unsolicited OFFER in the victim’s name', VICTIM, [offerBy(VICTIM, VICTIM_IP, 99)]],
  ['REQUESTs that name the pool', VICTIM, Array.from({ length: 64 }, (_, i) => claims(CLIENT, `192.168.1.${i}`))],
])('%s does not hide a device', async (_what, device, forgery) => {
  const ip = device === VICTIM ? VICTIM_IP : '192.168.1.66';
  expect(await replayed(network, [MINUTE, ...forgery], [2 * MINUTE, holds(device, ip)])).toEqual(
    [...KNOWN, visitor(device)].sort(),
  );
  // Nor does it cancel what waits to be posted.
  expect(await replayed(network, [MINUTE, holds(device, ip)], [2 * MINUTE, ...forgery])).toEqual(
    [...KNOWN, visitor(device)].sort(),
  );
});

test('64 announcers first do not keep the real server from being known', async () => {
  const offers = Array.from({ length: 64 }, (_, i) => {
    const ip = `192.168.9.${i}`;
    const offer = { type: OFFER, xid: 1, chaddr: CLIENT, options: [serverIdentifier(ip)] };
    return dhcpFrame(offer, { source: formatMac(0xda00_0000_0000 + i) }, { source: ip });
  });
  const request = dhcpFrame({ type: DISCOVER, xid: 1, chaddr: CLIENT }, { source: CLIENT });
  expect(await replayed([0, request, ...offers], [1_000, ...joined])).toEqual(KNOWN.toSorted());
});

test('a router that announces itself only after its first visit was decided is not reported', async () => {
  expect(await replayed([0, holds(ROUTER, ROUTER_IP)], [MINUTE, ...joins(CLIENT, '192.168.1.23', 1)])).toEqual(
    KNOWN.toSorted(),
  );
});

test('a visitor who makes itself a second server later is reported all the same', async () => {
  const ip = '192.168.1.66';
  const answer = { type: ACK, xid: 5, chaddr: CLIENT, options: served(ip) };
  expect(
    await replayed(
      network,
      [MINUTE, holds(ATTACKER, ip)],
      [2 * MINUTE, dhcpFrame({ type: REQUEST, xid: 5, chaddr: CLIENT }, { source: CLIENT })],
      [2 * MINUTE + 1, dhcpFrame(answer, { source: ATTACKER }, { source: ip })],
    ),
  ).toEqual([...KNOWN, visitor(ATTACKER)].sort());
});

test('what came from outside makes no visit; a renewal from inside through a router does', async () => {
  const renewal = { type: REQUEST, chaddr: VICTIM, ciaddr: VICTIM_IP };
  const outside = [
    dhcpFrame(renewal, { source: ROUTER }, { source: '203.0.113.7' }),
    dhcpFrame({ type: ACK, chaddr: VICTIM, yiaddr: VICTIM_IP }, { source: ROUTER }, { source: '203.0.113.7' }),
    dhcpv6Frame(
      dhcpv6(5, option6(1, duidLl(VICTIM))),
      { source: ROUTER },
      { source: '2001:db8::66', destination: '2001:db8::1', hopLimit: 47 },
    ),
  ];
  expect(await replayed([0, ...outside])).toEqual([]);
  expect(await replayed([0, dhcpFrame(renewal, { source: ROUTER }, { source: VICTIM_IP })])).toEqual([visitor(VICTIM)]);
});

test('a gateway with two addresses, which also answers for others, is equipment whatever it showed last', async () => {
  const others = ['192.168.1.254', '10.9.8.7'].map((ip) => holds(ROUTER, ip));
  const SERVER = '00:1b:21:00:00:53';
  const join = joins(CLIENT, '192.168.1.23', 1, SERVER, '192.168.1.2');
  const found = await replayed([0, ...join, holds(ROUTER, ROUTER_IP), ...others], [30 * MINUTE, ...others]);
  expect(found).toEqual([...KNOWN, `${ROUTER} ignored`].sort());
});

test('a phone behind a repeater that rewrites MACs is one device with one failed check-in', async () => {
  const ip = VICTIM_IP;
  const through = (type: number, ...options: Uint8Array[]) =>
    dhcpFrame({ type, xid: 7, chaddr: VICTIM, options }, { source: REPEATER });
  const join = [
    through(DISCOVER),
    through(REQUEST, option(54, ipv4Address(ROUTER_IP)), option(50, ipv4Address(ip))),
    dhcpFrame(
      { type: ACK, xid: 7, chaddr: VICTIM, yiaddr: ip, options: served(ROUTER_IP) },
      { source: ROUTER },
      { source: ROUTER_IP },
    ),
    ethernet(ARP, arp({ sha: REPEATER, spa: '0.0.0.0', tpa: ip }), { source: REPEATER }),
    holds(REPEATER, ip),
  ];
  expect(await replayed(network, [MINUTE, ...join], [10 * MINUTE, holds(REPEATER, ip)])).toEqual(
    [...KNOWN, visitor(VICTIM)].sort(),
  );
});
