// DHCPv4 and plain BOOTP messages (RFC 951, 2131): which device a message is about, and what a server says about the network.
import { isPrivateIpv4 } from '../addresses/ip-address.js';
import { isDeviceMac, readMac } from '../addresses/mac-address.js';
import { DhcpOptions, NO_MESSAGE_TYPE } from './dhcp-options.js';
import type { LinkHeader } from './link-layer.js';
import { uint8, uint32 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';
import type { Datagram } from './udp.js';

/** The part before the magic cookie (RFC 2131, figure 1). Plain BOOTP has all that we need in it. */
const FIXED_LENGTH = 236;
/** Where an IPv4 header has its source address. */
const IPV4_SOURCE = 12;
const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const HTYPE_ETHERNET = 1;
const HTYPE_IEEE802 = 6;

/** RFC 2132, 9.6. */
const DHCPDISCOVER = 1;
const DHCPOFFER = 2;
const DHCPREQUEST = 3;
const DHCPDECLINE = 4;
const DHCPACK = 5;
const DHCPINFORM = 8;

const options = new DhcpOptions();

/**
 * The device is `chaddr`, not the Ethernet source, which may be a relay. A client's message is a sighting unless it is a RELEASE, with
 * which the client leaves. A server's message is a sighting only if it is an ACK. An OFFER is none, but announces its server.
 *
 * A message from a public address may have come from the Internet, where anybody can write any `chaddr` into it, so it is no
 * sighting. Messages from private addresses are, because a router in the house passes on unicast renewals. In a space whose LAN has
 * public addresses, renewals and servers' answers are lost. Its devices are still seen by ARP and as they join, because the source is
 * then 0.0.0.0.
 *
 * `ip` is where the IPv4 header starts.
 */
export function decodeDhcp(
  frame: Uint8Array,
  ip: number,
  datagram: Readonly<Datagram>,
  link: Readonly<LinkHeader>,
  sighting: Sighting,
  announcement: Announcement,
): Verdict {
  const at = datagram.start;
  if (datagram.end - at < FIXED_LENGTH) return 'short-dhcp';
  const op = uint8(frame, at);
  if (op !== BOOTREQUEST && op !== BOOTREPLY) return 'bad-dhcp';
  if (!options.read(frame, at, datagram.end, datagram.cut)) return 'bad-dhcp-options';
  // Without its message type, a RELEASE cannot be told from a REQUEST.
  if (datagram.cut && options.messageType === NO_MESSAGE_TYPE) return 'short-dhcp';

  const source = uint32(frame, ip + IPV4_SOURCE);
  if (source !== 0 && !isPrivateIpv4(source)) return 'other';
  const htype = uint8(frame, at + 1);
  const hlen = uint8(frame, at + 2);
  if ((htype !== HTYPE_ETHERNET && htype !== HTYPE_IEEE802) || hlen !== 6) return 'other';
  const chaddr = readMac(frame, at + 28);
  if (!isDeviceMac(chaddr)) return 'other';
  const { messageType } = options;
  const isRequest = op === BOOTREQUEST;
  if (isRequest ? !isFromPresentClient(messageType) : messageType !== DHCPOFFER && messageType !== DHCPACK)
    return 'other';

  const giaddr = uint32(frame, at + 24);
  announcement.kind = isRequest ? 'dhcp-request' : messageType === DHCPACK ? 'dhcp-ack' : 'dhcp-offer';
  announcement.station = isDeviceMac(link.source) ? link.source : 0;
  announcement.vlan = link.vlan;
  announcement.stationIpv4 = source;
  announcement.client = chaddr;
  announcement.xid = uint32(frame, at + 4);
  announcement.serverIpv4 = isRequest && messageType !== DHCPREQUEST ? 0 : options.serverIdentifier;
  announcement.routerIpv4 = isRequest ? 0 : options.router;
  announcement.subnetMask = isRequest ? 0 : options.subnetMask;
  announcement.relayIpv4 = giaddr;
  if (announcement.kind === 'dhcp-offer') return 'other';

  sighting.mac = chaddr;
  sighting.via = 'dhcp';
  sighting.hostname.copy(options.hostname);
  sighting.clientId.copy(options.clientIdentifier);
  const ciaddr = uint32(frame, at + 12);
  if (isRequest) {
    sighting.ipv4 = ciaddr || (messageType === DHCPREQUEST ? options.requestedAddress : 0);
    sighting.vendorClass.copy(options.vendorClass);
    sighting.parameterList.copy(options.parameterList);
    const isOwnFrame = link.source === 0 || link.source === chaddr;
    sighting.forwarded = giaddr !== 0 || !isOwnFrame;
    // RFC 2131, 4.1: a client without an address sends from 0.0.0.0, and nothing with that source is routed.
    if (giaddr === 0 && source === 0 && !isOwnFrame && isDeviceMac(link.source)) sighting.repeater = link.source;
  } else {
    // The answer to an INFORM has no yiaddr (RFC 2131, 4.3.5). Option 60 of an answer is about the server.
    sighting.ipv4 = uint32(frame, at + 16) || ciaddr;
    sighting.forwarded = giaddr !== 0;
  }
  return 'sighting';
}

/** False for a RELEASE, and for types that are not about the sender (a LEASEQUERY asks about another device, RFC 4388). */
function isFromPresentClient(messageType: number): boolean {
  switch (messageType) {
    case NO_MESSAGE_TYPE:
    case DHCPDISCOVER:
    case DHCPREQUEST:
    case DHCPDECLINE:
    case DHCPINFORM:
      return true;
    default:
      return false;
  }
}
