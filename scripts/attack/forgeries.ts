// What a guest of the Wi-Fi who knows this source can forge. Each forgery is a handful of frames with one goal.
import {
  ACK,
  ARP,
  arp,
  DISCOVER,
  dhcpFrame,
  ethernet,
  ipv4Address,
  ndpFrame,
  OFFER,
  option,
  RELEASE,
  REQUEST,
  routerAdvertisementFor,
  sourceLinkLayer,
} from '../../test/decode/frames.js';

export interface Device {
  readonly mac: string;
  readonly ip: string;
}

/** A DHCP request that the attacker overheard: what an answer must repeat to be believed. */
export interface OverheardRequest {
  readonly chaddr: string;
  readonly xid: number;
}

export interface Network {
  readonly router: Device;
  /** First three octets of every address. */
  readonly prefix: string;
}

type Frames = readonly Uint8Array[];

const server = (ip: string) => option(54, ipv4Address(ip));
const router = (ip: string) => option(3, ipv4Address(ip));

/** An ARP request of a device for the router: the least that makes a visit. */
export function speaks({ mac, ip }: Device, network: Network): Uint8Array {
  return ethernet(ARP, arp({ sha: mac, spa: ip, tpa: network.router.ip }), { source: mac });
}

const namesItselfServer = ({ mac, ip }: Device): Frames => [
  dhcpFrame({ type: REQUEST, chaddr: mac, options: [server(ip)] }, { source: mac }),
];
const claimsGateway = ({ mac }: Device, network: Network): Frames => [speaks({ mac, ip: network.router.ip }, network)];
const advertisement = (sender: string, named: string, lifetime: number): Frames => [
  ndpFrame(routerAdvertisementFor(lifetime, sourceLinkLayer(named)), { source: sender }, { source: 'fe80::66' }),
];
const answers = (type: number, { chaddr, xid }: OverheardRequest, from: Device, yiaddr: string, giaddr = '0.0.0.0') =>
  dhcpFrame(
    { type, xid, chaddr, yiaddr, giaddr, options: [server(from.ip), router(from.ip)] },
    { source: from.mac },
    { source: from.ip },
  );

export interface SelfHiding {
  readonly name: string;
  /** Null: any address of its own will do. */
  readonly mac: string | null;
  readonly frames: (self: Device, network: Network, request: OverheardRequest) => Frames;
}

/** How the attacker tries to become equipment, which is never reported. It does each under an address of its own. */
export const SELF_HIDING: readonly SelfHiding[] = [
  { name: 'names itself as the DHCP server in a REQUEST', mac: null, frames: namesItselfServer },
  { name: "claims the gateway's address by ARP", mac: null, frames: claimsGateway },
  { name: 'advertises itself as an IPv6 router', mac: null, frames: ({ mac }) => advertisement(mac, mac, 1_800) },
  {
    name: 'offers addresses that nobody asked for',
    mac: null,
    frames: (self, { prefix }) => [
      answers(OFFER, { chaddr: '02:00:00:00:00:99', xid: 0x66666666 }, self, `${prefix}.150`),
    ],
  },
  {
    name: 'answers real requests as a second DHCP server',
    mac: null,
    frames: (self, { prefix }, request) => [
      answers(OFFER, request, self, `${prefix}.151`),
      answers(ACK, request, self, `${prefix}.151`),
    ],
  },
  {
    name: 'answers real requests as a relay',
    mac: null,
    frames: (self, { prefix }, request) => [answers(OFFER, request, self, `${prefix}.152`, self.ip)],
  },
  { name: 'takes a virtual router address', mac: '00:00:5e:00:01:42', frames: () => [] },
];

/** How the attacker tries to have another device taken for equipment, for gone or for a part of another device. */
export const VICTIM_HIDING: readonly {
  readonly name: string;
  readonly frames: (victim: Device, network: Network, request: OverheardRequest) => Frames;
}[] = [
  { name: 'a REQUEST that names the victim as the server', frames: namesItselfServer },
  { name: "an ARP of the victim with the gateway's address", frames: claimsGateway },
  {
    name: 'an advertisement that names the victim',
    frames: ({ mac }) => advertisement('da:a1:19:00:66:ff', mac, 1_800),
  },
  { name: 'an advertisement with a lifetime of 0', frames: ({ mac }) => advertisement(mac, mac, 0) },
  {
    name: "an answer to a real request in the victim's name",
    frames: (victim, { prefix }, request) => [answers(OFFER, request, victim, `${prefix}.153`)],
  },
  {
    name: "a whole exchange with a server of the victim's name",
    frames: (victim, { prefix }) => {
      const made = { chaddr: 'da:a1:19:00:66:fd', xid: 0x44444444 };
      return [
        dhcpFrame({ type: DISCOVER, ...made }, { source: made.chaddr }),
        answers(OFFER, made, victim, `${prefix}.155`),
        dhcpFrame({ type: REQUEST, ...made, options: [server(victim.ip)] }, { source: made.chaddr }),
        answers(ACK, made, victim, `${prefix}.155`),
      ];
    },
  },
  {
    name: 'an advertisement of the victim itself',
    frames: ({ mac }) => advertisement(mac, mac, 1_800),
  },
  {
    name: "the server's answer, as if the victim relayed it",
    frames: (victim, { prefix }, request) => [answers(ACK, request, victim, `${prefix}.154`, victim.ip)],
  },
  {
    name: "another device's lease of the victim's address (a repeater)",
    frames: (victim, { router: gateway }) => {
      const made = { chaddr: 'da:a1:19:00:66:fe', xid: 0x77777777 };
      return [dhcpFrame({ type: DISCOVER, ...made }, { source: victim.mac }), answers(ACK, made, gateway, victim.ip)];
    },
  },
  {
    name: 'a RELEASE of the victim',
    frames: ({ mac, ip }, { router: gateway }) => [
      dhcpFrame({ type: RELEASE, chaddr: mac, ciaddr: ip, options: [server(gateway.ip)] }, { source: mac }),
    ],
  },
];

let made = 0;

function madeUp({ prefix }: Network): Device {
  made++;
  const tail = made
    .toString(16)
    .padStart(8, '0')
    .replace(/(..)(?=.)/g, '$1:');
  return { mac: `da:66:${tail}`, ip: `${prefix}.${20 + (made % 70)}` };
}

/** A device that does not exist, as one broadcast frame. */
export const madeUpDevice = (network: Network): Frames => [speaks(madeUp(network), network)];

/** A device that does not exist, and asks for an address as well: two protocols. */
export function madeUpDeviceOfTwoProtocols(network: Network): Frames {
  const device = madeUp(network);
  return [
    dhcpFrame({ type: DISCOVER, xid: 0x55000000 + made, chaddr: device.mac }, { source: device.mac }),
    speaks(device, network),
  ];
}
