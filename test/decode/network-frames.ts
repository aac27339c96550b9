// What the devices and servers of a small network send to each other: for tests of what is believed about equipment.
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
  REQUEST,
  routerAdvertisementFor,
  sourceLinkLayer,
} from './frames.js';

export const CLIENT = '3c:22:fb:00:00:01';
export const VICTIM = '3c:22:fb:00:00:02';
export const ATTACKER = 'da:a1:19:00:00:66';
export const ROUTER = '18:fd:74:20:00:01';
export const ROUTER_IP = '192.168.1.1';
export const MINUTE = 60_000;

export interface Server {
  readonly mac: string;
  readonly ip: string;
}

export interface Lease {
  readonly client: string;
  /** The address that the client gets. */
  readonly address: string;
  readonly xid: number;
  readonly server: Server;
  /** Options of OFFER and ACK. */
  readonly options: readonly Uint8Array[];
  readonly tags?: readonly [type: number, id: number][];
}

/** `mac` announces by ARP that it holds `ip`. `source` sends the frame. */
export function holds(mac: string, ip: string, source = mac): Uint8Array {
  return ethernet(ARP, arp({ sha: mac, spa: ip }), { source });
}

export function serverIdentifier(ip: string): Uint8Array {
  return option(54, ipv4Address(ip));
}

export function discover({ client, xid, tags = [] }: Pick<Lease, 'client' | 'xid' | 'tags'>): Uint8Array {
  return dhcpFrame({ type: DISCOVER, xid, chaddr: client }, { source: client, tags: [...tags] });
}

export function offer(lease: Lease): Uint8Array {
  return answer(OFFER, lease);
}

/** The four frames of a lease: DISCOVER, OFFER, REQUEST, ACK. */
export function leaseFrames(lease: Lease): Uint8Array[] {
  const { client, xid, address, server, tags = [] } = lease;
  const options = [serverIdentifier(server.ip), option(50, ipv4Address(address))];
  const request = dhcpFrame({ type: REQUEST, xid, chaddr: client, options }, { source: client, tags: [...tags] });
  return [discover(lease), offer(lease), request, answer(ACK, lease)];
}

function answer(type: number, { client, xid, address, server, options, tags = [] }: Lease): Uint8Array {
  const message = { type, xid, chaddr: client, yiaddr: address, options: [...options] };
  return dhcpFrame(message, { source: server.mac, tags: [...tags] }, { source: server.ip });
}

/** A router advertisement that `mac` sends from `from`, and that names `named` in its link-layer option. */
export function advertisement(mac: string, named = mac, lifetime = 1_800, from = 'fe80::1'): Uint8Array {
  return ndpFrame(routerAdvertisementFor(lifetime, sourceLinkLayer(named)), { source: mac }, { source: from });
}
