// DHCPv6 (RFC 8415): clients' messages, plain or wrapped by relays.
import { isLinkLocal, isUniqueLocal, isUnspecified } from '../addresses/ip-address.js';
import { isDeviceMac, type MacAddress, readMac } from '../addresses/mac-address.js';
import { readDomainName } from './domain-name.js';
import type { LinkHeader } from './link-layer.js';
import { uint8, uint16, uint32 } from './octets.js';
import { type Announcement, type Sighting, Span, type Verdict } from './sighting.js';
import type { Datagram } from './udp.js';

/** RFC 8415, 7.3. */
const SOLICIT = 1;
const ADVERTISE = 2;
const REQUEST = 3;
const CONFIRM = 4;
const RENEW = 5;
const REBIND = 6;
const REPLY = 7;
const DECLINE = 9;
const INFORMATION_REQUEST = 11;
const RELAY_FORW = 12;

const IPV6_SOURCE = 8;
const CLIENT_HEADER_LENGTH = 4;
const RELAY_HEADER_LENGTH = 34;
const PEER_ADDRESS = 18;
/** RFC 8415, 7.6: HOP_COUNT_LIMIT. */
const MAX_RELAYS = 8;

const OPTION_CLIENTID = 1;
const OPTION_RELAY_MSG = 9;
/** RFC 4704, 4: one octet of flags, then a name in wire format. */
const OPTION_CLIENT_FQDN = 39;
/** RFC 6939, 4: the hardware type, then the address that the first relay saw the client use. */
const OPTION_CLIENT_LINKLAYER_ADDR = 79;

const DUID_LLT = 1;
const DUID_LL = 3;
/** RFC 8415, 11.1: the type, then at most 128 octets. */
const MAX_DUID = 130;
/** Added to a hash, so that it equals no MAC. */
const BEYOND_MACS = 2 ** 48;
const HTYPE_ETHERNET = 1;
const HTYPE_IEEE802 = 6;

const clientId = new Span();
const relayMessage = new Span();
const clientFqdn = new Span();
const clientLinkLayerAddress = new Span();

/**
 * The device is, in this order: the link-layer address that the client's own relay wrote down (RFC 6939); the Ethernet source of a
 * message that comes from a client directly; the address in the DUID. The DUID comes last because many clients make it from another
 * of their interfaces (RFC 8415, 11), which is not on this network. A server's messages are no sightings. They announce the server,
 * or the relay that passes on its answers.
 *
 * Only messages from link-local and unique local addresses are sightings, because others may have come from the Internet. A client
 * sends from its link-local address (RFC 8415, 7). So a space whose LAN has global addresses loses only unicast renewals, which few
 * servers allow, and what a relay sends from a global address. Its devices are still seen by Neighbor Discovery.
 *
 * `ip` is where the IPv6 header starts.
 */
export function decodeDhcpv6(
  frame: Uint8Array,
  ip: number,
  datagram: Readonly<Datagram>,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  const source = ip + IPV6_SOURCE;
  let at = datagram.start;
  let end = datagram.end;
  let peer = source;
  let relays = 0;
  let mac: MacAddress = 0;
  if (end - at < CLIENT_HEADER_LENGTH) return 'short-dhcpv6';
  if (!isLinkLocal(frame, source) && !isUniqueLocal(frame, source)) return 'other';

  while (uint8(frame, at) === RELAY_FORW) {
    if (end - at < RELAY_HEADER_LENGTH) return 'short-dhcpv6';
    if (++relays > MAX_RELAYS || !readOptions(frame, at + RELAY_HEADER_LENGTH, end, datagram.cut)) return 'bad-dhcpv6';
    if (relayMessage.length < CLIENT_HEADER_LENGTH) return datagram.cut ? 'short-dhcpv6' : 'bad-dhcpv6';
    // The innermost relay is the client's own, and is read last.
    mac = macOf(clientLinkLayerAddress, 0);
    peer = at + PEER_ADDRESS;
    at = relayMessage.start;
    end = relayMessage.end;
  }

  const type = uint8(frame, at);
  const isAnswer = type === ADVERTISE || type === REPLY;
  if (!isAnswer && !isFromPresentClient(type)) return 'other';
  if (!readOptions(frame, at + CLIENT_HEADER_LENGTH, end, datagram.cut)) return 'bad-dhcpv6';
  // Servers copy the Client Identifier into their answers (RFC 8415, 18.3); without one nobody can tell whom they answer.
  if (relays === 0 && isLinkLocal(frame, source) && clientId.length > 0) {
    announcement.kind = !isAnswer ? 'dhcpv6-request' : type === REPLY ? 'dhcpv6-reply' : 'dhcpv6-advertise';
    announcement.station = isDeviceMac(link.source) ? link.source : 0;
    announcement.vlan = link.vlan;
    announcement.client = BEYOND_MACS + (clientId.hash() >>> 0);
    // Behind the message type, three octets.
    announcement.xid = uint32(frame, at) & 0xffffff;
  }
  if (isAnswer) return 'other';

  if (relays === 0 && isLinkLocal(frame, peer)) mac = link.source;
  if (mac === 0) mac = macInDuid();
  if (!isDeviceMac(mac)) return 'other';

  sighting.mac = mac;
  sighting.via = 'dhcpv6';
  sighting.forwarded = relays > 0 || (link.source !== 0 && link.source !== mac);
  sighting.clientId.copy(clientId);
  if (!isUnspecified(frame, peer)) sighting.ipv6.set(frame, peer, peer + 16);
  if (clientFqdn.length > 1) readDomainName(frame, clientFqdn.start + 1, clientFqdn.end, sighting.hostname);
  return 'sighting';
}

/** Leaves out RELEASE, what servers send, and types a client does not send for itself (a LEASEQUERY, RFC 5007). */
function isFromPresentClient(type: number): boolean {
  switch (type) {
    case SOLICIT:
    case REQUEST:
    case CONFIRM:
    case RENEW:
    case REBIND:
    case DECLINE:
    case INFORMATION_REQUEST:
      return true;
    default:
      return false;
  }
}

/** Finds the options wanted here. False when an option runs past `end`, unless the message is known to be `cut` there. */
function readOptions(frame: Uint8Array, start: number, end: number, cut: boolean): boolean {
  clientId.clear();
  relayMessage.clear();
  clientFqdn.clear();
  clientLinkLayerAddress.clear();
  let at = start;
  while (at < end) {
    if (end - at < 4) return cut;
    const valueAt = at + 4;
    const code = uint16(frame, at);
    at = valueAt + uint16(frame, at + 2);
    if (at > end) return cut;
    if (code === OPTION_CLIENTID && at - valueAt <= MAX_DUID) clientId.set(frame, valueAt, at);
    else if (code === OPTION_RELAY_MSG) relayMessage.set(frame, valueAt, at);
    else if (code === OPTION_CLIENT_FQDN) clientFqdn.set(frame, valueAt, at);
    else if (code === OPTION_CLIENT_LINKLAYER_ADDR) clientLinkLayerAddress.set(frame, valueAt, at);
  }
  return true;
}

/** RFC 8415, 11.2 and 11.4: the link-layer address in the client's DUID; 0 when it is of another kind. */
function macInDuid(): MacAddress {
  if (clientId.length < 2) return 0;
  switch (uint16(clientId.bytes, clientId.start)) {
    case DUID_LLT:
      return macOf(clientId, 2, 4);
    case DUID_LL:
      return macOf(clientId, 2);
    default:
      return 0;
  }
}

/** The address after a hardware type at `offset` in `value`, which must end with it; 0 when it is not an Ethernet one. */
function macOf(value: Span, offset: number, between = 0): MacAddress {
  const at = value.start + offset;
  if (value.length !== offset + 2 + between + 6) return 0;
  const hardwareType = uint16(value.bytes, at);
  if (hardwareType !== HTYPE_ETHERNET && hardwareType !== HTYPE_IEEE802) return 0;
  return readMac(value.bytes, at + 2 + between);
}
