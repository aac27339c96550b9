// Builds frames byte by byte, the way the RFCs draw them, so that a test shows which field it bends.

/** What a test writes for bytes: hexadecimal (separators are ignored), numbers as single octets, or bytes. */
export type Bytes = Uint8Array | string | number[];

export function bytes(...parts: Bytes[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? fromHex(part) : Uint8Array.from(part))));
}

function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/[\s:.-]/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal: ${hex}`);
  return Buffer.from(digits, 'hex');
}

export function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

export function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

export function ipv4Address(text: string): number[] {
  return text.split('.').map(Number);
}

/** `fe80::1` and the like; at most one `::`. */
export function ipv6Address(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const front = groups(head);
  const back = groups(tail ?? '');
  const middle = new Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...middle, ...back].flatMap(u16));
}

export const DEVICE = '3c:22:fb:00:00:01';
export const OTHER = '3c:22:fb:00:00:02';
export const SERVER = '00:1b:21:00:00:fe';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export const ARP = 0x0806;
export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;

interface Link {
  destination?: string;
  source?: string;
  /** From the outermost: `[TPID, TCI]`. */
  tags?: [number, number][];
}

function tagged(tags: [number, number][], type: number): number[] {
  return [...tags.flatMap(([tpid, tci]) => [...u16(tpid), ...u16(tci)]), ...u16(type)];
}

export function ethernet(type: number, payload: Uint8Array, link: Link = {}): Uint8Array {
  const { destination = BROADCAST, source = DEVICE, tags = [] } = link;
  return bytes(destination, source, tagged(tags, type), payload);
}

/** RFC 1042: IEEE 802.3 with LLC and SNAP. */
export function snap(type: number, payload: Uint8Array, link: Link = {}): Uint8Array {
  return ethernet(payload.length + 8, bytes('aa aa 03 00 00 00', u16(type), payload), link);
}

export function linuxSll(type: number, payload: Uint8Array, link: Link = {}): Uint8Array {
  const { source = DEVICE, tags = [] } = link;
  const address = bytes(source);
  return bytes(
    u16(1),
    u16(1),
    u16(address.length),
    address,
    new Array(8 - address.length).fill(0),
    tagged(tags, type),
    payload,
  );
}

export function linuxSll2(type: number, payload: Uint8Array, link: Link = {}): Uint8Array {
  const { source = DEVICE, tags = [] } = link;
  const address = bytes(source);
  const types = tagged(tags, type);
  const head = bytes(
    types.slice(0, 2),
    u16(0),
    u32(3),
    u16(1),
    [1, address.length],
    address,
    new Array(8 - address.length).fill(0),
  );
  return bytes(head, types.slice(2), payload);
}

interface ArpFields {
  opcode?: number;
  htype?: number;
  ptype?: number;
  hlen?: number;
  plen?: number;
  sha?: string;
  spa?: string;
  tha?: string;
  tpa?: string;
}

export function arp(fields: ArpFields = {}): Uint8Array {
  const { opcode = 1, htype = 1, ptype = IPV4, hlen = 6, plen = 4, sha = DEVICE, spa = '192.168.1.23' } = fields;
  const { tha = '00:00:00:00:00:00', tpa = '192.168.1.1' } = fields;
  return bytes(u16(htype), u16(ptype), [hlen, plen], u16(opcode), sha, ipv4Address(spa), tha, ipv4Address(tpa));
}

interface Ipv4Fields {
  version?: number;
  /** In 32-bit words; options are zeros (End of Options List). */
  ihl?: number;
  totalLength?: number;
  fragmentOffset?: number;
  moreFragments?: boolean;
  protocol?: number;
  source?: string;
  destination?: string;
}

export function ipv4(payload: Uint8Array, fields: Ipv4Fields = {}): Uint8Array {
  const { version = 4, ihl = 5, protocol = 17, source = '0.0.0.0', destination = '255.255.255.255' } = fields;
  const { totalLength = Math.max(ihl, 5) * 4 + payload.length, fragmentOffset = 0, moreFragments = false } = fields;
  const header = bytes(
    [(version << 4) | ihl, 0],
    u16(totalLength),
    u16(0x1234),
    u16((moreFragments ? 0x2000 : 0) | fragmentOffset),
    [64, protocol],
    u16(0),
    ipv4Address(source),
    ipv4Address(destination),
    new Array(Math.max(ihl - 5, 0) * 4).fill(0),
  );
  header.set(u16(internetChecksum(header)), 10);
  return bytes(header, payload);
}

function internetChecksum(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += ((data[i] ?? 0) << 8) | (data[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

interface UdpFields {
  source?: number;
  destination?: number;
  length?: number;
}

export function udp(payload: Uint8Array, fields: UdpFields = {}): Uint8Array {
  const { source = 68, destination = 67, length = 8 + payload.length } = fields;
  return bytes(u16(source), u16(destination), u16(length), u16(0), payload);
}

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;
export const INFORM = 8;

/** A DHCP option; `value` as bytes. */
export function option(code: number, value: Bytes): Uint8Array {
  const content = bytes(value);
  return bytes([code, content.length], content);
}

export interface DhcpFields {
  op?: number;
  xid?: number;
  htype?: number;
  hlen?: number;
  ciaddr?: string;
  yiaddr?: string;
  giaddr?: string;
  chaddr?: string;
  sname?: Bytes;
  file?: Bytes;
  cookie?: Bytes;
  /** Option 53; null for plain BOOTP. */
  type?: number | null;
  options?: Uint8Array[];
  /** After the options. */
  tail?: Bytes;
}

function padded(content: Uint8Array, length: number): Uint8Array {
  return bytes(content, new Array(length - content.length).fill(0));
}

export function dhcp(fields: DhcpFields = {}): Uint8Array {
  const { type = DISCOVER, htype = 1, hlen = 6, chaddr = DEVICE } = fields;
  const { op = type === OFFER || type === ACK || type === NAK ? 2 : 1 } = fields;
  const { xid = 0x3903f326, ciaddr = '0.0.0.0', yiaddr = '0.0.0.0', giaddr = '0.0.0.0' } = fields;
  const { sname = [], file = [], cookie = '63 82 53 63', options = [], tail = [255] } = fields;
  return bytes(
    [op, htype, hlen, 0],
    u32(xid),
    u16(0),
    u16(0),
    ipv4Address(ciaddr),
    ipv4Address(yiaddr),
    '00000000',
    ipv4Address(giaddr),
    padded(bytes(chaddr), 16),
    padded(bytes(sname), 64),
    padded(bytes(file), 128),
    cookie,
    type === null ? [] : option(53, [type]),
    ...options,
    tail,
  );
}

/** A DHCP message in its Ethernet frame: from the client, or from the server when it is a reply. */
export function dhcpFrame(fields: DhcpFields = {}, link: Link = {}, ip: Ipv4Fields = {}): Uint8Array {
  const message = dhcp(fields);
  return message[0] === 2
    ? ethernet(IPV4, ipv4(udp(message, { source: 67, destination: 68 }), { source: '192.168.1.1', ...ip }), {
        source: SERVER,
        ...link,
      })
    : ethernet(IPV4, ipv4(udp(message), ip), link);
}

interface Ipv6Fields {
  version?: number;
  source?: string;
  destination?: string;
  hopLimit?: number;
  nextHeader?: number;
  payloadLength?: number;
}

export const LINK_LOCAL = 'fe80::3e22:fbff:fe00:1';

export function ipv6(nextHeader: number, payload: Uint8Array, fields: Ipv6Fields = {}): Uint8Array {
  const { version = 6, source = LINK_LOCAL, destination = 'ff02::1', hopLimit = 255 } = fields;
  const { payloadLength = payload.length } = fields;
  return bytes(
    [version << 4, 0, 0, 0],
    u16(payloadLength),
    [nextHeader, hopLimit],
    ipv6Address(source),
    ipv6Address(destination),
    payload,
  );
}

/** An extension header of `units` times eight octets after the first eight, filled with a PadN option. */
export function extensionHeader(nextHeader: number, units = 0): Uint8Array {
  return bytes([nextHeader, units, 1, 4 + units * 8], new Array(4 + units * 8).fill(0));
}

export function fragmentHeader(nextHeader: number, offset = 0, more = true): Uint8Array {
  return bytes([nextHeader, 0], u16((offset << 3) | (more ? 1 : 0)), u32(7));
}

export const ICMPV6 = 58;
export const UDP = 17;

/** A Neighbor Discovery message: `rest` follows the checksum. */
export function icmpv6(type: number, rest: Bytes, code = 0): Uint8Array {
  return bytes([type, code], u16(0), rest);
}

export function sourceLinkLayer(mac: string): Uint8Array {
  return bytes([1, 1], mac);
}

export function targetLinkLayer(mac: string): Uint8Array {
  return bytes([2, 1], mac);
}

/** A DHCPv6 option. */
export function option6(code: number, value: Bytes): Uint8Array {
  const content = bytes(value);
  return bytes(u16(code), u16(content.length), content);
}

export function dhcpv6(type: number, ...options: Uint8Array[]): Uint8Array {
  return bytes([type, 0x12, 0x34, 0x56], ...options);
}

export function relayForward(peer: string, ...options: Uint8Array[]): Uint8Array {
  return bytes([12, 0], ipv6Address('2001:db8::1'), ipv6Address(peer), ...options);
}

export function duidLlt(mac: string): Uint8Array {
  return bytes(u16(1), u16(1), u32(0x2b00_1234), mac);
}

export function duidLl(mac: string): Uint8Array {
  return bytes(u16(3), u16(1), mac);
}

/** A name in wire format (RFC 1035, 3.1); without the root label when `partial`. */
export function wireName(name: string, partial = false): Uint8Array {
  const labels = name.split('.').map((label) => bytes([label.length], ascii(label)));
  return bytes(...labels, partial ? [] : [0]);
}

/** A DHCPv6 message in its Ethernet frame, sent by a client to all servers. */
export function dhcpv6Frame(message: Uint8Array, link: Link = {}, fields: Ipv6Fields = {}): Uint8Array {
  return ethernet(IPV6, ipv6(UDP, udp(message, { source: 546, destination: 547 }), { hopLimit: 1, ...fields }), link);
}

/** A Neighbor Discovery message in its Ethernet frame. */
export function ndpFrame(message: Uint8Array, link: Link = {}, fields: Ipv6Fields = {}): Uint8Array {
  return ethernet(IPV6, ipv6(ICMPV6, message, fields), link);
}

export const NO_FLAGS = u32(0);

export function routerSolicitation(...options: Uint8Array[]): Uint8Array {
  return icmpv6(133, bytes(NO_FLAGS, ...options));
}

export function routerAdvertisement(...options: Uint8Array[]): Uint8Array {
  return routerAdvertisementFor(1_800, ...options);
}

/** With a router lifetime in seconds. */
export function routerAdvertisementFor(lifetime: number, ...options: Uint8Array[]): Uint8Array {
  return icmpv6(134, bytes('40 00', u16(lifetime), '00000000 00000000', ...options));
}

export function neighborSolicitation(target: string, ...options: Uint8Array[]): Uint8Array {
  return icmpv6(135, bytes(NO_FLAGS, ipv6Address(target), ...options));
}

export function neighborAdvertisement(target: string, flags: number, ...options: Uint8Array[]): Uint8Array {
  return icmpv6(136, bytes([flags, 0, 0, 0], ipv6Address(target), ...options));
}
