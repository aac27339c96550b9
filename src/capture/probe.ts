// Probes: frames that ask one device whether it is still here. The counterpart of decode/, which reads the answers. Pure.
import { isLinkLocal, parseIpv6 } from '../addresses/ip-address.js';
import type { MacAddress } from '../addresses/mac-address.js';

/** Whom to ask. */
export interface Probe {
  readonly mac: MacAddress;
  /** What the device has shown, the latest last: unsigned 32-bit numbers. */
  readonly ipv4s: readonly number[];
  /** The same, as text. */
  readonly ipv6s: readonly string[];
  /** Bits of the interfaces that heard it; 0 when there is only one. */
  readonly heardOn: number;
  /** How often it was asked since it fell silent. */
  readonly earlier: number;
}

/** The addresses that an interface of this machine sends from. */
export interface OwnAddresses {
  readonly mac: MacAddress;
  /** Unsigned 32-bit numbers. */
  readonly ipv4s: readonly { readonly address: number; readonly mask: number }[];
  /** Sixteen octets; null when the interface has none. */
  readonly linkLocal: Uint8Array | null;
}

/** An interface through which devices can be asked. */
export interface ProbeWay {
  readonly bit: number;
  readonly own: OwnAddresses;
}

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERNET_LENGTH = 14;
const ARP_LENGTH = 28;
const IPV6_LENGTH = 40;
const SOLICITATION_LENGTH = 24;
const LINK_LAYER_OPTION_LENGTH = 8;
const ICMPV6 = 58;

/** 0.0.0.0, with a mask that fits any network. */
const NO_ADDRESS: OwnAddresses['ipv4s'] = [{ address: 0, mask: 0 }];

/**
 * Returns the frame that asks, to the device alone: an ARP request from the interface's address in the device's network, or else a
 * neighbour solicitation from its link-local address. An interface without any IPv4 address asks from 0.0.0.0, as a host does that has
 * none yet (RFC 5227, 1.1). Only a device that is just about to take the same address would take that for a conflict, and such a device
 * is not silent. Null when the device has shown no address that can be asked for.
 */
export function probeFrame(probe: Probe, own: OwnAddresses): Buffer | null {
  const request = arpRequest(probe, own.mac, own.ipv4s) ?? neighbourSolicitation(probe, own);
  return request ?? (own.ipv4s.length === 0 ? arpRequest(probe, own.mac, NO_ADDRESS) : null);
}

/** RFC 826; to one station only, as a host does that asks whether a neighbour is still there (RFC 1122, 2.3.2.1). */
function arpRequest({ mac, ipv4s, earlier }: Probe, ownMac: MacAddress, sources: OwnAddresses['ipv4s']): Buffer | null {
  // A device need not answer one that is in another network. What it had first may be an address of elsewhere.
  const fitting = ipv4s.flatMap((target) => {
    const from = sources.find(({ address, mask }) => ((address ^ target) & mask) === 0);
    const isOwn = sources.some(({ address }) => address === target);
    return from === undefined || isOwn || !mayBeHost(target, from.mask) ? [] : [{ target, from: from.address }];
  });
  // It may have gone back to an earlier one.
  const chosen = fitting[fitting.length - 1 - (earlier % fitting.length)];
  if (chosen === undefined) return null;
  const frame = ethernet(mac, ownMac, ETHERTYPE_ARP, ARP_LENGTH);
  frame.writeUInt16BE(1, 14); // Ethernet
  frame.writeUInt16BE(0x0800, 16); // IPv4
  frame.writeUInt8(6, 18);
  frame.writeUInt8(4, 19);
  frame.writeUInt16BE(1, 20); // request
  frame.writeUIntBE(ownMac, 22, 6);
  frame.writeUInt32BE(chosen.from, 28);
  frame.writeUInt32BE(chosen.target, 38);
  return frame;
}

/**
 * Whether a device can have the address in a network with this mask. Anybody can claim a multicast or loopback address (RFC 6890), or
 * that of the network itself or its broadcasts (RFC 1122, 3.2.1.3).
 */
function mayBeHost(address: number, mask: number): boolean {
  const first = address >>> 24;
  if (first === 0 || first === 127 || first >= 224) return false;
  const hosts = ~mask >>> 0;
  // A network of one or two addresses has no broadcast (RFC 3021).
  if (hosts <= 1) return true;
  const host = (address & hosts) >>> 0;
  return host !== 0 && host !== hosts;
}

/** Whether a device can have the address: it is not unspecified, loopback or multicast (RFC 4861, 4.3: the target is never multicast). */
function mayBeHost6(address: Uint8Array): boolean {
  const isUnspecifiedOrLoopback = address.subarray(0, 15).every((octet) => octet === 0);
  return address[0] !== 0xff && !isUnspecifiedOrLoopback;
}

/** RFC 4861, 4.3 and 7.3.3: to the unicast address itself, not to its solicited-node multicast address. */
function neighbourSolicitation({ mac, ipv6s }: Probe, { mac: ownMac, linkLocal }: OwnAddresses): Buffer | null {
  const shown = ipv6s
    .map(parseIpv6)
    .filter((address): address is Uint8Array => address !== null && mayBeHost6(address));
  // Others change by the day (RFC 8981).
  const target = shown.findLast((address) => isLinkLocal(address, 0)) ?? shown.at(-1);
  if (target === undefined || linkLocal === null) return null;
  const length = SOLICITATION_LENGTH + LINK_LAYER_OPTION_LENGTH;
  const frame = ethernet(mac, ownMac, ETHERTYPE_IPV6, IPV6_LENGTH + length);
  const ip = ETHERNET_LENGTH;
  frame.writeUInt8(0x60, ip);
  frame.writeUInt16BE(length, ip + 4);
  frame.writeUInt8(ICMPV6, ip + 6);
  frame.writeUInt8(255, ip + 7); // hop limit
  frame.set(linkLocal, ip + 8);
  frame.set(target, ip + 24);
  const icmp = ip + IPV6_LENGTH;
  frame.writeUInt8(135, icmp);
  frame.set(target, icmp + 8);
  const option = icmp + SOLICITATION_LENGTH;
  frame.writeUInt8(1, option); // source link-layer address
  frame.writeUInt8(1, option + 1); // of eight octets
  frame.writeUIntBE(ownMac, option + 2, 6);
  frame.writeUInt16BE(checksum(frame, ip, icmp), icmp + 2);
  return frame;
}

/**
 * Returns the way through which to ask, and the frame; null when nobody is to be asked. A device is asked only where it was heard: whoever
 * claims an address of another network (guests and staff, say) must not make the sensor send there. Where several interfaces are in
 * the device's network, they take turns.
 */
export function chooseWay<Way extends ProbeWay>(
  probe: Probe,
  ways: readonly Way[],
): { readonly way: Way; readonly frame: Buffer } | null {
  const fitting = ways.flatMap((way) => {
    const wasHeard = probe.heardOn === 0 || (probe.heardOn & way.bit) !== 0;
    const frame = wasHeard ? probeFrame(probe, way.own) : null;
    return frame === null ? [] : [{ way, frame }];
  });
  return fitting[probe.earlier % fitting.length] ?? null;
}

function ethernet(destination: MacAddress, source: MacAddress, etherType: number, payload: number): Buffer {
  const frame = Buffer.alloc(ETHERNET_LENGTH + payload);
  frame.writeUIntBE(destination, 0, 6);
  frame.writeUIntBE(source, 6, 6);
  frame.writeUInt16BE(etherType, 12);
  return frame;
}

/** RFC 8200, 8.1: over the two addresses, the length, the protocol and the message, whose own checksum is still 0. */
function checksum(frame: Buffer, ip: number, icmp: number): number {
  let sum = frame.length - icmp + ICMPV6;
  for (let at = ip + 8; at < frame.length; at += 2) sum += frame.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
