// Decodes one frame and shows the outcome in plain values, which tests can compare and print.

import { formatIpv4, formatIpv6 } from '../../src/addresses/ip-address.js';
import { formatMac } from '../../src/addresses/mac-address.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, Sighting, type Span, type Verdict } from '../../src/decode/sighting.js';

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
  forwarded?: true;
}

export interface Decoded {
  verdict: Verdict;
  sighting?: DecodedSighting;
  announced?: { dhcpServerMac?: string; dhcpServerIp?: string; routerIp?: string; routerMac?: string };
}

/** The frame lies in a larger buffer full of 0xee, as a frame after a longer one does. */
export function decoded(frame: Uint8Array, linkType: LinkType = 'ethernet'): Decoded {
  const buffer = new Uint8Array(frame.length + 400).fill(0xee);
  buffer.set(frame);
  const verdict = decodeFrame(buffer, frame.length, linkType, sighting, announcement);
  return {
    verdict,
    ...(verdict === 'sighting' ? { sighting: shown(sighting) } : {}),
    ...(announcement.isEmpty ? {} : { announced: announced(announcement) }),
  };
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
    ...(found.forwarded ? { forwarded: true } : {}),
  };
}

function announced(found: Announcement): NonNullable<Decoded['announced']> {
  return {
    ...(found.dhcpServerMac ? { dhcpServerMac: formatMac(found.dhcpServerMac) } : {}),
    ...(found.dhcpServerIp ? { dhcpServerIp: formatIpv4(found.dhcpServerIp) } : {}),
    ...(found.routerIp ? { routerIp: formatIpv4(found.routerIp) } : {}),
    ...(found.routerMac ? { routerMac: formatMac(found.routerMac) } : {}),
  };
}
