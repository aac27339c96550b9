// Devices behind a repeater that writes its own MAC into what it passes on, told from frames.
import { expect, test } from 'vitest';
import { formatMac, parseMac } from '../../src/addresses/mac-address.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';
import { ACK, ARP, arp, DISCOVER, dhcpFrame, ethernet, ipv4Address, option, REQUEST } from '../decode/frames.js';

const MINUTE = 60_000;
const PHONE = 'da:a1:19:00:00:02';
const TABLET = 'da:a1:19:00:00:03';
const REPEATER = '00:1b:21:00:00:77';
const IP = '192.168.1.50';

/** The open visits after some frames: who, in how many sightings, and with which addresses. */
function trial() {
  const repeaters: string[] = [];
  const onRepeater = (mac: number) => repeaters.push(formatMac(mac));
  const listener = { onActive: () => {}, onEnded: () => {}, onRepeater };
  const tracker = new VisitTracker({ gapMs: 900_000, settleMs: 3_000 }, listener);
  const sighting = new Sighting();
  const announcement = new Announcement();
  let nowMs = 0;
  const hear = (...frames: Uint8Array[]) => {
    for (const frame of frames) {
      if (decodeFrame(frame, frame.length, 'ethernet', sighting, announcement) !== 'sighting') continue;
      tracker.attribute(sighting, nowMs);
      tracker.observe(sighting, nowMs, nowMs);
      tracker.advance(nowMs);
    }
  };
  return {
    tracker,
    /** Whom the tracker has taken for a repeater, each time. */
    repeaters,
    hear,
    pass(ms: number) {
      nowMs += ms;
      tracker.advance(nowMs);
    },
    visits: () =>
      [...tracker.open()].map(({ mac, sightings, ipv4s, forwarded }) => {
        const ips = ipv4s.map((ip) => ip & 0xff);
        return `${formatMac(mac)} ${sightings} [${ips}]${forwarded ? ' forwarded' : ''}`;
      }),
  };
}

const asks = (chaddr: string, ip: string, source = chaddr) =>
  dhcpFrame({ type: REQUEST, chaddr, options: [option(50, ipv4Address(ip))] }, { source });
/** What a device sends as it joins, as it looks behind the repeater. */
const join = (chaddr: string, ip: string, source = REPEATER) => [
  dhcpFrame({ type: DISCOVER, chaddr }, { source }),
  asks(chaddr, ip, source),
  dhcpFrame({ type: ACK, chaddr, yiaddr: ip }),
  ethernet(ARP, arp({ sha: source, spa: '0.0.0.0', tpa: ip }), { source }),
  ethernet(ARP, arp({ sha: source, spa: ip, tpa: ip }), { source }),
];
const speaks = (mac: string, ip: string) => ethernet(ARP, arp({ sha: mac, spa: ip }), { source: mac });

test('a phone behind a repeater, with one MAC in DHCP and the repeater’s in ARP, is one visit: that of its chaddr', () => {
  const { hear, visits } = trial();
  hear(...join(PHONE, IP));
  expect(visits()).toEqual([`${PHONE} 5 [50] forwarded`]);
});

test('its ARP goes on to be its own, for the whole stay and when it comes back without DHCP', () => {
  const { hear, pass, visits } = trial();
  hear(...join(PHONE, IP));
  for (let i = 0; i < 6; i++) {
    pass(10 * MINUTE);
    hear(speaks(REPEATER, IP));
  }
  expect(visits()).toEqual([`${PHONE} 11 [50] forwarded`]);
  pass(60 * MINUTE);
  hear(speaks(REPEATER, IP));
  expect(visits()).toEqual([`${PHONE} 1 [50] forwarded`]);
});

test('several devices behind one repeater are as many visits, and the repeater with its own address is another one', () => {
  const { hear, visits } = trial();
  hear(...join(REPEATER, '192.168.1.9'), ...join(PHONE, IP), ...join(TABLET, '192.168.1.51'));
  hear(speaks(REPEATER, '192.168.1.9'), speaks(REPEATER, '192.168.1.51'));
  expect(visits()).toEqual([`${REPEATER} 6 [9]`, `${PHONE} 5 [50] forwarded`, `${TABLET} 6 [51] forwarded`]);
});

test('the ARP of a device that was seen with its address is its own, whoever asks for that address in its name', () => {
  const { hear, visits } = trial();
  hear(speaks(TABLET, IP), asks(PHONE, IP, TABLET), speaks(TABLET, IP));
  expect(visits()).toEqual([`${TABLET} 2 [50]`, `${PHONE} 1 [50] forwarded`]);
});

test('so is the ARP of a device that asks for the address itself', () => {
  const { hear, visits } = trial();
  hear(asks(PHONE, IP, TABLET), ...join(TABLET, IP, TABLET));
  expect(visits()).toEqual([`${PHONE} 1 [50] forwarded`, `${TABLET} 5 [50]`]);
});

test('and that of a device that comes more than a burst after such a request', () => {
  const { hear, pass, visits } = trial();
  hear(asks(PHONE, IP, TABLET));
  pass(MINUTE + 1);
  hear(speaks(TABLET, IP));
  expect(visits()).toEqual([`${PHONE} 1 [50] forwarded`, `${TABLET} 1 [50]`]);
});

test('another station than the one that passed the request on, and another address, are somebody else’s', () => {
  const { hear, visits } = trial();
  hear(asks(PHONE, IP, REPEATER), speaks(TABLET, IP), speaks(REPEATER, '192.168.1.77'));
  expect(visits()).toEqual([`${PHONE} 1 [50] forwarded`, `${TABLET} 1 [50]`, `${REPEATER} 1 [77]`]);
});

test('who passes on a renewal or a relayed message is a router or a relay, and no repeater', () => {
  const { hear, visits } = trial();
  const renewal = { type: REQUEST, chaddr: PHONE, ciaddr: IP };
  hear(
    dhcpFrame(renewal, { source: REPEATER }, { source: IP }),
    dhcpFrame({ ...renewal, giaddr: '10.0.0.1' }, { source: REPEATER }),
    speaks(REPEATER, IP),
  );
  expect(visits()).toEqual([`${PHONE} 2 [50] forwarded`, `${REPEATER} 1 [50]`]);
});

test('whoever is taken for a repeater is named, because a visitor with a fixed address may be hidden by a forged request', () => {
  const { hear, pass, repeaters, visits } = trial();
  hear(asks(PHONE, IP, TABLET));
  expect(repeaters).toEqual([]);
  hear(speaks(TABLET, IP), speaks(TABLET, IP));
  pass(MINUTE);
  hear(asks(PHONE, IP, TABLET), speaks(TABLET, IP));
  expect(visits()).toEqual([`${PHONE} 5 [50] forwarded`]);
  expect(repeaters).toEqual([TABLET]);
  hear(...join(PHONE, '192.168.1.51'));
  expect(repeaters).toEqual([TABLET, REPEATER]);
});

test('an address that goes to a device elsewhere is that device’s', () => {
  const { hear, visits } = trial();
  hear(...join(PHONE, IP), asks(TABLET, IP), speaks(REPEATER, IP));
  expect(visits()).toEqual([`${PHONE} 5 [50] forwarded`, `${TABLET} 1 [50]`, `${REPEATER} 1 [50]`]);
});

test('a device that renews through the repeater does not have to speak at once to keep its address', () => {
  const { hear, pass, visits } = trial();
  hear(...join(PHONE, IP), asks(PHONE, IP, REPEATER));
  pass(10 * MINUTE);
  hear(speaks(REPEATER, IP));
  expect(visits()).toEqual([`${PHONE} 7 [50] forwarded`]);
});

test('an address behind a repeater is forgotten after a day without use, and with its device', () => {
  const { tracker, hear, pass, visits } = trial();
  hear(...join(PHONE, IP));
  pass(24 * 60 * MINUTE + 1);
  hear(speaks(REPEATER, IP));
  expect(visits()).toEqual([`${REPEATER} 1 [50]`]);
  hear(...join(TABLET, '192.168.1.51'));
  tracker.forget(parseMac(TABLET) ?? 0);
  hear(speaks(REPEATER, '192.168.1.51'));
  expect(visits()).toEqual([`${REPEATER} 2 [50,51]`]);
});

test('more addresses than a location has leave the latest ones', () => {
  const { hear, visits } = trial();
  const ip = (i: number) => `10.0.${i >> 8}.${i & 255}`;
  for (let i = 1; i <= 1_025; i++) hear(asks(PHONE, ip(i), REPEATER));
  hear(speaks(REPEATER, ip(2)), speaks(REPEATER, ip(1_025)));
  expect(visits()).toEqual([expect.stringContaining(`${PHONE} 1027 `)]);
  hear(speaks(REPEATER, ip(1)));
  expect(visits()).toHaveLength(2);
});
