// One frame of every kind that the decoders know, as the seeds of the mutation tests and of the comparison with tshark.
import type { LinkType } from '../../src/decode/frame.js';
import {
  ACK,
  ARP,
  arp,
  ascii,
  bytes,
  DEVICE,
  dhcp,
  dhcpFrame,
  dhcpv6,
  dhcpv6Frame,
  duidLl,
  duidLlt,
  ethernet,
  extensionHeader,
  fragmentHeader,
  ICMPV6,
  INFORM,
  IPV4,
  IPV6,
  ipv4,
  ipv4Address,
  ipv6,
  linuxSll,
  linuxSll2,
  ndpFrame,
  neighborAdvertisement,
  neighborSolicitation,
  OFFER,
  OTHER,
  option,
  option6,
  RELEASE,
  REQUEST,
  relayForward,
  routerAdvertisement,
  routerSolicitation,
  SERVER,
  snap,
  sourceLinkLayer,
  targetLinkLayer,
  UDP,
  udp,
  wireName,
} from './frames.js';

export interface Seed {
  name: string;
  linkType: LinkType;
  frame: Uint8Array;
}

const facts = [
  option(61, bytes([1], DEVICE)),
  option(50, ipv4Address('192.168.1.50')),
  option(12, ascii('laptop-of-zoë')),
  option(60, ascii('MSFT 5.0')),
  option(55, [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]),
];
const served = [
  option(54, ipv4Address('192.168.1.1')),
  option(3, ipv4Address('192.168.1.1')),
  option(12, ascii('laptop')),
];
const request = dhcp({ type: REQUEST, options: facts });
const requestPacket = ipv4(udp(request));
const canonicalFqdn = option(81, bytes([4, 0, 0], wireName('laptop.example.org')));
const solicit = dhcpv6(
  1,
  option6(1, duidLlt(DEVICE)),
  option6(6, '0017 0018'),
  option6(39, bytes([0], wireName('laptop', true))),
);
const solicitPacket = ipv6(UDP, udp(solicit, { source: 546, destination: 547 }));
const relayed = relayForward('fe80::23', option6(9, solicit));
const noted = relayForward('fe80::23', option6(79, bytes('0001', OTHER)), option6(9, solicit));
const tag: [number, number] = [0x8100, 20];
const outerTag: [number, number] = [0x88a8, 100];

const onEthernet: Record<string, Uint8Array> = {
  'ARP request': ethernet(ARP, arp()),
  'ARP reply': ethernet(ARP, arp({ opcode: 2 }), { destination: SERVER }),
  'ARP probe': ethernet(ARP, arp({ spa: '0.0.0.0' })),
  'ARP by a proxy': ethernet(ARP, arp({ opcode: 2 }), { source: OTHER }),
  'ARP in a VLAN': ethernet(ARP, arp(), { tags: [tag] }),
  'ARP in stacked VLANs': ethernet(ARP, arp(), { tags: [outerTag, tag] }),
  'ARP in three VLANs': ethernet(ARP, arp(), { tags: [[0x9100, 7], outerTag, tag] }),
  'ARP in SNAP': snap(ARP, arp()),
  'ARP in SNAP in a VLAN': snap(ARP, arp(), { tags: [tag] }),
  'DHCP discover': dhcpFrame({ options: facts }),
  'DHCP request': dhcpFrame({ type: REQUEST, options: facts }),
  'DHCP inform': dhcpFrame({ type: INFORM, ciaddr: '192.168.1.23', options: facts }),
  'DHCP release': dhcpFrame({ type: RELEASE, ciaddr: '192.168.1.23' }),
  'DHCP offer': dhcpFrame({ type: OFFER, yiaddr: '192.168.1.23', options: served }),
  'DHCP ack': dhcpFrame({ type: ACK, yiaddr: '192.168.1.23', options: served }),
  'DHCP renewal through a router': dhcpFrame(
    { type: REQUEST, ciaddr: '192.168.1.23', options: facts },
    { source: SERVER },
    { source: '192.168.1.23' },
  ),
  'DHCP from the Internet': dhcpFrame({ type: REQUEST, options: facts }, { source: SERVER }, { source: '8.8.8.8' }),
  'DHCP ack from the Internet': dhcpFrame(
    { type: ACK, yiaddr: '192.168.1.23', options: served },
    {},
    { source: '8.8.8.8' },
  ),
  'DHCP in a VLAN': dhcpFrame({ type: REQUEST, options: facts }, { tags: [tag] }),
  'DHCP in stacked VLANs': dhcpFrame({ type: REQUEST, options: facts }, { tags: [outerTag, tag] }),
  'DHCP in SNAP': snap(IPV4, requestPacket),
  'DHCP through a relay': dhcpFrame(
    { type: REQUEST, giaddr: '10.0.0.1', options: [...facts, option(82, '01 02 6731')] },
    { source: SERVER },
  ),
  'DHCP with IP options': ethernet(IPV4, ipv4(udp(request), { ihl: 9 })),
  'DHCP, first fragment': ethernet(IPV4, ipv4(udp(request).subarray(0, 276), { moreFragments: true })),
  'DHCP, second fragment': ethernet(IPV4, ipv4(bytes(new Array(40).fill(0x42)), { fragmentOffset: 185 })),
  'DHCP with FQDN': dhcpFrame({ options: [canonicalFqdn] }),
  'DHCP with ASCII FQDN': dhcpFrame({ options: [option(81, bytes([0, 0, 0], ascii('laptop.example.org')))] }),
  'DHCP with overloaded file and sname': dhcpFrame({
    options: [option(52, [3])],
    file: bytes(option(60, ascii('MSFT 5.0')), [255]),
    sname: bytes(option(12, ascii('laptop')), [255]),
  }),
  'DHCP with split options': dhcpFrame({
    options: [option(12, ascii('lap')), option(60, ascii('MSFT')), option(12, ascii('top')), option(60, ascii(' 5.0'))],
  }),
  'plain BOOTP': dhcpFrame({ type: null, cookie: '00000000' }),
  'router solicitation': ndpFrame(routerSolicitation(sourceLinkLayer(DEVICE))),
  'router advertisement': ndpFrame(routerAdvertisement(sourceLinkLayer(SERVER), bytes([5, 1], new Array(6).fill(0))), {
    source: SERVER,
  }),
  'neighbour solicitation': ndpFrame(
    neighborSolicitation('2001:db8::1', sourceLinkLayer(DEVICE)),
    {},
    { source: '2001:db8::23' },
  ),
  'neighbour solicitation in a VLAN': ndpFrame(neighborSolicitation('2001:db8::1', sourceLinkLayer(DEVICE)), {
    tags: [tag],
  }),
  'duplicate address detection': ndpFrame(neighborSolicitation('2001:db8::23'), {}, { source: '::' }),
  'neighbour advertisement': ndpFrame(neighborAdvertisement('2001:db8::23', 0x20, targetLinkLayer(DEVICE))),
  'NDP behind extension headers': ethernet(
    IPV6,
    ipv6(0, bytes(extensionHeader(60), extensionHeader(ICMPV6, 1), routerSolicitation(sourceLinkLayer(DEVICE)))),
  ),
  'DHCPv6 solicit': dhcpv6Frame(solicit),
  'DHCPv6 through a relay': dhcpv6Frame(relayed, { source: SERVER }),
  'DHCPv6 through a relay that notes the MAC': dhcpv6Frame(noted, { source: SERVER }),
  'DHCPv6 through two relays': dhcpv6Frame(relayForward('fe80::1', option6(9, relayed)), { source: SERVER }),
  'DHCPv6 from a unique local address': dhcpv6Frame(
    dhcpv6(5, option6(1, duidLl(DEVICE))),
    { source: SERVER },
    { source: 'fd00::23' },
  ),
  'DHCPv6 from a global address': dhcpv6Frame(
    dhcpv6(5, option6(1, duidLl(DEVICE))),
    { source: SERVER },
    { source: '2001:db8::23' },
  ),
  'DHCPv6, first fragment': ethernet(
    IPV6,
    ipv6(44, bytes(fragmentHeader(UDP), udp(solicit, { source: 546, destination: 547 }))),
  ),
  'DHCPv6 reply': dhcpv6Frame(dhcpv6(7, option6(1, duidLl(DEVICE))), { source: SERVER }),
};

const onOtherLinks: Seed[] = [
  { name: 'ARP on SLL', linkType: 'linux-sll', frame: linuxSll(ARP, arp()) },
  { name: 'ARP in a VLAN on SLL', linkType: 'linux-sll', frame: linuxSll(ARP, arp(), { tags: [tag] }) },
  { name: 'DHCP on SLL', linkType: 'linux-sll', frame: linuxSll(IPV4, requestPacket) },
  { name: 'DHCPv6 on SLL', linkType: 'linux-sll', frame: linuxSll(IPV6, solicitPacket) },
  { name: 'ARP on SLL2', linkType: 'linux-sll2', frame: linuxSll2(ARP, arp()) },
  { name: 'ARP in a VLAN on SLL2', linkType: 'linux-sll2', frame: linuxSll2(ARP, arp(), { tags: [tag] }) },
  { name: 'DHCP on SLL2', linkType: 'linux-sll2', frame: linuxSll2(IPV4, requestPacket) },
  { name: 'DHCPv6 on SLL2', linkType: 'linux-sll2', frame: linuxSll2(IPV6, solicitPacket) },
  { name: 'DHCP on BSD loopback', linkType: 'null', frame: bytes('02000000', requestPacket) },
  { name: 'DHCP on loopback of the other byte order', linkType: 'null', frame: bytes('00000002', requestPacket) },
  { name: 'DHCPv6 on macOS loopback', linkType: 'null', frame: bytes('1e000000', solicitPacket) },
  { name: 'DHCP on raw IP', linkType: 'raw', frame: requestPacket },
  { name: 'DHCPv6 on raw IP', linkType: 'raw', frame: solicitPacket },
];

export const corpus: Seed[] = [
  ...Object.entries(onEthernet).map(([name, frame]): Seed => ({ name, linkType: 'ethernet', frame })),
  ...onOtherLinks,
];
