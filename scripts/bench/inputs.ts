// The benchmark's capture files: the same bytes on every machine, made once and kept in a cache directory.
import { existsSync, mkdirSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINKTYPE, pcapBytes, START_MS } from '../../test/capture/pcap-bytes.js';
import {
  ARP,
  arp,
  ascii,
  bytes,
  dhcpFrame,
  ethernet,
  IPV4,
  ipv4,
  ndpFrame,
  neighborSolicitation,
  option,
  REQUEST,
  SERVER,
  sourceLinkLayer,
  udp,
} from '../../test/decode/frames.js';

/** Part of the cache's name: raise it when the bytes change. */
const VERSION = 1;
/** All of a file's frames fall within this time, so that a device's frames are one visit. */
const SPAN_MS = 3_600_000;
const CHUNK_BYTES = 4 * 1024 * 1024;
const RECORD_HEADER = 16;

/** A frame that is the same for all devices but for the places where the device's own octets go. */
export interface Template {
  readonly frame: Uint8Array;
  readonly macAt: readonly number[];
  readonly ipv4At: readonly number[];
  /** Six hexadecimal digits of the device, as a part of its host name. */
  readonly nameAt: number | null;
}

const MARK_MAC = 'a1:b2:c3:d4:e5:f6';
const MARK_IPV4 = '77.88.99.111';
const MARK_NAME = 'PLACES';

function template(frame: Uint8Array): Template {
  const text = Buffer.from(frame).toString('latin1');
  const places = (mark: Uint8Array) => {
    const wanted = Buffer.from(mark).toString('latin1');
    const found: number[] = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) found.push(at);
    return found;
  };
  return {
    frame,
    macAt: places(bytes(MARK_MAC)),
    ipv4At: places(bytes(MARK_IPV4.split('.').map(Number))),
    nameAt: places(ascii(MARK_NAME))[0] ?? null,
  };
}

const fromDevice = { source: MARK_MAC };

export const arpRequest = template(ethernet(ARP, arp({ sha: MARK_MAC, spa: MARK_IPV4 }), fromDevice));
export const arpAnnouncement = template(
  ethernet(ARP, arp({ sha: MARK_MAC, spa: MARK_IPV4, tpa: MARK_IPV4 }), fromDevice),
);
export const dhcpRequest = template(
  dhcpFrame(
    {
      chaddr: MARK_MAC,
      type: REQUEST,
      options: [
        option(61, bytes([1], MARK_MAC)),
        option(50, MARK_IPV4.split('.').map(Number)),
        option(12, ascii(`phone-${MARK_NAME}`)),
        option(60, ascii('android-dhcp-14')),
        option(55, [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108]),
      ],
      tail: [255],
    },
    fromDevice,
  ),
);
/** Devices use several IPv6 addresses at once. */
export const [fromLinkLocal, fromGlobal] = ['fe80::1234', '2001:db8::1234'].map((source) =>
  template(ndpFrame(neighborSolicitation('fe80::1', sourceLinkLayer(MARK_MAC)), fromDevice, { source })),
) as [Template, Template];

/** Multicast DNS (RFC 6762) with a few records. All from one IP address: a bridge with netfilter drops what has a wrong checksum. */
export const multicastDns = template(
  ethernet(
    IPV4,
    ipv4(udp(bytes(new Array(180).fill(0x42)), { source: 5353, destination: 5353 }), {
      source: '10.0.0.7',
      destination: '224.0.0.251',
    }),
    { ...fromDevice, destination: '01:00:5e:00:00:fb' },
  ),
);

function tcp(payloadLength: number): Template {
  const segment = bytes('01bbc001', new Array(16).fill(7), new Array(payloadLength).fill(0x42));
  const packet = ipv4(segment, { protocol: 6, source: '192.0.2.7', destination: MARK_IPV4 });
  return template(ethernet(IPV4, packet, { source: SERVER, destination: MARK_MAC }));
}

const acknowledgement = tcp(0);
const fullSegment = tcp(1_460);

/** What a frame is, by its number. */
type Mix = (index: number) => Template;

/** Of ten discovery frames six are ARP requests, one an announcement, two Neighbor Discovery, one DHCP. */
const DISCOVERY = [
  arpRequest,
  arpRequest,
  arpAnnouncement,
  arpRequest,
  fromLinkLocal,
  arpRequest,
  dhcpRequest,
  arpRequest,
  fromGlobal,
  arpRequest,
];
const discovery: Mix = (index) => DISCOVERY[index % DISCOVERY.length] ?? arpRequest;
/** One frame in twenty is ARP or DHCP; the others are TCP, half of them full. */
const mixed: Mix = (index) => {
  if (index % 20 === 0) return index % 100 === 0 ? dhcpRequest : arpRequest;
  return index % 2 === 0 ? acknowledgement : fullSegment;
};

export interface Input {
  readonly name: string;
  readonly frames: number;
  readonly devices: number;
  readonly mix: Mix;
}

const MILLION = 1_000_000;
export const MIXED: Input = { name: 'mixed', frames: MILLION, devices: 200, mix: mixed };
export const DISCOVERY_2000: Input = { name: 'discovery-2000', frames: MILLION, devices: 2_000, mix: discovery };
export const DISCOVERY_50000: Input = { name: 'discovery-50000', frames: MILLION, devices: 50_000, mix: discovery };
export const DHCP_ONLY: Input = { name: 'dhcp', frames: MILLION, devices: 2_000, mix: () => dhcpRequest };
export const KEEP_ALIVES: Input = { name: 'keep-alives', frames: 50_000, devices: 2_000, mix: () => multicastDns };

export function discoveryOf(devices: number, frames: number): Input {
  return { name: `discovery-${devices}x${frames}`, frames, devices, mix: discovery };
}

/** The device that speaks in frame `index`: each in turn, in an order that is mixed but the same every time. */
function deviceOf(index: number, devices: number): number {
  const round = Math.floor(index / devices);
  // A multiplier without a factor in common with the numbers of devices used here.
  return ((index % devices) * 7_919 + round * 104_729) % devices;
}

/** Half the devices have a registered prefix (Apple's), half a private address. */
export function macOfDevice(device: number): number {
  return (device % 2 === 0 ? 0x3c22fb000000 : 0xda1119000000) + device;
}

/** Writes one device's version of `template` at `at`. */
export function writeFrame(target: Buffer, at: number, template: Template, device: number): number {
  target.set(template.frame, at);
  const mac = macOfDevice(device);
  for (const place of template.macAt) target.writeUIntBE(mac, at + place, 6);
  for (const place of template.ipv4At) target.writeUInt32BE(0x0a000000 + 256 + device, at + place);
  if (template.nameAt !== null) {
    target.write(device.toString(16).padStart(6, '0'), at + template.nameAt, 'latin1');
  }
  return template.frame.length;
}

export function cacheDirectory(): string {
  const directory = process.env.BENCH_CACHE ?? join(tmpdir(), `nwm-bench-${VERSION}`);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** The path of the input's file; made when it is not there yet. */
export async function fileOf(input: Input): Promise<string> {
  const path = join(cacheDirectory(), `${input.name}.pcap`);
  if (existsSync(path)) return path;
  const file = await open(`${path}.part`, 'w');
  await file.write(pcapBytes([], { linkType: LINKTYPE.ethernet }));
  const chunk = Buffer.alloc(CHUNK_BYTES + 65_536);
  let used = 0;
  for (let index = 0; index < input.frames; index++) {
    const atMs = START_MS + (index * SPAN_MS) / input.frames;
    const length = writeFrame(chunk, used + RECORD_HEADER, input.mix(index), deviceOf(index, input.devices));
    chunk.writeUInt32LE(Math.floor(atMs / 1_000), used);
    chunk.writeUInt32LE(Math.floor((atMs % 1_000) * 1_000), used + 4);
    chunk.writeUInt32LE(length, used + 8);
    chunk.writeUInt32LE(length, used + 12);
    used += RECORD_HEADER + length;
    if (used < CHUNK_BYTES && index < input.frames - 1) continue;
    await file.write(chunk, 0, used);
    used = 0;
  }
  await file.close();
  await rename(`${path}.part`, path);
  return path;
}
