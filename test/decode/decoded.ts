// Decodes one frame and shows the outcome in plain values, which tests can compare and print.

import { formatIpv4, formatIpv6 } from '../../src/addresses/ip-address.js';
import { formatMac } from '../../src/addresses/mac-address.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, type AnnouncementKind, Sighting, type Span, type Verdict } from '../../src/decode/sighting.js';

const sighting = new Sighting();
const announcement = new Announcement();

const text = (span: Span) => Buffer.from(span.bytes.subarray(span.start, span.end)).toString('latin1');
const hex = (span: Span) => Buffer.from(span.bytes.subarray(span.start, span.end)).toString('hex');

/** The facts that the frame gives; those it does not give are left out. */
export interface DecodedSighting {
  mac: string;
  via: string;
  vlan?: number;
  ip?: string;
  hostname?: string;
  vendorClass?: string;
  clientId?: string;
  parameterList?: string;
  probed?: string;
  forwarded?: true;
  repeater?: string;
}

/** What is said of the network's equipment; numbers that are 0 are left out. */
export interface DecodedAnnouncement {
  kind: AnnouncementKind;
  station?: string;
  vlan?: number;
  stationIpv4?: string;
  client?: string | number;
  xid?: number;
  serverIpv4?: string;
  routerIpv4?: string;
  subnetMask?: string;
  relayIpv4?: string;
}

export interface Decoded {
  verdict: Verdict;
  sighting?: DecodedSighting;
}

/** The frame lies in a larger buffer full of 0xee, as a frame after a longer one does. */
export function decoded(frame: Uint8Array, linkType: LinkType = 'ethernet'): Decoded {
  const buffer = new Uint8Array(frame.length + 400).fill(0xee);
  buffer.set(frame);
  const verdict = decodeFrame(buffer, frame.length, linkType, sighting, announcement);
  return {
    verdict,
    ...(verdict === 'sighting' ? { sighting: shown(sighting) } : {}),
  };
}

/** What the frame says of the network's equipment; null when it says nothing. */
export function announcedBy(frame: Uint8Array, linkType: LinkType = 'ethernet'): DecodedAnnouncement | null {
  decodeFrame(frame, frame.length, linkType, sighting, announcement);
  return announcement.isEmpty ? null : announced(announcement);
}

function shown(found: Sighting): DecodedSighting {
  return {
    mac: formatMac(found.mac),
    via: found.via,
    ...(found.vlan ? { vlan: found.vlan } : {}),
    ...(found.ipv4 ? { ip: formatIpv4(found.ipv4) } : {}),
    ...(found.ipv6.length ? { ip: formatIpv6(found.ipv6.bytes, found.ipv6.start) } : {}),
    ...(found.hostname.length ? { hostname: text(found.hostname) } : {}),
    ...(found.vendorClass.length ? { vendorClass: text(found.vendorClass) } : {}),
    ...(found.clientId.length ? { clientId: hex(found.clientId) } : {}),
    ...(found.parameterList.length ? { parameterList: hex(found.parameterList) } : {}),
    ...(found.probedIpv4 ? { probed: formatIpv4(found.probedIpv4) } : {}),
    ...(found.forwarded ? { forwarded: true } : {}),
    ...(found.repeater ? { repeater: formatMac(found.repeater) } : {}),
  };
}

function announced(found: Announcement): DecodedAnnouncement {
  const { kind, station, vlan, client, xid } = found;
  const isDhcp = kind.startsWith('dhcp');
  const isDhcpv4 = kind.startsWith('dhcp-');
  const ipv4 = (address: number, is = isDhcpv4) => (is && address ? formatIpv4(address) : undefined);
  const all: DecodedAnnouncement = JSON.parse(
    JSON.stringify({
      kind,
      station: station === 0 ? undefined : formatMac(station),
      vlan: kind === 'holds-ipv4' || vlan === 0 ? undefined : vlan,
      stationIpv4: ipv4(found.stationIpv4, isDhcpv4 || kind === 'holds-ipv4'),
      client: !isDhcp ? undefined : isDhcpv4 ? formatMac(client) : client,
      xid: isDhcp ? xid : undefined,
      serverIpv4: ipv4(found.serverIpv4),
      routerIpv4: ipv4(found.routerIpv4),
      subnetMask: ipv4(found.subnetMask),
      relayIpv4: ipv4(found.relayIpv4),
    }),
  );
  return all;
}
