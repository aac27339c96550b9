import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMac } from '../../src/addresses/mac-address.js';
import { vendorOf } from '../../src/addresses/vendor.js';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import {
  BY_HOSTNAME,
  BY_MAKER,
  BY_PARAMETER_LIST,
  BY_VENDOR_CLASS,
  type KindFacts,
  kindOf,
  MAC_BY_PARAMETER_LIST,
} from '../../src/devices/kind.js';
import type { Visit } from '../../src/visits/visit.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

const APPLE_LIST = [1, 121, 3, 6, 15, 108, 114, 119, 252];
const MAC_LIST = [...APPLE_LIST, 95, 44, 46];
const WINDOWS_LIST = [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const ANDROID_LIST = [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108];

const kind = (facts: Partial<KindFacts>) =>
  kindOf({ vendor: null, vendorClass: null, hostname: null, parameterList: null, ...facts });

test('a device of which nothing is known has no kind', () => {
  expect(kind({})).toBeNull();
  expect(kind({ vendor: '', vendorClass: '', hostname: '', parameterList: [] })).toBeNull();
});

test.each([
  ['android-dhcp-14', 'Android 14'],
  ['android-dhcp-8.1.0', 'Android 8'],
  ['android-dhcp-UpsideDownCake', 'Android'],
  ['android-dhcp-', 'Android'],
  ['HUAWEI:android:ALE', 'Android'],
  ['MSFT 5.0', 'Windows'],
  ['MSFT 98', 'Windows'],
  ['ArubaAP', 'access point'],
  ['ArubaInstantAP', 'access point'],
  ['Ruckus CPE', 'access point'],
  ['Cisco AP c1240', 'access point'],
  ['Airespace.AP1200', 'access point'],
  ['ubnt', 'Ubiquiti device'],
  ['Cisco Systems, Inc. IP Phone CP-7911G', 'desk phone'],
  ['Polycom-VVX411', 'desk phone'],
  ['AastraIPPhone', 'desk phone'],
  ['Hewlett-Packard JetDirect', 'printer'],
  ['HP LaserJet 400', 'printer'],
  ['Mfg=Xerox;Typ=MFP', 'printer'],
  ['PS4', 'PlayStation'],
  ['udhcp 1.30.1', 'Linux'],
  ['udhcpc 1.2.3', 'Linux'],
  ['dhcpcd-10.0.6:Linux-6.8.0:x86_64:GenuineIntel', 'Linux'],
  ['dhcpcd-5.5.6:NetBSD-6.99.5:i386:i386', null],
  ['dhcpcd-5.5.6', null],
  ['PXEClient:Arch:00000:UNDI:002001', null],
  ['my android-dhcp-14', null],
  ['MSFT', null],
])('vendor class %j says %j', (vendorClass, expected) => {
  expect(kind({ vendorClass })).toBe(expected);
});

test("of a vendor class only a version's two digits enter the kind", () => {
  expect(kind({ vendorClass: 'android-dhcp-14<script>' })).toBe('Android 14');
  expect(kind({ vendorClass: 'android-dhcp-20260101' })).toBe('Android');
});

test('a claim to be an Xbox is believed with an address of Microsoft alone', () => {
  expect(kind({ vendorClass: 'MSFT 5.0 XBOX' })).toBe('Windows');
  expect(kind({ vendorClass: 'MSFT 5.0 XBOX', vendor: 'Microsoft Corporation' })).toBe('Xbox');
});

test("a parameter list that only one maker's systems have says Apple, Mac or Windows, whatever the address", () => {
  expect(kind({ parameterList: [1, 121, 3, 6, 15, 119, 252] })).toBe('Apple');
  expect(kind({ parameterList: APPLE_LIST })).toBe('Apple');
  expect(kind({ parameterList: MAC_LIST })).toBe('Mac');
  expect(kind({ parameterList: [1, 121, 3, 6, 15, 108, 114, 119, 162, 252, 95, 44, 46] })).toBe('Mac');
  expect(kind({ parameterList: WINDOWS_LIST })).toBe('Windows');
  expect(kind({ parameterList: [...WINDOWS_LIST, 114] })).toBe('Windows');
});

test('a parameter list that several systems have says nothing', () => {
  expect(kind({ parameterList: ANDROID_LIST })).toBeNull();
  expect(kind({ parameterList: [1, 121, 3, 6, 15] })).toBeNull();
  expect(kind({ parameterList: [1, 3, 6, 15, 119, 252] })).toBeNull();
  // The same options as Apple's, in another order.
  expect(kind({ parameterList: [...APPLE_LIST].sort((a, b) => a - b) })).toBeNull();
  // A router that took Windows's list of old (Fingerbank, Tenda).
  expect(kind({ parameterList: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 249] })).toBeNull();
});

test.each([
  ['iPhone', 'iPhone'],
  ['iphone', 'iPhone'],
  ['iPhone-2', 'iPhone'],
  ['iPhone (3)', 'iPhone'],
  ['iPhone.lan', 'iPhone'],
  ['Annas-iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Marcs-iPad', 'iPad'],
  ['Annas-MacBook-Pro', 'Mac'],
  ['MacBook-Air', 'Mac'],
  ['DESKTOP-4F2K1QP', 'Windows'],
  ['BRW008077310107', 'printer'],
  ['Watch', null],
  ['Mac', null],
  ['iPhone-Kasse', null],
  ['notaniphone', null],
  ['DESKTOP-anna', null],
  ['DESKTOP-Kitchen', null],
  ['NPI316B9E', null],
  ['tizen', null],
  ['SonosZP', null],
  ['U6-Lite', null],
  ['Galaxy-S23', null],
  [`${'x'.repeat(60)}-iPhone`, null],
])('host name %j alone says %j', (hostname, expected) => {
  expect(kind({ hostname })).toBe(expected);
});

test.each([
  ['iPhone-von-Anna', 'Apple, Inc.', 'iPhone'],
  ['iPad-von-Anna', 'Apple, Inc.', 'iPad'],
  ['iPod-touch', 'Apple, Inc.', 'iPod'],
  ['Watch', 'Apple, Inc.', 'Apple Watch'],
  ['Annas-Apple-Watch', 'Apple, Inc.', 'Apple Watch'],
  ['Apple-TV', 'Apple, Inc.', 'Apple TV'],
  ['Lounge-AppleTV', 'Apple, Inc.', 'Apple TV'],
  ['HomePod', 'Apple, Inc.', 'HomePod'],
  ['AudioAccessory', 'Apple, Inc.', 'HomePod'],
  ['Mac', 'Apple, Inc.', 'Mac'],
  ['Mac-mini', 'Apple, Inc.', 'Mac'],
  ['MacBookPro', 'Apple, Inc.', 'Mac'],
  ['iMac-2', 'Apple, Inc.', 'Mac'],
  ['Jorges-Air', 'Apple, Inc.', 'Apple'],
  ['NPI316B9E', 'HP Inc.', 'printer'],
  ['NPI316B9E', 'Hewlett Packard', 'printer'],
  ['NPI316B9E', 'Intel Corporate', null],
  ['annas-laptop', 'HP Inc.', null],
  ['BRN_310107', 'Brother Industries, LTD.', 'printer'],
  ['EPSON6D40CB', 'Seiko Epson Corporation', 'printer'],
  ['EPSON6D40CB', 'Intel Corporate', null],
  ['Tizen-TV', 'Samsung Electronics Co.,Ltd', 'television'],
  ['U6-Lite-Lounge', 'Ubiquiti Inc', 'access point'],
  ['USW-Flex', 'Ubiquiti Inc', 'Ubiquiti device'],
])('host name %j of %j says %j', (hostname, vendor, expected) => {
  expect(kind({ hostname, vendor })).toBe(expected);
});

test.each([
  ['Apple, Inc.', 'Apple'],
  ['Sonos, Inc.', 'Sonos'],
  ['Roku, Inc', 'Roku'],
  ['Nintendo Co.,Ltd', 'Nintendo'],
  ['Sony Interactive Entertainment Inc.', 'PlayStation'],
  ['Raspberry Pi Trading Ltd', 'Raspberry Pi'],
  ['Routerboard.com', 'network device'],
  ['Intel Corporate', null],
  ['Samsung Electronics Co.,Ltd', null],
  ['Hewlett Packard', null],
])('maker %j alone says %j', (vendor, expected) => {
  expect(kind({ vendor })).toBe(expected);
});

test('every maker in the tables is one whom the registry knows', () => {
  const examples: Readonly<Record<string, string>> = {
    Apple: '3c:22:fb:00:00:01',
    'Sonos, Inc': '48:a6:b8:00:00:01',
    'HP Inc': 'f8:0d:ac:00:00:01',
    Ubiquiti: '78:45:58:00:00:01',
    'Raspberry Pi': 'dc:a6:32:00:00:01',
    'Routerboard.com': '18:fd:74:00:00:01',
    Microsoft: '98:5f:d3:00:00:01',
  };
  for (const [maker, address] of Object.entries(examples)) {
    const mac = parseMac(address);
    expect(mac === null ? null : vendorOf(mac)?.startsWith(maker)).toBe(true);
  }
});

test('with a private address, a parameter list of Apple stands for the maker', () => {
  expect(kind({ hostname: 'iPhone-von-Anna', parameterList: APPLE_LIST })).toBe('iPhone');
  expect(kind({ hostname: 'Watch', parameterList: APPLE_LIST })).toBe('Apple Watch');
  expect(kind({ hostname: 'Watch', parameterList: WINDOWS_LIST })).toBe('Windows');
});

test('evidence that agrees makes the kind narrower', () => {
  expect(kind({ vendorClass: 'ubnt', vendor: 'Ubiquiti Inc', hostname: 'U6-Lite' })).toBe('access point');
  expect(kind({ vendorClass: 'udhcp 1.30.1', vendor: 'Sonos, Inc.' })).toBe('Sonos');
  expect(kind({ vendorClass: 'udhcp 1.30.1', vendor: 'HP Inc.', hostname: 'NPI316B9E' })).toBe('printer');
  expect(kind({ vendorClass: 'dhcpcd-9.4.1:Linux-6.1.21', vendor: 'Raspberry Pi Trading Ltd' })).toBe('Raspberry Pi');
  expect(kind({ vendorClass: 'MSFT 5.0', parameterList: WINDOWS_LIST, hostname: 'DESKTOP-4F2K1QP' })).toBe('Windows');
});

test('of evidence that disagrees, the surer is believed', () => {
  expect(kind({ vendorClass: 'MSFT 5.0', hostname: 'iPhone' })).toBe('Windows');
  expect(kind({ vendorClass: 'MSFT 5.0', vendor: 'Apple, Inc.', hostname: 'Annas-MacBook-Pro' })).toBe('Windows');
  expect(kind({ vendorClass: 'android-dhcp-14', hostname: 'iPhone' })).toBe('Android 14');
  expect(kind({ parameterList: WINDOWS_LIST, hostname: 'Annas-iPhone' })).toBe('Windows');
  expect(kind({ parameterList: MAC_LIST, hostname: 'Annas-iPhone' })).toBe('iPhone');
  expect(kind({ vendor: 'Raspberry Pi Trading Ltd', hostname: 'iPhone' })).toBe('iPhone');
});

test('vendor class and parameter list of one program that disagree leave nothing sure', () => {
  expect(kind({ vendorClass: 'MSFT 5.0', parameterList: APPLE_LIST })).toBeNull();
  expect(kind({ vendorClass: 'android-dhcp-14', parameterList: WINDOWS_LIST })).toBeNull();
  expect(kind({ vendorClass: 'udhcp 1.30.1', parameterList: APPLE_LIST, vendor: 'Apple, Inc.' })).toBeNull();
});

const texts = [
  'android-dhcp-14',
  'MSFT 5.0 XBOX',
  'iPhone',
  'Annas-MacBook-Pro',
  'Apple, Inc.',
  'HP Inc.',
  'NPI316B9E',
  'udhcp 1',
];
const text = fc.oneof(
  fc.constant(null),
  fc.constantFrom(...texts),
  fc.string({ unit: 'binary', maxLength: 300 }),
  // What begins like something known and goes on like nothing.
  fc.tuple(fc.constantFrom(...texts), fc.string({ unit: 'binary', maxLength: 300 })).map(([a, b]) => a + b),
);
const codes = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 80 });
const list = fc.oneof(
  fc.constant(null),
  codes,
  fc.tuple(fc.constantFrom(APPLE_LIST, MAC_LIST, WINDOWS_LIST), codes).map(([a, b]) => a.concat(b)),
);
const facts: fc.Arbitrary<KindFacts> = fc.record({
  vendor: text,
  vendorClass: text,
  hostname: text,
  parameterList: list,
});

test('whatever strangers send, the kind is one of the table, at most 24 characters long', () => {
  const all = [...BY_VENDOR_CLASS, ...BY_PARAMETER_LIST, MAC_BY_PARAMETER_LIST, ...BY_HOSTNAME, ...BY_MAKER];
  const kinds = new Set<string>(all.map((fact) => fact.kind));
  fc.assert(
    fc.property(facts, (some) => {
      const found = kindOf(some);
      if (found === null) return;
      expect(found.length).toBeLessThanOrEqual(24);
      expect(kinds.has(found.replace(/^Android \d{1,2}$/, 'Android'))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  for (const name of kinds) expect(name.length).toBeLessThanOrEqual(24);
});

test('the same facts have the same kind, whatever was asked before', () => {
  fc.assert(
    fc.property(facts, facts, (one, other) => {
      const found = kindOf(one);
      kindOf(other);
      expect(kindOf(one)).toBe(found);
    }),
  );
});

test('each fact names its source', () => {
  for (const { source } of [
    ...BY_VENDOR_CLASS,
    ...BY_PARAMETER_LIST,
    MAC_BY_PARAMETER_LIST,
    ...BY_HOSTNAME,
    ...BY_MAKER,
  ])
    expect(source.length).toBeGreaterThan(10);
});

test('the devices of a recorded morning have their kinds', async () => {
  const visits = new Map<string, Visit>();
  const keep = (visit: Visit) => visits.set(visit.hostname ?? '', visit);
  const tracker = new VisitTracker({ gapMs: 900_000, settleMs: 3_000 }, { onActive() {}, onEnded: keep });
  const sighting = new Sighting();
  const announcement = new Announcement();
  await readCaptureFile('test/captures/morning.pcap', { ipv6: true }, (frame, length, atMs, linkType) => {
    if (decodeFrame(frame, length, linkType, sighting, announcement) === 'sighting')
      tracker.observe(sighting, atMs, atMs);
  });
  tracker.flush();
  const kinds = Object.fromEntries(
    [...visits].map(([name, { mac, vendorClass, hostname, parameterList }]) => [
      name,
      kindOf({ vendor: vendorOf(mac), vendorClass, hostname, parameterList }),
    ]),
  );
  expect(kinds).toMatchObject({
    'U6-Lite-Lounge': 'access point',
    NPI316B9E: 'printer',
    SonosZP: 'Sonos',
    'Annas-MacBook-Pro': 'Mac',
    iPhone: 'iPhone',
    iPad: 'iPad',
    'Galaxy-S23': 'Android 14',
    'Pixel-8': 'Android 15',
    'Fairphone-5': 'Android 13',
    'DESKTOP-4F2K1QP': 'Windows',
    'SURFACE-LUCIA': 'Windows',
    raspberrypi: 'Raspberry Pi',
    'thinkpad-x1': 'Linux',
    framework: null,
  });
});
