// Two filters part the frames of a link: what can hold a sighting, and keep-alives. Replays part them in TypeScript. All three agree.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseMac } from '../../src/addresses/mac-address.js';
import { captureFilter, captureOrKeepAliveFilter, keepAliveFilter } from '../../src/capture/bpf-filter.js';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import { passesCaptureFilter } from '../../src/capture/passes-filter.js';
import type { LinkType } from '../../src/decode/frame.js';
import { isToGroup } from '../../src/decode/keep-alive.js';
import { corpus } from '../decode/corpus.js';
import {
  ARP,
  arp,
  bytes,
  DEVICE,
  dhcpFrame,
  ethernet,
  extensionHeader,
  ICMPV6,
  IPV4,
  IPV6,
  icmpv6,
  ipv4,
  ipv6,
  linuxSll,
  linuxSll2,
  ndpFrame,
  OTHER,
  routerSolicitation,
  snap,
  UDP,
  udp,
} from '../decode/frames.js';
import { Mutant, Random } from '../decode/mutation.js';
import { NUMBER_OF, pcapBytes, START_MS } from './pcap-bytes.js';

const directory = mkdtempSync(join(tmpdir(), 'keep-alive-filter-'));
afterAll(() => rmSync(directory, { recursive: true }));

const withAddresses = ['ethernet', 'linux-sll', 'linux-sll2'] as const;
const linkTypes = [...withAddresses, 'null', 'raw'] as const;
const names = { ethernet: 'EN10MB', 'linux-sll': 'LINUX_SLL', 'linux-sll2': 'LINUX_SLL2', null: 'NULL', raw: 'RAW' };

function saved(frames: readonly Uint8Array[], linkType: LinkType): string {
  const path = join(directory, 'frames.pcap');
  const recorded = frames.map((frame, i) => ({ frame, atMs: START_MS + i }));
  writeFileSync(path, pcapBytes(recorded, { linkType: NUMBER_OF[linkType] }));
  return path;
}

/** Which of the frames, by index, libpcap's own filter machine lets through. */
function passed(frames: readonly Uint8Array[], linkType: LinkType, filter: string): Set<number> {
  const path = saved(frames, linkType);
  const file = execFileSync('tcpdump', ['-r', path, '-w', '-', filter], { stdio: 'pipe', maxBuffer: 2 ** 28 });
  const indices = new Set<number>();
  for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) {
    indices.add(file.readUInt32LE(at) * 1_000 + file.readUInt32LE(at + 4) / 1_000 - START_MS);
  }
  return indices;
}

/** The indices of the frames that a replay takes for one kind and for the other, in the order in which it gave them. */
async function replayed(frames: readonly Uint8Array[], linkType: LinkType, ipv6 = true) {
  const given: number[] = [];
  const keepAlives: number[] = [];
  const end = await readCaptureFile(
    saved(frames, linkType),
    { ipv6 },
    (_frame, _length, atMs) => given.push(atMs - START_MS),
    (_mac, atMs) => keepAlives.push(atMs - START_MS),
  );
  return { given, keepAlives, frames: end.frames };
}

const query = udp(bytes(new Array(30).fill(1)), { source: 5353, destination: 5353 });
const tag: [number, number] = [0x8100, 20];
const outerTag: [number, number] = [0x88a8, 100];
const toMdns = { destination: '01:00:5e:00:00:fb' };
const toMdns6 = { destination: '33:33:00:00:00:fb' };

/** What devices send to all or many, and captureFilter keeps out. */
const keepAlives: Record<string, Uint8Array> = {
  mDNS: ethernet(IPV4, ipv4(query), toMdns),
  'mDNS in a VLAN': ethernet(IPV4, ipv4(query), { ...toMdns, tags: [tag] }),
  'mDNS in stacked VLANs': ethernet(IPV4, ipv4(query), { ...toMdns, tags: [outerTag, tag] }),
  'mDNS in SNAP': snap(IPV4, ipv4(query), toMdns),
  'mDNS over IPv6': ethernet(IPV6, ipv6(UDP, query), toMdns6),
  'mDNS over IPv6 in a VLAN': ethernet(IPV6, ipv6(UDP, query), { ...toMdns6, tags: [tag] }),
  'a broadcast of NetBIOS': ethernet(IPV4, ipv4(udp(bytes(new Array(50).fill(0)), { source: 137, destination: 137 }))),
  'IGMP report': ethernet(IPV4, ipv4(bytes('1600 0904 e00000fb'), { protocol: 2, ihl: 6 }), toMdns),
  'MLD report': ethernet(IPV6, ipv6(0, bytes(extensionHeader(ICMPV6), icmpv6(143, '00000000'))), toMdns6),
  'a later fragment': ethernet(IPV4, ipv4(bytes(new Array(40).fill(0x42)), { fragmentOffset: 185 }), toMdns),
  LLDP: ethernet(0x88cc, bytes('0207 04 3c22fb000001 0000', new Array(36).fill(0)), {
    destination: '01:80:c2:00:00:0e',
  }),
  'spanning tree': ethernet(38, bytes('42 42 03', new Array(43).fill(0)), { destination: '01:80:c2:00:00:00' }),
  // What an access point sends on a station's behalf when it joins (IEEE 802.11F, hostapd's iapp.c): shorter than 60 octets.
  'Layer 2 update of an access point': ethernet(6, bytes('00 01 af 81 01 02')),
};
/** The same to one device, and what captureFilter lets through. */
const others: Record<string, Uint8Array> = {
  ...Object.fromEntries(
    Object.entries(keepAlives).map(([name, frame]) => [`${name}, to one device`, bytes(OTHER, frame.subarray(6))]),
  ),
  'ARP request': ethernet(ARP, arp()),
  'ARP in a VLAN': ethernet(ARP, arp(), { tags: [tag] }),
  'ARP in SNAP': snap(ARP, arp()),
  'DHCP discover': dhcpFrame(),
  'router solicitation': ndpFrame(routerSolicitation()),
};

describe('The filter for keep-alives', () => {
  test.each(withAddresses)('compiles for %s, with and without IPv6, and is small enough for the kernel', (linkType) => {
    for (const ipv6 of [true, false]) {
      const filter = keepAliveFilter(linkType, { ipv6 }) ?? '';
      const program = execFileSync('tcpdump', ['-y', names[linkType], '-d', filter], { stdio: 'pipe' });
      const instructions = program.toString().trim().split('\n');
      // BPF_MAXINSNS; above it the kernel refuses the filter.
      expect(instructions.length).toBeLessThan(4_096);
      expect(instructions.length).toBeGreaterThan(10);
      // The address is looked at before anything else.
      const first = { ethernet: 'ldb      [0]', 'linux-sll': 'ldh      [0]', 'linux-sll2': 'ldb      [10]' }[linkType];
      expect(instructions[0]).toContain(first);
    }
  });

  test('does not exist for links without addresses', () => {
    expect([keepAliveFilter('raw', { ipv6: true }), keepAliveFilter('null', { ipv6: false })]).toEqual([null, null]);
  });

  test('lets through what goes to many and cannot hold a sighting, under tags and in SNAP too, and nothing else', () => {
    const frames = [...Object.values(keepAlives), ...Object.values(others)];
    const through = passed(frames, 'ethernet', keepAliveFilter('ethernet', { ipv6: true }) ?? '');
    const all = [...Object.keys(keepAlives), ...Object.keys(others)];
    expect(all.filter((_, i) => through.has(i))).toEqual(Object.keys(keepAlives));
  });

  test.each([
    ['linux-sll', linuxSll],
    ['linux-sll2', linuxSll2],
  ] as const)('goes by the packet type on %s', (linkType, build) => {
    const at = linkType === 'linux-sll' ? 1 : 10;
    // PACKET_HOST, _BROADCAST, _MULTICAST, _OTHERHOST, _OUTGOING of linux/if_packet.h.
    const frames = [0, 1, 2, 3, 4].flatMap((packetType) =>
      [build(IPV4, ipv4(query)), build(ARP, arp())].map((frame) => {
        const typed = Uint8Array.from(frame);
        typed[at] = packetType;
        return typed;
      }),
    );
    expect(passed(frames, linkType, keepAliveFilter(linkType, { ipv6: true }) ?? '')).toEqual(new Set([2, 4]));
  });

  test('takes Neighbor Discovery for a keep-alive when IPv6 is off', () => {
    const frames = [ndpFrame(routerSolicitation()), ethernet(ARP, arp())];
    expect(passed(frames, 'ethernet', keepAliveFilter('ethernet', { ipv6: false }) ?? '')).toEqual(new Set([0]));
  });
});

describe('A replay', () => {
  test('gives frames and keep-alives in the order of the file, and counts the frames alone', async () => {
    const frames = [ethernet(ARP, arp()), ethernet(IPV4, ipv4(query), toMdns), dhcpFrame(), ethernet(0x88cc, arp())];
    const heard: string[] = [];
    const end = await readCaptureFile(
      saved(frames, 'ethernet'),
      { ipv6: true },
      (frame, length, atMs, linkType) =>
        heard.push(`${atMs - START_MS}: ${linkType}, ${frame.subarray(0, length).length}`),
      (mac, atMs) => heard.push(`${atMs - START_MS}: ${mac === parseMac(DEVICE)}`),
    );
    expect(heard).toEqual(['0: ethernet, 42', '1: true', `2: ethernet, ${dhcpFrame().length}`, '3: true']);
    expect(end).toEqual({ complete: true, frames: 2 });
  });

  test('does not take what no device can have sent for a keep-alive, nor for a frame', async () => {
    const sources = ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '00:00:00:00:00:00'];
    const frames = sources.map((source) => ethernet(IPV4, ipv4(query), { ...toMdns, source }));
    expect(await replayed(frames, 'ethernet')).toEqual({ given: [], keepAlives: [], frames: 0 });
  });

  test('breaks off at what the receiver of keep-alives throws, which comes out as it was', async () => {
    const boom = new Error('boom');
    const reading = readCaptureFile(
      saved([ethernet(IPV4, ipv4(query), toMdns), ethernet(ARP, arp())], 'ethernet'),
      { ipv6: true },
      () => expect.fail('read on'),
      () => {
        throw boom;
      },
    );
    await expect(reading).rejects.toBe(boom);
  });
});

/** Seeds bent at random, each twice: as it is, and to a group. */
function mutants(linkType: LinkType, count: number, random: Random): Uint8Array[] {
  const seeds = [
    ...corpus.filter((seed) => seed.linkType === linkType).map(({ frame }) => frame),
    ...(linkType === 'ethernet' ? [...Object.values(keepAlives), ...Object.values(others)] : []),
    ...(linkType === 'linux-sll'
      ? [linuxSll(IPV4, ipv4(query)), linuxSll(IPV6, ipv6(UDP, query), { tags: [tag] })]
      : []),
    ...(linkType === 'linux-sll2' ? [linuxSll2(IPV4, ipv4(query)), linuxSll2(IPV6, ipv6(UDP, query))] : []),
  ];
  const mutant = new Mutant();
  return Array.from({ length: count }, (_, i) => {
    mutant.mutate(seeds[i % seeds.length] ?? bytes(''), random);
    return Uint8Array.from(mutant.buffer.subarray(0, mutant.length));
  });
}

describe('Of frames bent at random, and of their beginnings,', () => {
  const random = new Random(20_261_124);

  test.each(linkTypes)('the code passes on %s what the filter passes', async (linkType) => {
    for (const ipv6 of [true, false]) {
      const frames = mutants(linkType, 40_000, random);
      const through = passed(frames, linkType, captureFilter(linkType, { ipv6 }));
      expect(through.size).toBeGreaterThan(5_000);
      expect(through.size).toBeLessThan(38_000);
      for (const [i, frame] of frames.entries()) {
        if (passesCaptureFilter(frame, frame.length, linkType, ipv6) !== through.has(i))
          expect.fail(`${through.has(i)} by the filter: ${Buffer.from(frame).toString('hex')}`);
      }
    }
  });

  test.each(linkTypes)('no octet behind the end counts on %s', (linkType) => {
    const seeds = corpus.filter((seed) => seed.linkType === linkType);
    for (const { frame } of seeds) {
      for (let length = 0; length < Math.min(frame.length, 120); length++) {
        const alone = frame.subarray(0, length);
        expect(passesCaptureFilter(frame, length, linkType, true)).toBe(
          passesCaptureFilter(alone, length, linkType, true),
        );
        expect(isToGroup(frame, length, linkType)).toBe(isToGroup(alone, length, linkType));
      }
    }
  });

  test.each(linkTypes)('the two filters part those of %s, and a replay parts them alike', async (linkType) => {
    const frames = mutants(linkType, 40_000, random);
    const capture = passed(frames, linkType, captureFilter(linkType, { ipv6: true }));
    const filter = keepAliveFilter(linkType, { ipv6: true });
    const alive = filter === null ? new Set<number>() : passed(frames, linkType, filter);
    const either = passed(frames, linkType, captureOrKeepAliveFilter(linkType, { ipv6: true }));
    expect([...alive].filter((i) => capture.has(i))).toEqual([]);
    expect(either).toEqual(new Set([...capture, ...alive].sort((a, b) => a - b)));
    if (filter !== null) expect(alive.size).toBeGreaterThan(1_000);

    const { given, keepAlives, frames: counted } = await replayed(frames, linkType);
    expect(given).toEqual([...capture]);
    expect(counted).toBe(capture.size);
    // Fewer: of some the bent source is no device's.
    expect(keepAlives.filter((i) => !alive.has(i))).toEqual([]);
    if (filter !== null) expect(keepAlives.length).toBeGreaterThan(alive.size / 2);
  });
});
