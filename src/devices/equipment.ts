// The network's own equipment: the sensor itself, its gateway, DHCP servers and relays, routers. Anybody on the network can send
// any frame, so a role is believed only when several frames fit together, and is forgotten when it is not repeated.
import { formatIpv4 } from '../addresses/ip-address.js';
import type { MacAddress } from '../addresses/mac-address.js';
import { vendorOf } from '../addresses/vendor.js';
import type { Announcement } from '../decode/sighting.js';
import { AddressHolders, HELD_FOR_MS } from './address-holders.js';
import { type Announcer, Announcers, isLasting, type Service } from './announcers.js';
import { DhcpClients } from './dhcp-clients.js';
import { DhcpRequests } from './dhcp-requests.js';
import { type IgnoreRules, ignoredBecause, NO_IGNORE_RULES } from './ignore-rules.js';

/** Addresses that are watched because they are said to be a router's. */
const MAX_GATEWAYS = 64;
const MAX_CONFLICTS = 16;
/** A conflict is over when it was not seen for this long. */
const CONFLICT_OVER_AFTER_MS = 3_600_000;

/** Addresses that a group of routers shares: first and last MAC of each block, and the protocol they belong to. */
const VIRTUAL_ROUTERS: readonly [first: MacAddress, last: MacAddress, protocol: string][] = [
  [0x00005e000100, 0x00005e0001ff, 'VRRP'], // RFC 9568 section 7.3, IPv4 (CARP uses it too)
  [0x00005e000200, 0x00005e0002ff, 'VRRP'], // RFC 9568 section 7.3, IPv6
  [0x00000c07ac00, 0x00000c07acff, 'HSRP'], // RFC 2281 section 5.5
  [0x00000c9ff000, 0x00000c9fffff, 'HSRP version 2'],
  [0x000573a00000, 0x000573a00fff, 'HSRP for IPv6'],
  [0x0007b4000000, 0x0007b4ffffff, 'GLBP'],
];

/**
 * How sure a role is. `announced`: the device says so, and others may say the same. `proven`: frames of others show it (clients ask
 * this server, the server names this router), and no other device claims it. `sure`: this machine knows it, or it was proven for ten
 * minutes. An attacker who forges the frames of several devices for that long, while the real ones are silent, can still get a sure
 * role.
 */
export type RoleStanding = 'announced' | 'proven' | 'sure';

/** The role of a device in the network. */
export interface Role {
  /** A phrase with its article. */
  readonly description: string;
  readonly standing: RoleStanding;
}

export interface LearnedRole {
  readonly mac: MacAddress;
  readonly role: string;
}

export interface EquipmentConflict {
  readonly kind: 'second-dhcp-server' | 'second-gateway-claimant';
  /** The device that came second. */
  readonly mac: MacAddress;
  /** The address by which the second server is known (0 for DHCPv6), or which the second claimant claims. */
  readonly ipv4: number;
}

export interface EquipmentOptions {
  /** False: nothing is learned from the network (LEARN_EQUIPMENT). The default gateway is known all the same. Default true. */
  readonly learn?: boolean;
  /** A second server or router that these rules name is the operator's own, and no conflict. Default: no rules. */
  readonly ignore?: IgnoreRules;
  /** Called once for each role that is learned, and again when it was forgotten and is learned anew. */
  readonly onRole?: (learned: LearnedRole) => void;
  /** Called when a conflict begins. An attacker can cause that with every frame, so the log must be limited. */
  readonly onConflict?: (conflict: EquipmentConflict) => void;
}

/** An address that is named as a router's, and the device that holds it. */
interface Gateway {
  readonly ipv4: number;
  /** The DHCP server that names it; null for the default route. */
  namedBy: Announcer | null;
  /** 0 until a device holds it. */
  holder: MacAddress;
  sinceMs: number;
  heardMs: number;
  /** When another device last claimed it. */
  contestedMs: number;
  /** The holder is from this machine's own neighbour table. */
  isCertain: boolean;
}

/** Learns which devices are equipment, and returns their roles. */
export class Equipment {
  private readonly own = new Set<MacAddress>();
  private readonly requests = new DhcpRequests();
  private readonly clients = new DhcpClients();
  private readonly holders = new AddressHolders();
  private readonly gateways = new Map<number, Gateway>();
  /** Those that answer clients: servers, and relays that pass on a server's answers. */
  private readonly dhcp = new Announcers(false);
  private readonly dhcpv6 = new Announcers(false);
  /** Relays that ask a server on this network. */
  private readonly relays = new Announcers(false);
  /** Routers send advertisements at least every half hour (RFC 4861, 6.2.1), also when no client asks. */
  private readonly ipv6Routers = new Announcers(true);
  private readonly conflicting = new Map<string, EquipmentConflict & { latestMs: number }>();
  /** Steady time of the latest announcement. */
  private nowMs = Number.NEGATIVE_INFINITY;

  constructor(
    ownMacs: Iterable<MacAddress> = [],
    private readonly options: EquipmentOptions = {},
  ) {
    this.addOwn(ownMacs);
  }

  /** Adds addresses of the sensor's own interfaces. More may come while it runs. */
  addOwn(macs: Iterable<MacAddress>): void {
    for (const mac of macs) this.own.add(mac);
  }

  /**
   * Adds the address of the sensor's own default gateway, 0 for none. `mac` is its holder by the machine's neighbour table. If it is 0,
   * the first device that holds the address by ARP is the gateway. May be called again.
   */
  addGateway(ipv4: number, mac: MacAddress = 0): void {
    if (ipv4 === 0) return;
    const gateway = this.gateways.get(ipv4) ?? newGateway(ipv4, null);
    gateway.namedBy = null;
    if (mac !== 0) {
      gateway.holder = mac;
      gateway.isCertain = true;
    }
    this.gateways.set(ipv4, gateway);
  }

  /**
   * Takes in what a frame announces. To be called for every frame, before anything is decided about the device that sent it. `steadyMs`
   * is the time of a clock that never jumps; in a replay it is event time.
   */
  learn(announcement: Announcement, steadyMs = performance.now()): void {
    const { kind, station, vlan } = announcement;
    if (kind === 'nothing') return;
    this.nowMs = steadyMs;
    if (kind === 'holds-ipv4') {
      this.hold(station, announcement.stationIpv4, steadyMs);
      return;
    }
    if (this.options.learn === false) return;
    switch (kind) {
      case 'dhcp-request':
        this.clients.note(announcement.client, steadyMs);
        this.requests.add(announcement, steadyMs);
        return;
      case 'dhcpv6-request':
        this.requests.add(announcement, steadyMs);
        return;
      case 'dhcp-offer':
      case 'dhcp-ack':
        this.learnDhcp(announcement, kind === 'dhcp-ack', steadyMs);
        return;
      case 'dhcpv6-advertise':
      case 'dhcpv6-reply':
        this.learnDhcpv6(announcement, kind === 'dhcpv6-reply', steadyMs);
        return;
      case 'router-advertisement': {
        const claim = { mac: station, vlan, service: 'ipv6-router', ipv4: 0, isAccepted: true } as const;
        this.reportRoleOnce(this.ipv6Routers.learn(claim, steadyMs), this.ipv6Routers);
      }
    }
  }

  /** Returns the role of a device; null when it has none. */
  roleOf(mac: MacAddress): Role | null {
    if (this.own.has(mac)) return { description: 'the sensor itself', standing: 'sure' };
    return (
      this.announcedRoleOf(mac, this.dhcp) ??
      this.announcedRoleOf(mac, this.dhcpv6) ??
      this.gatewayRoleOf(mac) ??
      this.announcedRoleOf(mac, this.relays) ??
      this.announcedRoleOf(mac, this.ipv6Routers) ??
      virtualRoleOf(mac)
    );
  }

  /** Whether this is the DHCP server that the clients of its network get their addresses from, or the relay that they get them by. */
  isDhcpServer(mac: MacAddress): boolean {
    for (const server of this.dhcp.of(mac, this.nowMs)) if (this.dhcp.isFirst(server, this.nowMs)) return true;
    return false;
  }

  /** As what a device answers on this network, whether or not that is believed; null for anybody else's. */
  answersAs(mac: MacAddress): string | null {
    for (const announcers of [this.dhcp, this.dhcpv6, this.relays, this.ipv6Routers]) {
      const [told] = announcers.of(mac, this.nowMs);
      if (told !== undefined) return describe(told.service, announcers.isFirst(told, this.nowMs));
    }
    return null;
  }

  /** Returns a sentence for each contradiction on this network at `steadyMs`, for health. */
  conflicts(steadyMs = performance.now()): string[] {
    const { ignore = NO_IGNORE_RULES } = this.options;
    const current = [...this.conflicting.values()].filter(
      ({ mac, latestMs }) =>
        steadyMs - latestMs <= CONFLICT_OVER_AFTER_MS &&
        ignoredBecause(ignore, { mac, vendor: vendorOf(mac), hostname: null }) === null,
    );
    return [...new Set(current.map(conflictWords))];
  }

  /** Removes what was learned of a device. The sensor's own addresses stay; its gateway is learned again. */
  forget(mac: MacAddress): void {
    this.requests.forget(mac);
    this.clients.forget(mac);
    this.holders.forget(mac);
    for (const announcers of [this.dhcp, this.dhcpv6, this.relays, this.ipv6Routers]) announcers.forget(mac);
    for (const [ipv4, { holder, namedBy }] of this.gateways)
      if (holder === mac || namedBy?.mac === mac) this.gateways.delete(ipv4);
    for (const [key, conflict] of this.conflicting) if (conflict.mac === mac) this.conflicting.delete(key);
  }

  /** A device claims an address by ARP. */
  private hold(mac: MacAddress, ipv4: number, steadyMs: number): void {
    if (!this.holders.note(mac, ipv4, steadyMs)) return;
    const gateway = this.gateways.get(ipv4);
    if (gateway === undefined) return;
    const isFree = gateway.holder === 0 || (!gateway.isCertain && steadyMs - gateway.heardMs > HELD_FOR_MS);
    if (gateway.holder === mac) gateway.heardMs = Math.max(gateway.heardMs, steadyMs);
    else if (isFree) this.take(gateway, mac, steadyMs);
    else {
      gateway.contestedMs = steadyMs;
      this.noteConflict({ kind: 'second-gateway-claimant', mac, ipv4 }, steadyMs);
    }
  }

  /** Learns from an OFFER or an ACK, to the client or from the server to a relay. */
  private learnDhcp(answer: Announcement, isAccepted: boolean, steadyMs: number): void {
    const { station, vlan, client, xid, serverIpv4, relayIpv4, routerIpv4 } = answer;
    const request = this.requests.find(client, xid, steadyMs);
    if (request === null || station === 0 || serverIpv4 === 0) return;
    // RFC 2131, 4.3.2: if the client names a server, only that server may acknowledge.
    if (isAccepted && request.serverIpv4 !== 0 && request.serverIpv4 !== serverIpv4) return;
    const isToRelay = relayIpv4 !== 0 && request.relay !== 0;
    const isFromRelay = relayIpv4 !== 0 && request.relay === 0;
    const ipv4 = isFromRelay ? relayIpv4 : serverIpv4;
    if (answer.stationIpv4 !== ipv4 && this.holders.holderOf(ipv4, steadyMs) !== station) return;
    const service = isFromRelay ? 'dhcp-relay' : 'dhcp-server';
    const claim = { mac: station, vlan, service, ipv4, isAccepted } as const;
    const server = this.isHeldByAnother(claim, steadyMs) ? null : this.dhcp.learn(claim, steadyMs);
    this.reportRoleOnce(server, this.dhcp);
    if (server === null || !this.dhcp.isFirst(server, steadyMs)) {
      this.noteConflict({ kind: 'second-dhcp-server', mac: station, ipv4 }, steadyMs);
      return;
    }

    // A relay is needed only for clients outside the server's own network. A relay inside it may be any device that wants to look like
    // equipment.
    const isElsewhere = ((relayIpv4 ^ serverIpv4) & answer.subnetMask) !== 0;
    if (isToRelay && isElsewhere) this.learnRelay(request.relay, request.relaySourceIpv4, relayIpv4, vlan, steadyMs);
    if (!isToRelay && routerIpv4 !== 0) this.nameGateway(server, routerIpv4, steadyMs);
  }

  private learnRelay(mac: MacAddress, sourceIpv4: number, ipv4: number, vlan: number, steadyMs: number): void {
    if (sourceIpv4 !== ipv4 && this.holders.holderOf(ipv4, steadyMs) !== mac) return;
    const claim = { mac, vlan, service: 'dhcp-relay', ipv4, isAccepted: true } as const;
    this.reportRoleOnce(this.relays.learn(claim, steadyMs), this.relays);
  }

  /** DHCPv6 names no address of the server. So it is enough that the device answers a request from this link. */
  private learnDhcpv6(answer: Announcement, isAccepted: boolean, steadyMs: number): void {
    const { station: mac, vlan, client, xid } = answer;
    if (mac === 0 || this.requests.find(client, xid, steadyMs) === null) return;
    const server = this.dhcpv6.learn({ mac, vlan, service: 'dhcpv6-server', ipv4: 0, isAccepted }, steadyMs);
    this.reportRoleOnce(server, this.dhcpv6);
    if (server === null || !this.dhcpv6.isFirst(server, steadyMs))
      this.noteConflict({ kind: 'second-dhcp-server', mac, ipv4: 0 }, steadyMs);
  }

  /** Whether another device holds this address, and did so for longer than a forgery would last. */
  private isHeldByAnother(claim: Parameters<Announcers['isTaken']>[0], steadyMs: number): boolean {
    const gateway = this.gateways.get(claim.ipv4);
    if (gateway !== undefined && gateway.holder !== claim.mac && this.isFirmlyHeld(gateway, steadyMs)) return true;
    return this.dhcp.isTaken(claim, steadyMs);
  }

  /** The first server names the router. It may name only one, so that nobody can make a victim a router by forging its answers. */
  private nameGateway(server: Announcer, ipv4: number, steadyMs: number): void {
    const isFree = server.routerIpv4 === 0 || steadyMs - server.routerMs > HELD_FOR_MS;
    if (!isFree && server.routerIpv4 !== ipv4) return;
    server.routerIpv4 = ipv4;
    server.routerMs = steadyMs;
    let gateway = this.gateways.get(ipv4);
    if (gateway === undefined) {
      this.forgetGateways();
      if (this.gateways.size >= MAX_GATEWAYS) return;
      gateway = newGateway(ipv4, server);
      this.gateways.set(ipv4, gateway);
    }
    if (gateway.namedBy !== null && !this.isNamed(gateway)) gateway.namedBy = server;
    // Its answers to clients are better evidence than ARP that it has the address.
    const isServer = server.ipv4 === ipv4;
    if (isServer && gateway.holder === server.mac) gateway.heardMs = Math.max(gateway.heardMs, steadyMs);
    else if (isServer && !this.isFirmlyHeld(gateway, steadyMs)) this.take(gateway, server.mac, steadyMs);
    else if (gateway.holder === 0) {
      const holder = this.holders.holderOf(ipv4, steadyMs);
      if (holder !== 0) this.take(gateway, holder, steadyMs);
    }
  }

  private take(gateway: Gateway, mac: MacAddress, steadyMs: number): void {
    gateway.holder = mac;
    gateway.sinceMs = steadyMs;
    gateway.heardMs = steadyMs;
    this.reportRole(mac, gatewayDescription(gateway));
  }

  /** Whether the default route or the first server of its VLAN names it. */
  private isNamed({ ipv4, namedBy }: Gateway): boolean {
    return namedBy === null || (namedBy.routerIpv4 === ipv4 && this.dhcp.isFirst(namedBy, this.nowMs));
  }

  /** Whether the holder is known so well that a DHCP server with the same address does not replace it. */
  private isFirmlyHeld(gateway: Gateway, steadyMs: number): boolean {
    if (gateway.isCertain) return true;
    const isHeard = gateway.holder !== 0 && steadyMs - gateway.heardMs <= HELD_FOR_MS;
    return isHeard && isLasting(gateway) && this.isNamed(gateway);
  }

  private forgetGateways(): void {
    for (const [ipv4, gateway] of this.gateways) if (!this.isNamed(gateway)) this.gateways.delete(ipv4);
  }

  private announcedRoleOf(mac: MacAddress, announcers: Announcers): Role | null {
    for (const announcer of announcers.of(mac, this.nowMs)) {
      const isFirst = announcers.isFirst(announcer, this.nowMs);
      // A guest can forge a whole exchange, or an advertisement, in the name of a visitor. It can forge a request in the name of a server
      // too, but not before that one was heard for long.
      const isLongFirst = isFirst && isLasting(announcer);
      if (this.clients.has(mac, this.nowMs) && !isLongFirst) continue;
      // A device whose offers no client takes has no role beside a server that clients accept.
      if (isFirst || announcer.isAccepted)
        return { description: describe(announcer.service, isFirst), standing: this.standingOf(announcer, announcers) };
    }
    return null;
  }

  private gatewayRoleOf(mac: MacAddress): Role | null {
    for (const gateway of this.gateways.values()) {
      if (gateway.holder !== mac || !this.isNamed(gateway)) continue;
      return { description: gatewayDescription(gateway), standing: this.gatewayStanding(gateway) };
    }
    return null;
  }

  private standingOf(announcer: Announcer, announcers: Announcers): RoleStanding {
    if (!announcers.isOnly(announcer, this.nowMs)) return 'announced';
    switch (announcer.service) {
      case 'dhcp-server':
      case 'dhcp-relay':
        return isLasting(announcer) ? 'sure' : 'proven';
      case 'dhcpv6-server':
        // No frame connects it to an address.
        return 'proven';
      case 'ipv6-router':
        // Only the device itself says it.
        return isLasting(announcer) ? 'proven' : 'announced';
    }
  }

  private gatewayStanding(gateway: Gateway): RoleStanding {
    if (gateway.isCertain) return 'sure';
    if (this.nowMs - gateway.contestedMs <= HELD_FOR_MS) return 'announced';
    const byServer = gateway.namedBy === null ? 'sure' : this.standingOf(gateway.namedBy, this.dhcp);
    return byServer === 'sure' && !isLasting(gateway) ? 'proven' : byServer;
  }

  private reportRoleOnce(announcer: Announcer | null, announcers: Announcers): void {
    if (announcer === null || announcer.isReported) return;
    const role = this.announcedRoleOf(announcer.mac, announcers);
    if (role === null) return;
    announcer.isReported = true;
    this.reportRole(announcer.mac, role.description);
  }

  private reportRole(mac: MacAddress, role: string): void {
    if (!this.own.has(mac)) this.options.onRole?.({ mac, role });
  }

  private noteConflict(conflict: EquipmentConflict, steadyMs: number): void {
    if (this.own.has(conflict.mac) || virtualRoleOf(conflict.mac) !== null) return;
    const key = `${conflict.kind} ${conflict.mac}`;
    const known = this.conflicting.get(key);
    const isNew = known === undefined || steadyMs - known.latestMs > CONFLICT_OVER_AFTER_MS;
    const [oldest] = this.conflicting.keys();
    if (known === undefined && oldest !== undefined && this.conflicting.size >= MAX_CONFLICTS)
      this.conflicting.delete(oldest);
    this.conflicting.set(key, { ...conflict, latestMs: steadyMs });
    if (isNew) this.options.onConflict?.(conflict);
  }
}

function newGateway(ipv4: number, namedBy: Announcer | null): Gateway {
  const never = Number.NEGATIVE_INFINITY;
  return { ipv4, namedBy, holder: 0, sinceMs: never, heardMs: never, contestedMs: never, isCertain: false };
}

function describe(service: Service, isFirst: boolean): string {
  switch (service) {
    case 'dhcp-server':
      return isFirst ? 'the DHCP server' : 'a second DHCP server';
    case 'dhcp-relay':
      return 'a DHCP relay';
    case 'dhcpv6-server':
      return isFirst ? 'the DHCPv6 server' : 'a second DHCPv6 server';
    case 'ipv6-router':
      return 'a router that announces itself (IPv6 router advertisement)';
  }
}

function gatewayDescription({ namedBy }: Gateway): string {
  return namedBy === null ? 'the router' : 'the router that DHCP announces';
}

function virtualRoleOf(mac: MacAddress): Role | null {
  const block = VIRTUAL_ROUTERS.find(([first, last]) => mac >= first && mac <= last);
  return block === undefined ? null : { description: `a virtual router address (${block[2]})`, standing: 'sure' };
}

function conflictWords({ kind, ipv4 }: EquipmentConflict): string {
  switch (kind) {
    case 'second-dhcp-server':
      return ipv4 === 0
        ? 'a second DHCPv6 server answers the devices'
        : `a second DHCP server answers the devices, at ${formatIpv4(ipv4)}`;
    case 'second-gateway-claimant':
      return `a second device claims the gateway's address ${formatIpv4(ipv4)}`;
  }
}
