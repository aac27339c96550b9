// The kind of a device, in a word or two, by its DHCP messages and its maker.
//
// Every fact in the tables below is from the source beside it. Facts that are true only often are left out. For instance, option 55
// does not show Android, because ChromeOS and others ask for the same, and a model name in a host name does not show the system.

/** What is known of a device. The texts are untrusted: only the digits of an Android version become part of the kind. */
export interface KindFacts {
  /** The maker by the IEEE registry (`vendorOf`). */
  readonly vendor: string | null;
  /** DHCP option 60. */
  readonly vendorClass: string | null;
  readonly hostname: string | null;
  /** DHCP option 55, in the order in which the device asks. */
  readonly parameterList: readonly number[] | null;
}

export type Kind =
  | 'access point'
  | 'Android'
  | 'Apple'
  | 'Apple TV'
  | 'Apple Watch'
  | 'desk phone'
  | 'HomePod'
  | 'iPad'
  | 'iPhone'
  | 'iPod'
  | 'Linux'
  | 'Mac'
  | 'network device'
  | 'Nintendo'
  | 'PlayStation'
  | 'printer'
  | 'Raspberry Pi'
  | 'Roku'
  | 'Sonos'
  | 'television'
  | 'Ubiquiti device'
  | 'Windows'
  | 'Xbox';

const APPLE_BOOTP = 'https://github.com/apple-oss-distributions/bootp (bootp-494.60.3), IPConfiguration.bproj';
const APPLE_LISTS = `${APPLE_BOOTP}/Info.plist and Embedded-Info.plist, DHCPRequestedParameterList`;
const APPLE_NAMES = `${APPLE_BOOTP}/dhcp.c, add_host_name: the letters of the product type, where a private name is wanted`;
const MS_DHCPE = 'https://learn.microsoft.com/openspecs/windows_protocols/ms-dhcpe, 2.2.3';
const WINDOWS_NAMES =
  'https://www.techtarget.com/searchenterprisedesktop/blog/Windows-Enterprise-Desktop/Win10-ComputerName-Generation';
const WINDOWS_LISTS =
  'http://ritzinmobileworld.blogspot.com/2022/09/dhcp-various-client-options.html (Fingerbank: Windows Kernel 10.0)';
const AOSP = 'https://android.googlesource.com/platform/packages/modules/NetworkStack, DhcpPacket.java, getVendorId';
const BUSYBOX = 'https://git.busybox.net/busybox, networking/udhcp/dhcpc.c: "udhcp " and the version';
const DHCPCD = 'https://man.netbsd.org/dhcpcd.conf.5, vendorclassid: dhcpcd-VERSION:SYSTEM-RELEASE:MACHINE';
const ARUBA = 'https://arubanetworking.hpe.com/techdocs, DHCP for APs, option implementation (campus and instant)';
const RUCKUS = 'Ruckus Wireless ZoneDirector 1200 User Guide, page 28: all access points send "Ruckus CPE"';
const CISCO_AP = 'Cisco Aironet 1000 Series Installation Guide (OL-9403-04), table F-1: VCI strings';
const CISCO_PHONE = 'https://github.com/flan/staticdhcpd/issues/28 (trace of a CP-7911G); Fingerbank, Cisco IP Phone';
const UNIFI =
  'https://digitalmccullough.com/posts/adopting-remote-unifi-devices-with-windows-server-dhcp.html: all UniFi devices';
const UNIFI_MODELS =
  'https://github.com/netbox-community/devicetype-library, device-types/Ubiquiti: U6, U7 and UAP are access points';
const BRIGHTGATE = 'https://github.com/Brightgate/product, golang/src/bg/cl-obs/defs/defs.go, DHCPVendorPatterns';
const HP_NAMES = 'HP PSC 2500 Reference Guide, page 77: NPI and the last six digits of the MAC address';
const BROTHER_NAMES = "Brother HL-5370DW Network User's Guide, page 180: BRN or BRW and the MAC address";
const EPSON_NAMES =
  'https://github.com/home-assistant/core/issues/52709: EPSON6D40CB.local has the service _printer._tcp';
const SAMSUNG_TV = 'https://github.com/home-assistant/core, homeassistant/components/samsungtv/manifest.json, dhcp';
const IEEE = 'IEEE MA-L, the registered name: the kind is little more than the brand';

interface Fact {
  readonly kind: Kind;
  /** The fact is true only for devices of these makers, by the beginnings of their registered names. */
  readonly makers?: readonly string[];
  readonly source: string;
}

interface TextFact extends Fact {
  readonly text: RegExp;
}

/** The first match counts. The maker built the text into the DHCP client, so this evidence is the surest. */
export const BY_VENDOR_CLASS: readonly TextFact[] = [
  { text: /^android-dhcp-/, kind: 'Android', source: AOSP },
  { text: /^HUAWEI:android/, kind: 'Android', source: BRIGHTGATE },
  // Microsoft writes that it "may or may not actually be" an Xbox. With Microsoft's address it is.
  { text: /^MSFT 5\.0 XBOX$/, kind: 'Xbox', makers: ['Microsoft'], source: MS_DHCPE },
  { text: /^MSFT (5\.0|98)\b/, kind: 'Windows', source: MS_DHCPE },
  { text: /^Aruba(Instant)?AP$/, kind: 'access point', source: ARUBA },
  { text: /^Ruckus CPE/, kind: 'access point', source: RUCKUS },
  { text: /^(Cisco AP |Airespace\.A)/, kind: 'access point', source: CISCO_AP },
  { text: /^ubnt\b/, kind: 'Ubiquiti device', source: UNIFI },
  { text: /^Cisco Systems, Inc\. IP Phone/, kind: 'desk phone', source: CISCO_PHONE },
  { text: /^(Polycom-|AastraIPPhone)/, kind: 'desk phone', source: BRIGHTGATE },
  { text: /^(Hewlett-Packard (JetDirect|OfficeJet)|HP (LaserJet|Printer))/, kind: 'printer', source: BRIGHTGATE },
  { text: /^(Mfg=(Fuji)?Xerox|XEROX)/, kind: 'printer', source: BRIGHTGATE },
  { text: /^PS4/, kind: 'PlayStation', source: BRIGHTGATE },
  { text: /^udhcpc?\b/, kind: 'Linux', source: BUSYBOX },
  { text: /^dhcpcd[- ][^:]*:Linux-/, kind: 'Linux', source: DHCPCD },
];

interface ListFact extends Fact {
  readonly begins: readonly number[];
  readonly has: readonly number[];
}

/** The parameter lists of systems. All Apple systems begin alike, and differ behind that by release. */
export const BY_PARAMETER_LIST: readonly ListFact[] = [
  { begins: [1, 121, 3, 6, 15], has: [119, 252], kind: 'Apple', source: APPLE_LISTS },
  {
    begins: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
    has: [],
    kind: 'Windows',
    source: WINDOWS_LISTS,
  },
];

/** Only macOS also asks for LDAP and NetBIOS. This evidence comes after the host name. */
export const MAC_BY_PARAMETER_LIST: ListFact = {
  begins: [1, 121, 3, 6, 15],
  has: [119, 252, 95, 44, 46],
  kind: 'Mac',
  source: APPLE_LISTS,
};

const APPLE = ['Apple'];

/**
 * Names that the maker gives, alone or behind the owner's name (`Annas-iPhone`). A name that people may give to other things counts
 * only with the maker. The first match counts.
 */
export const BY_HOSTNAME: readonly TextFact[] = [
  { text: /(^|\W)iphone(\W{1,2}\d+\W?)?$/i, kind: 'iPhone', source: APPLE_NAMES },
  { text: /(^|\W)ipad(\W{1,2}\d+\W?)?$/i, kind: 'iPad', source: APPLE_NAMES },
  { text: /(^|\W)iphone(\W|$)/i, kind: 'iPhone', makers: APPLE, source: APPLE_NAMES },
  { text: /(^|\W)ipad(\W|$)/i, kind: 'iPad', makers: APPLE, source: APPLE_NAMES },
  { text: /(^|\W)ipod(\W|$)/i, kind: 'iPod', makers: APPLE, source: APPLE_NAMES },
  { text: /^(apple\W?)?watch(\W|$)|\Wapple\W?watch(\W|$)/i, kind: 'Apple Watch', makers: APPLE, source: APPLE_NAMES },
  { text: /(^|\W)apple\W?tv(\W|$)/i, kind: 'Apple TV', makers: APPLE, source: APPLE_NAMES },
  { text: /(^|\W)homepod(\W|$)|^audioaccessory$/i, kind: 'HomePod', makers: APPLE, source: APPLE_NAMES },
  { text: /(^|\W)macbook\W?(air|pro)?(\W{1,2}\d+\W?)?$/i, kind: 'Mac', source: APPLE_NAMES },
  { text: /(^|\W)(macbook|imac|mac)\W?(air|pro|mini|studio)?(\W|$)/i, kind: 'Mac', makers: APPLE, source: APPLE_NAMES },
  { text: /^DESKTOP-[0-9A-Z]{7}$/, kind: 'Windows', source: WINDOWS_NAMES },
  { text: /^NPI[0-9A-F]{6}$/i, kind: 'printer', makers: ['HP Inc', 'Hewlett Packard'], source: HP_NAMES },
  // The name contains the whole MAC, so no maker is needed. With Wi-Fi the maker is often that of the radio.
  { text: /^BR[NW][0-9A-F]{12}$/i, kind: 'printer', source: BROTHER_NAMES },
  { text: /^BR[NW]_?[0-9A-F]{6}$/i, kind: 'printer', makers: ['Brother Industries'], source: BROTHER_NAMES },
  { text: /^EPSON[0-9A-F]{6}$/i, kind: 'printer', makers: ['Seiko Epson'], source: EPSON_NAMES },
  { text: /^tizen/i, kind: 'television', makers: ['Samsung'], source: SAMSUNG_TV },
  { text: /^(U[67]-|UAP-)/i, kind: 'access point', makers: ['Ubiquiti'], source: UNIFI_MODELS },
];

/** Makers of a single kind of device. Makers of computers, phones or radios for others are left out. */
export const BY_MAKER: readonly (Fact & { readonly makers: readonly string[] })[] = [
  { makers: APPLE, kind: 'Apple', source: IEEE },
  { makers: ['Sonos, Inc', 'Sonos Inc'], kind: 'Sonos', source: IEEE },
  { makers: ['Roku, Inc'], kind: 'Roku', source: IEEE },
  { makers: ['Nintendo'], kind: 'Nintendo', source: IEEE },
  { makers: ['Sony Interactive Entertainment'], kind: 'PlayStation', source: IEEE },
  { makers: ['Raspberry Pi'], kind: 'Raspberry Pi', source: IEEE },
  { makers: ['Ubiquiti'], kind: 'Ubiquiti device', source: IEEE },
  { makers: ['Routerboard.com'], kind: 'network device', source: IEEE },
];

/** For each wide kind, the narrower kinds. Linux may be in all devices but Apple's and Microsoft's. */
const NARROWER: ReadonlyMap<Kind, readonly Kind[]> = new Map<Kind, readonly Kind[]>([
  ['Apple', ['Apple TV', 'Apple Watch', 'HomePod', 'iPad', 'iPhone', 'iPod', 'Mac']],
  ['Windows', ['Xbox']],
  ['Ubiquiti device', ['access point']],
  ['network device', ['access point']],
  [
    'Linux',
    [
      'access point',
      'Android',
      'desk phone',
      'network device',
      'Nintendo',
      'PlayStation',
      'printer',
      'Raspberry Pi',
      'Roku',
      'Sonos',
      'television',
      'Ubiquiti device',
    ],
  ],
]);

/** A DNS label has at most 63 octets (RFC 1035, 2.3.4). No maker gives a longer name. */
const MAX_LABEL = 63;

/**
 * Returns the kind, at most 24 characters; null when it is not sure. The evidence, from the surest to the least sure: vendor class,
 * parameter list, host name, the parameter list's ending, maker. Evidence that agrees makes the kind narrower (`Apple`, then `iPhone`).
 * Evidence that disagrees with surer evidence is left out. But vendor class and parameter list come from the same program. When they
 * disagree, one of them is forged, and nothing is sure.
 */
export function kindOf({ vendor, vendorClass, hostname, parameterList }: KindFacts): string | null {
  const list = parameterList ?? [];
  const byList = BY_PARAMETER_LIST.find((fact) => asksFor(list, fact))?.kind ?? null;
  // A private address has no maker, and an adapter has another maker. But Apple's software runs only on Apple's devices.
  const maker = byList === 'Apple' ? 'Apple' : vendor;
  const byVendorClass = findText(BY_VENDOR_CLASS, vendorClass ?? '', maker);
  if (byVendorClass !== null && byList !== null && !agree(byVendorClass, byList)) return null;
  const claims = [
    byVendorClass,
    byList,
    findText(BY_HOSTNAME, firstLabel(hostname), maker),
    asksFor(list, MAC_BY_PARAMETER_LIST) ? MAC_BY_PARAMETER_LIST.kind : null,
    BY_MAKER.find((fact) => isMadeBy(maker, fact))?.kind ?? null,
  ];
  let kind: Kind | null = null;
  for (const claim of claims) if (claim !== null && (kind === null || isNarrower(claim, kind))) kind = claim;
  return kind === 'Android' ? withVersion(vendorClass) : kind;
}

function findText(facts: readonly TextFact[], text: string, maker: string | null): Kind | null {
  return facts.find((fact) => fact.text.test(text) && isMadeBy(maker, fact))?.kind ?? null;
}

function isMadeBy(maker: string | null, { makers }: Fact): boolean {
  return makers === undefined || makers.some((name) => maker?.toLowerCase().startsWith(name.toLowerCase()));
}

function asksFor(list: readonly number[], { begins, has }: ListFact): boolean {
  return begins.every((code, index) => list[index] === code) && has.every((code) => list.includes(code));
}

function agree(kind: Kind, other: Kind): boolean {
  return kind === other || isNarrower(kind, other) || isNarrower(other, kind);
}

function isNarrower(kind: Kind, wider: Kind): boolean {
  return NARROWER.get(wider)?.includes(kind) ?? false;
}

/** `android-dhcp-8.1.0` is Android 8. A preview has a name in place of the number, and is Android. */
function withVersion(vendorClass: string | null): string {
  const version = /^android-dhcp-(\d{1,2})(?!\d)/.exec(vendorClass ?? '')?.[1];
  return version === undefined ? 'Android' : `Android ${version}`;
}

/** Without the domain, which some clients send too. */
function firstLabel(hostname: string | null): string {
  const label = hostname?.split('.', 1)[0] ?? '';
  return label.length > MAX_LABEL ? '' : label;
}
