// The frames that a device of a made-up day sends, and who can hear them.
import {
  ACK,
  ARP,
  arp,
  ascii,
  bytes,
  DISCOVER,
  dhcp,
  ethernet,
  IPV4,
  IPV6,
  ipv4,
  ipv4Address,
  ipv6,
  ndpFrame,
  neighborSolicitation,
  OFFER,
  option,
  REQUEST,
  routerSolicitation,
  sourceLinkLayer,
  UDP,
  u16,
  u32,
  udp,
  wireName,
} from '../../test/decode/frames.js';

export const ROUTER_MAC = '00:1b:21:00:00:fe';
const ROUTER_IP = '10.20.0.1';
/** The wired sensor's own address: it is what a probed device answers to. */
const SENSOR_MAC = '00:1b:21:00:00:05';
const SENSOR_IP = '10.20.0.5';
const SUBNET_BROADCAST = '10.20.255.255';
const LEASE_SECONDS = 7_200;

/** `sighting`: ARP, DHCP, Neighbor Discovery. `keep-alive`: other broadcasts and multicasts. `none`: it tells a sensor nothing. */
export type Evidence = 'sighting' | 'keep-alive' | 'none';

export interface MadeFrame {
  readonly bytes: Uint8Array;
  readonly evidence: Evidence;
  /**
   * Broadcasts and most multicasts reach every port. Unicast frames, and the membership reports that a snooping switch passes to
   * router ports alone (RFC 4541 2.1.1), reach only the router.
   */
  readonly reach: 'all' | 'router';
}

/** What a device puts into its frames. */
export interface Speaker {
  readonly mac: string;
  readonly ip: string;
  /** DHCP option 12; null leaves it out. */
  readonly hostname: string | null;
  /** DHCP option 60; null leaves it out. */
  readonly vendorClass: string | null;
  /** DHCP option 55. */
  readonly parameterList: readonly number[];
}

function toAll(frame: Uint8Array, evidence: Evidence): MadeFrame {
  return { bytes: frame, evidence, reach: 'all' };
}

function toRouter(frame: Uint8Array, evidence: Evidence): MadeFrame {
  return { bytes: frame, evidence, reach: 'router' };
}

/** RFC 5227 1.1: asks whether anybody has the address, and has none itself yet. */
export function arpProbe({ mac, ip }: Speaker): MadeFrame {
  return toAll(ethernet(ARP, arp({ sha: mac, spa: '0.0.0.0', tpa: ip }), { source: mac }), 'sighting');
}

/** Gratuitous ARP: tells everybody its address. */
export function arpAnnouncement({ mac, ip }: Speaker): MadeFrame {
  return toAll(ethernet(ARP, arp({ sha: mac, spa: ip, tpa: ip }), { source: mac }), 'sighting');
}

/** Asks everybody for a neighbour that it has not spoken with yet. */
export function arpBroadcastRequest({ mac, ip }: Speaker, host: number): MadeFrame {
  const message = arp({ sha: mac, spa: ip, tpa: `10.20.0.${host}` });
  return toAll(ethernet(ARP, message, { source: mac }), 'sighting');
}

/** Revalidates the router: Linux, Windows and macOS all ask by unicast. */
export function arpUnicastRequest({ mac, ip }: Speaker): MadeFrame {
  const message = arp({ sha: mac, spa: ip, tha: ROUTER_MAC, tpa: ROUTER_IP });
  return toRouter(ethernet(ARP, message, { source: mac, destination: ROUTER_MAC }), 'sighting');
}

/** The answer to a question of the sensor itself. It goes to the sensor, so a sensor in any place hears it. */
export function arpReplyToSensor({ mac, ip }: Speaker): MadeFrame {
  const message = arp({ opcode: 2, sha: mac, spa: ip, tha: SENSOR_MAC, tpa: SENSOR_IP });
  return toAll(ethernet(ARP, message, { source: mac, destination: SENSOR_MAC }), 'sighting');
}

function message(fields: Parameters<typeof dhcp>[0], transactionId: number): Uint8Array {
  const made = dhcp(fields);
  made.set(u32(transactionId), 4);
  return made;
}

function clientOptions({ mac, hostname, vendorClass, parameterList }: Speaker): Uint8Array[] {
  return [
    option(61, bytes([1], mac)),
    ...(vendorClass === null ? [] : [option(60, ascii(vendorClass))]),
    ...(hostname === null ? [] : [option(12, ascii(hostname))]),
    option(55, [...parameterList]),
  ];
}

function fromServer(speaker: Speaker, type: number, transactionId: number): MadeFrame {
  const { mac, ip } = speaker;
  const options = [
    option(54, ipv4Address(ROUTER_IP)),
    option(51, u32(LEASE_SECONDS)),
    option(1, [255, 255, 0, 0]),
    option(3, ipv4Address(ROUTER_IP)),
  ];
  const answer = udp(message({ type, chaddr: mac, yiaddr: ip, options }, transactionId), {
    source: 67,
    destination: 68,
  });
  const packet = ipv4(answer, { source: ROUTER_IP, destination: ip });
  // Clients that do not set the broadcast flag are answered by unicast. Only an ACK proves that the client is there.
  const evidence = type === ACK ? 'sighting' : 'none';
  return toRouter(ethernet(IPV4, packet, { source: ROUTER_MAC, destination: mac }), evidence);
}

/** The four messages with which a device gets an address, in order. */
export function dhcpJoin(speaker: Speaker, transactionId: number): MadeFrame[] {
  const { mac, ip } = speaker;
  const fromClient = (type: number, more: Uint8Array[]) => {
    const options = [...more, ...clientOptions(speaker)];
    const packet = ipv4(udp(message({ type, chaddr: mac, options }, transactionId)));
    return toAll(ethernet(IPV4, packet, { source: mac }), 'sighting');
  };
  return [
    fromClient(DISCOVER, []),
    fromServer(speaker, OFFER, transactionId),
    fromClient(REQUEST, [option(50, ipv4Address(ip)), option(54, ipv4Address(ROUTER_IP))]),
    fromServer(speaker, ACK, transactionId),
  ];
}

/** INIT-REBOOT (RFC 2131 3.2): a device that has a lease asks for it again by a broadcast REQUEST, without a DISCOVER. */
export function dhcpRejoin(speaker: Speaker, transactionId: number): MadeFrame[] {
  const options = [option(50, ipv4Address(speaker.ip)), ...clientOptions(speaker)];
  const packet = ipv4(udp(message({ type: REQUEST, chaddr: speaker.mac, options }, transactionId)));
  return [toAll(ethernet(IPV4, packet, { source: speaker.mac }), 'sighting'), fromServer(speaker, ACK, transactionId)];
}

/** At T1 (RFC 2131 4.4.5) the lease is renewed by unicast. */
export function dhcpRenewal(speaker: Speaker, transactionId: number): MadeFrame[] {
  const { mac, ip } = speaker;
  const options = clientOptions(speaker);
  const packet = ipv4(udp(message({ type: REQUEST, chaddr: mac, ciaddr: ip, options }, transactionId)), {
    source: ip,
    destination: ROUTER_IP,
  });
  return [
    toRouter(ethernet(IPV4, packet, { source: mac, destination: ROUTER_MAC }), 'sighting'),
    fromServer(speaker, ACK, transactionId),
  ];
}

/** RFC 4291 2.5.1 and appendix A. */
function linkLocal(mac: string): string {
  const octets = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  octets[0] = (octets[0] ?? 0) ^ 2;
  const group = (high: number, low: number) => (((octets[high] ?? 0) << 8) | (octets[low] ?? 0)).toString(16);
  const middle = [((octets[2] ?? 0) << 8) | 0xff, 0xfe00 | (octets[3] ?? 0)].map((value) => value.toString(16));
  return `fe80::${group(0, 1)}:${middle.join(':')}:${group(4, 5)}`;
}

/** Duplicate address detection (RFC 4862 5.4.2), then the question for routers. */
export function ipv6Join({ mac }: Speaker): MadeFrame[] {
  const address = linkLocal(mac);
  const [x = '', y = '', z = ''] = mac.split(':').slice(3);
  const detection = ndpFrame(
    neighborSolicitation(address),
    { source: mac, destination: `33:33:ff:${x}:${y}:${z}` },
    { source: '::', destination: `ff02::1:ff${x}:${y}${z}` },
  );
  const routers = ndpFrame(
    routerSolicitation(sourceLinkLayer(mac)),
    { source: mac, destination: '33:33:00:00:00:02' },
    { source: address, destination: 'ff02::2' },
  );
  return [toAll(detection, 'sighting'), toAll(routers, 'sighting')];
}

/** A membership report of 224.0.0.251 (IGMP version 2). */
export function igmpReport({ mac, ip }: Speaker): MadeFrame {
  const report = bytes([0x16, 0], u16(0x0904), ipv4Address('224.0.0.251'));
  const packet = ipv4(report, { protocol: 2, source: ip, destination: '224.0.0.251' });
  return toRouter(ethernet(IPV4, packet, { source: mac, destination: '01:00:5e:00:00:fb' }), 'keep-alive');
}

/** What is sent to a group: where, and in which protocol. */
export type Multicast = 'mdns' | 'mdns-ipv6' | 'ssdp' | 'llmnr' | 'netbios';

const PTR = 12;
const A = 1;
const NETBIOS_NAME = 32;
/** WPAD, as RFC 1001 14.1 writes it. */
const NETBIOS_WPAD = 'FHFAEBEECACACACACACACACACACACAAA';

/** A query with one question of class IN (RFC 1035 4.1). */
function nameQuery(name: string, type: number): Uint8Array {
  return bytes(u16(0), u16(0), u16(1), u16(0), u16(0), u16(0), wireName(name), u16(type), u16(1));
}

const SEARCH = ascii(
  'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: urn:dial-multiscreen-org:service:dial:1\r\n\r\n',
);

export function multicast(kind: Multicast, { mac, ip }: Speaker): MadeFrame {
  const overIpv4 = (payload: Uint8Array, port: number, address: string, destination: string) =>
    toAll(
      ethernet(IPV4, ipv4(udp(payload, { source: port, destination: port }), { source: ip, destination: address }), {
        source: mac,
        destination,
      }),
      'keep-alive',
    );
  switch (kind) {
    case 'mdns':
      return overIpv4(nameQuery('_airplay._tcp.local', PTR), 5353, '224.0.0.251', '01:00:5e:00:00:fb');
    case 'mdns-ipv6': {
      const query = udp(nameQuery('_airplay._tcp.local', PTR), { source: 5353, destination: 5353 });
      const packet = ipv6(UDP, query, { source: linkLocal(mac), destination: 'ff02::fb' });
      return toAll(ethernet(IPV6, packet, { source: mac, destination: '33:33:00:00:00:fb' }), 'keep-alive');
    }
    case 'ssdp':
      return overIpv4(SEARCH, 1900, '239.255.255.250', '01:00:5e:7f:ff:fa');
    case 'llmnr':
      return overIpv4(nameQuery('wpad', A), 5355, '224.0.0.252', '01:00:5e:00:00:fc');
    case 'netbios':
      return overIpv4(nameQuery(NETBIOS_WPAD, NETBIOS_NAME), 137, SUBNET_BROADCAST, 'ff:ff:ff:ff:ff:ff');
  }
}
