// DHCPv4 and plain BOOTP messages (RFC 951, 2131): which device speaks, and what the server says about the network.
import { isDeviceMac, readMac } from '../addresses/mac-address.js';
import { DhcpOptions, NO_MESSAGE_TYPE } from './dhcp-options.js';
import type { LinkHeader } from './link-layer.js';
import { uint8, uint32 } from './octets.js';
import type { Announcement, Sighting, Verdict } from './sighting.js';
import type { Datagram } from './udp.js';

/** Up to and without the magic cookie (RFC 2131, figure 1). Plain BOOTP need not have more that matters to us. */
const FIXED_LENGTH = 236;
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
 * The device is `chaddr`, whatever the Ethernet source (relays). A client's message counts unless it says goodbye
 * (RELEASE); a server's only as an ACK. OFFER and ACK fill in `announcement`, whomever they are for, and so does a REQUEST
 * that names its server.
 */
export function decodeDhcp(
  frame: Uint8Array,
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

  if (op === BOOTREPLY) {
    if (options.messageType !== DHCPOFFER && options.messageType !== DHCPACK) return 'other';
    announce(frame, at, link, announcement);
    if (options.messageType !== DHCPACK) return 'other';
  } else if (!isFromPresentClient(options.messageType)) {
    return 'other';
  }

  const htype = uint8(frame, at + 1);
  const hlen = uint8(frame, at + 2);
  if ((htype !== HTYPE_ETHERNET && htype !== HTYPE_IEEE802) || hlen !== 6) return 'other';
  const chaddr = readMac(frame, at + 28);
  if (!isDeviceMac(chaddr)) return 'other';

  sighting.mac = chaddr;
  sighting.via = 'dhcp';
  sighting.hostname.copy(options.hostname);
  sighting.clientId.copy(options.clientIdentifier);
  const ciaddr = uint32(frame, at + 12);
  const relayed = uint32(frame, at + 24) !== 0;
  if (op === BOOTREQUEST) {
    sighting.ipv4 = ciaddr || (options.messageType === DHCPREQUEST ? options.requestedAddress : 0);
    // RFC 2131, 4.3.2: a client that selects names the server. Answers are often unicast, this is always broadcast.
    if (options.messageType === DHCPREQUEST) announcement.dhcpServerIp = options.serverIdentifier;
    sighting.vendorClass.copy(options.vendorClass);
    sighting.parameterList.copy(options.parameterList);
    sighting.forwarded = relayed || (link.source !== 0 && link.source !== chaddr);
    // RFC 1542, 4.1.1: who fills in giaddr passes the message on under an address of its own.
    if (relayed && link.source !== chaddr && isDeviceMac(link.source)) announcement.relayMac = link.source;
  } else {
    // The answer to an INFORM has no yiaddr (RFC 2131, 4.3.5). Option 60 of an answer is about the server.
    sighting.ipv4 = uint32(frame, at + 16) || ciaddr;
    sighting.forwarded = relayed;
  }
  return 'sighting';
}

/** Leaves out RELEASE, and types a client does not send for itself (a LEASEQUERY asks about somebody else, RFC 4388). */
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

function announce(frame: Uint8Array, at: number, link: Readonly<LinkHeader>, announcement: Announcement): void {
  announcement.dhcpServerIp = options.serverIdentifier;
  announcement.routerIp = options.router;
  const giaddr = uint32(frame, at + 24);
  if (giaddr === 0 && isDeviceMac(link.source)) announcement.dhcpServerMac = link.source;
}
