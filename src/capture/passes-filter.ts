// The rules of captureFilter in TypeScript. A replay reads a file once, through a filter for frames and keep-alives, and must
// distinguish them afterwards. Every rule here is also in bpf-filter.ts. A test compares the two.
import type { LinkType } from '../decode/frame.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../decode/link-layer.js';
import { MAX_TAGS } from './bpf-filter.js';

/** The value of an octet behind the end of the frame. It fulfils no rule, because a filter rejects a frame that ends too early. */
const OUTSIDE = -1;

/** Whether `captureFilter(linkType, { ipv6 })` lets the first `length` octets of `frame` through. */
export function passesCaptureFilter(frame: Uint8Array, length: number, linkType: LinkType, ipv6: boolean): boolean {
  switch (linkType) {
    case 'ethernet':
      return passesInFrame(frame, length, 12, 14, ipv6);
    case 'linux-sll':
      return passesInFrame(frame, length, 14, 16, ipv6);
    case 'linux-sll2':
      return passesInFrame(frame, length, 0, 20, ipv6);
    case 'null':
      return passesInPacket(frame, length, 4, ipv6);
    case 'raw':
      return passesInPacket(frame, length, 0, ipv6);
  }
}

function passesInFrame(frame: Uint8Array, length: number, typeAt: number, payloadAt: number, ipv6: boolean): boolean {
  let type = octets2(frame, length, typeAt);
  let payload = payloadAt;
  for (let tags = 0; type === 0x8100 || type === 0x88a8 || type === 0x9100; tags++) {
    if (tags === MAX_TAGS) return true;
    type = octets2(frame, length, payload + 2);
    payload += 4;
  }
  if (type > 1500) return passesByEtherType(frame, length, type, payload, ipv6);
  const isSnap =
    octets2(frame, length, payload) === 0xaaaa &&
    octets2(frame, length, payload + 2) === 0x0300 &&
    octets2(frame, length, payload + 4) === 0;
  return isSnap && passesByEtherType(frame, length, octets2(frame, length, payload + 6), payload + 8, ipv6);
}

function passesByEtherType(frame: Uint8Array, length: number, type: number, packet: number, ipv6: boolean): boolean {
  switch (type) {
    case ETHERTYPE_ARP:
      return true;
    case ETHERTYPE_IPV4:
      return isDhcp(frame, length, packet);
    case ETHERTYPE_IPV6:
      return ipv6 && isNdpOrDhcpv6(frame, length, packet);
    default:
      return false;
  }
}

function passesInPacket(frame: Uint8Array, length: number, packet: number, ipv6: boolean): boolean {
  switch (octet(frame, length, packet) & 0xf0) {
    case 0x40:
      return isDhcp(frame, length, packet);
    case 0x60:
      return ipv6 && isNdpOrDhcpv6(frame, length, packet);
    default:
      return false;
  }
}

function isDhcp(frame: Uint8Array, length: number, packet: number): boolean {
  if (octet(frame, length, packet + 9) !== 17 || (octets2(frame, length, packet + 6) & 0x1fff) !== 0) return false;
  return hasPort(frame, length, packet + (octet(frame, length, packet) & 0xf) * 4, 67);
}

function isNdpOrDhcpv6(frame: Uint8Array, length: number, packet: number): boolean {
  const first = octet(frame, length, packet + 6);
  const next = packet + 40;
  switch (first) {
    case 44:
      return (
        octet(frame, length, next) === 17 &&
        (octets2(frame, length, next + 2) & 0xfff8) === 0 &&
        hasPort(frame, length, next + 8, 546)
      );
    case 0:
    case 43:
    case 60: {
      const second = octet(frame, length, next);
      if (second === 44 || second === 0 || second === 43 || second === 60) return true;
      const extension = octet(frame, length, next + 1);
      return extension !== OUTSIDE && isOurs(frame, length, second, next + 8 + extension * 8);
    }
    default:
      return isOurs(frame, length, first, next);
  }
}

function isOurs(frame: Uint8Array, length: number, protocol: number, at: number): boolean {
  if (protocol === 17) return hasPort(frame, length, at, 546);
  const type = octet(frame, length, at);
  return protocol === 58 && type >= 133 && type <= 136;
}

/** Source or destination port is `port` or the one after it. */
function hasPort(frame: Uint8Array, length: number, at: number, port: number): boolean {
  const source = octets2(frame, length, at);
  const destination = octets2(frame, length, at + 2);
  return source === port || source === port + 1 || destination === port || destination === port + 1;
}

function octet(frame: Uint8Array, length: number, at: number): number {
  return at < length ? (frame[at] as number) : OUTSIDE;
}

function octets2(frame: Uint8Array, length: number, at: number): number {
  return at + 2 <= length ? ((frame[at] as number) << 8) | (frame[at + 1] as number) : OUTSIDE;
}
