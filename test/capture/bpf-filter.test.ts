import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatMac } from '../../src/addresses/mac-address.js';
import { captureFilter, keepAliveFilter } from '../../src/capture/bpf-filter.js';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { corpus, type Seed } from '../decode/corpus.js';
import {
  ARP,
  arp,
  bytes,
  dhcp,
  dhcpFrame,
  dhcpv6Frame,
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
  snap,
  UDP,
  udp,
} from '../decode/frames.js';
import { Mutant, Random } from '../decode/mutation.js';
import { until } from '../until.js';
import { NUMBER_OF, pcapBytes, START_MS } from './pcap-bytes.js';

const directory = mkdtempSync(join(tmpdir(), 'bpf-filter-'));
afterAll(() => rmSync(directory, { recursive: true }));

const linkTypes = ['ethernet', 'linux-sll', 'linux-sll2', 'null', 'raw'] as const;

/** Which of the frames, by index, libpcap's own filter machine lets through. */
async function passed(frames: readonly Uint8Array[], linkType: LinkType, ipv6 = true): Promise<Set<number>> {
  const path = join(directory, 'frames.pcap');
  writeFileSync(
    path,
    pcapBytes(
      frames.map((frame, i) => ({ frame, atMs: START_MS + i })),
      { linkType: NUMBER_OF[linkType] },
    ),
  );
  const indices = new Set<number>();
  const end = await readCaptureFile(path, { ipv6 }, (_frame, _length, atMs) => {
    indices.add(atMs - START_MS);
  });
  expect(end).toEqual({ complete: true, frames: indices.size });
  return indices;
}

async function namesPassed(seeds: readonly Seed[], linkType: LinkType, ipv6 = true): Promise<string[]> {
  const indices = await passed(
    seeds.map(({ frame }) => frame),
    linkType,
    ipv6,
  );
  return seeds.filter((_, i) => indices.has(i)).map(({ name }) => name);
}

const seedsOf = (linkType: LinkType) => corpus.filter((seed) => seed.linkType === linkType);

/** A later fragment has neither ports nor a MAC. */
const LEFT_OUT = ['DHCP, second fragment'];

const tcp = bytes('c001 01bb 00000001 00000000 5002 ffff 0000 0000');
const query = udp(bytes(new Array(30).fill(1)), { source: 5353, destination: 5353 });
const tag: [number, number] = [0x8100, 20];
const outerTag: [number, number] = [0x88a8, 100];
const tagged = (payload: Uint8Array, type = IPV4) => ethernet(type, payload, { tags: [tag] });
const noise: Record<string, Uint8Array> = {
  TCP: ethernet(IPV4, ipv4(tcp, { protocol: 6 })),
  'TCP in a VLAN': tagged(ipv4(tcp, { protocol: 6 })),
  'TCP in stacked VLANs': ethernet(IPV4, ipv4(tcp, { protocol: 6 }), { tags: [outerTag, tag] }),
  'TCP in SNAP': snap(IPV4, ipv4(tcp, { protocol: 6 })),
  'TCP over IPv6': ethernet(IPV6, ipv6(6, tcp)),
  'TCP over IPv6 in a VLAN': tagged(ipv6(6, tcp), IPV6),
  'TCP from port 67': ethernet(IPV4, ipv4(bytes('0043 0044', tcp), { protocol: 6 })),
  mDNS: ethernet(IPV4, ipv4(query)),
  'mDNS in a VLAN': tagged(ipv4(query)),
  'mDNS over IPv6': ethernet(IPV6, ipv6(UDP, query)),
  ping: ethernet(IPV4, ipv4(bytes('0800 0000 0001 0001'), { protocol: 1 })),
  'ping over IPv6': ndpFrame(icmpv6(128, '00010001')),
  'multicast listener report': ethernet(IPV6, ipv6(0, bytes(extensionHeader(ICMPV6), icmpv6(143, '00000000')))),
  'redirect (type 137)': ndpFrame(icmpv6(137, new Array(36).fill(0))),
  'a later fragment that looks like DHCP': ethernet(IPV4, ipv4(udp(dhcp()), { fragmentOffset: 10 })),
  'spanning tree': ethernet(38, bytes('42 42 03', new Array(43).fill(0))),
  LLDP: ethernet(0x88cc, bytes('0207 04 3c22fb000001 0000')),
  'another SNAP protocol': ethernet(36, bytes('aa aa 03 00 00 0c 2000', new Array(28).fill(0))),
};

describe('The filter', () => {
  test.each(linkTypes)('compiles for live captures on %s, with and without IPv6', (linkType) => {
    const names = {
      ethernet: 'EN10MB',
      'linux-sll': 'LINUX_SLL',
      'linux-sll2': 'LINUX_SLL2',
      null: 'NULL',
      raw: 'RAW',
    };
    for (const ipv6 of [true, false]) {
      const program = execFileSync('tcpdump', ['-y', names[linkType], '-d', captureFilter(linkType, { ipv6 })], {
        stdio: 'pipe',
      });
      const instructions = program.toString().trim().split('\n').length;
      // BPF_MAXINSNS; above it the kernel refuses the filter, and every frame would be copied to us.
      expect(instructions).toBeLessThan(4_096);
      expect(instructions).toBeGreaterThan(10);
    }
  });

  test.each(linkTypes)(
    'lets everything through on %s that can hold a sighting or an announcement',
    async (linkType) => {
      const seeds = seedsOf(linkType);
      const expected = seeds.map(({ name }) => name).filter((name) => !LEFT_OUT.includes(name));
      expect(expected.length).toBeGreaterThan(1);
      expect(await namesPassed(seeds, linkType)).toEqual(expected);
    },
  );

  test('keeps everything else out, also under tags and in SNAP', async () => {
    const seeds = Object.entries(noise).map(([name, frame]): Seed => ({ name, linkType: 'ethernet', frame }));
    expect(await namesPassed(seeds, 'ethernet')).toEqual([]);
  });

  test.each([
    ['linux-sll', linuxSll],
    ['linux-sll2', linuxSll2],
  ] as const)('keeps everything else out on %s', async (linkType, build) => {
    const frames = [
      build(IPV4, ipv4(tcp, { protocol: 6 })),
      build(IPV4, ipv4(tcp, { protocol: 6 }), { tags: [tag] }),
      build(IPV6, ipv6(6, tcp)),
      build(IPV4, ipv4(query)),
    ];
    expect(await passed(frames, linkType)).toEqual(new Set());
  });

  test('keeps everything else out on raw IP and loopback', async () => {
    const packets = [
      ipv4(tcp, { protocol: 6 }),
      ipv6(6, tcp),
      ipv4(query),
      ipv6(UDP, query),
      bytes(new Array(60).fill(0)),
    ];
    expect(await passed(packets, 'raw')).toEqual(new Set());
    expect(
      await passed(
        packets.map((packet) => bytes('02000000', packet)),
        'null',
      ),
    ).toEqual(new Set());
  });

  test.each(linkTypes)('keeps out IPv6 on %s when it is off', async (linkType) => {
    const seeds = seedsOf(linkType);
    const isIpv6 = (name: string) => !name.startsWith('DHCP ') && /v6|NDP|router|neighbour|duplicate/.test(name);
    const withoutIpv6 = seeds.map(({ name }) => name).filter((name) => !isIpv6(name));
    expect(await namesPassed(seeds, linkType, false)).toEqual(withoutIpv6.filter((name) => !LEFT_OUT.includes(name)));
  });

  test('sees DHCP behind IP options of any length, and from either port', async () => {
    const packets = [5, 6, 10, 15].map((ihl) => ethernet(IPV4, ipv4(udp(dhcp()), { ihl })));
    const ports = [
      [68, 67],
      [67, 68],
      [67, 67],
      [1024, 67],
      [68, 4011],
    ] as const;
    const datagrams = ports.map(([source, destination]) => ethernet(IPV4, ipv4(udp(dhcp(), { source, destination }))));
    expect((await passed([...packets, ...datagrams], 'ethernet')).size).toBe(9);
  });

  test('looks behind two tags, and passes what has more', async () => {
    const heights = [1, 2, 3, 4, 9];
    const stack = (height: number) => ({ tags: new Array<[number, number]>(height).fill(tag) });
    const arps = heights.map((height) => ethernet(ARP, arp(), stack(height)));
    expect(await passed(arps, 'ethernet')).toEqual(new Set([0, 1, 2, 3, 4]));
    const tcps = heights.map((height) => ethernet(IPV4, ipv4(tcp, { protocol: 6 }), stack(height)));
    expect(await passed(tcps, 'ethernet')).toEqual(new Set([2, 3, 4]));
  });

  test('agrees with the decoder: of 100,000 mutants, no sighting or announcement is kept out', async () => {
    const random = new Random(11);
    for (const linkType of linkTypes) {
      const seeds = seedsOf(linkType).filter(({ name }) => !LEFT_OUT.includes(name));
      const mutants = Array.from({ length: 20_000 }, (_, i) => {
        const mutant = new Mutant();
        mutant.mutate(seeds[i % seeds.length]?.frame ?? bytes(''), random);
        return Uint8Array.from(mutant.buffer.subarray(0, mutant.length));
      });
      const through = await passed(mutants, linkType);
      const sighting = new Sighting();
      const announcement = new Announcement();
      let sightings = 0;
      for (const [i, frame] of mutants.entries()) {
        const verdict = decodeFrame(frame, frame.length, linkType, sighting, announcement);
        if (verdict !== 'sighting' && (verdict !== 'other' || announcement.isEmpty)) continue;
        sightings += 1;
        if (!through.has(i)) expect.fail(`kept out on ${linkType}: ${Buffer.from(frame).toString('hex')}`);
      }
      expect(sightings).toBeGreaterThan(5_000);
    }
  });
});

/** Real interfaces in a network namespace of this test's own, where the kernel runs the filter and takes tags off. */
describe('In the kernel', () => {
  const namespace = `nwm-bpf-${process.pid}`;
  const inNamespace = (...command: string[]) => ['ip', 'netns', 'exec', namespace, ...command];
  const run = ([command = '', ...args]: string[]) => execFileSync(command, args, { stdio: 'pipe' });

  beforeAll(() => {
    run(['ip', 'netns', 'add', namespace]);
    // The default of kernels before 6.8; on those it cannot be set here, and need not. A filter that is larger is refused.
    run(inNamespace('sh', '-c', 'f=/proc/sys/net/core/optmem_max; [ ! -e $f ] || echo 20480 > $f'));
    // Without IPv6 the interfaces say nothing of themselves.
    run(inNamespace('sh', '-c', 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done'));
    run(['ip', '-n', namespace, 'link', 'add', 'in0', 'type', 'veth', 'peer', 'name', 'out0']);
    for (const end of ['in0', 'out0']) run(['ip', '-n', namespace, 'link', 'set', end, 'up', 'arp', 'off']);
  });
  afterAll(() => run(['ip', 'netns', 'del', namespace]));

  const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
  const arpOf = (n: number, tags: [number, number][]) => ethernet(ARP, arp({ sha: mac(n) }), { source: mac(n), tags });
  const dhcpOf = (n: number, tags: [number, number][]) => dhcpFrame({ chaddr: mac(n) }, { source: mac(n), tags });
  const dhcpv6Of = (n: number, tags: [number, number][]) => dhcpv6Frame(bytes('01 000001'), { source: mac(n), tags });
  const of = (n: number, tags: [number, number][]) => [arpOf(n, tags), dhcpOf(n + 1, tags), dhcpv6Of(n + 2, tags)];
  const untagged = [...of(1, []), snap(ARP, arp({ sha: mac(4) }), { source: mac(4) })];
  const taggedOnce = [...of(5, [tag]), snap(ARP, arp({ sha: mac(8) }), { source: mac(8), tags: [tag] })];
  const stacked = [...of(9, [outerTag, tag]), ...of(12, [[0x9100, 7], tag]), ...of(15, [[0x8100, 7], outerTag, tag])];
  const last = arpOf(18, []);

  /** Lets tcpdump capture with a filter while the frames are sent, and answers what it recorded and said. */
  async function recorded(
    device: string,
    dlt: string,
    filter: string,
    frames: Uint8Array[],
    snaplen = 2_048,
  ): Promise<[string, string]> {
    const recording = join(directory, `${dlt}.pcap`);
    const sent = join(directory, 'sent.pcap');
    writeFileSync(sent, pcapBytes(frames));
    const options = ['-i', device, '-y', dlt, '--immediate-mode', '-s', `${snaplen}`, '-U', '-w', recording];
    const [command = '', ...args] = inNamespace('tcpdump', ...options, filter);
    const tcpdump = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    tcpdump.stderr.on('data', (chunk) => {
      said += chunk;
    });
    // Not `exit`, which may come before the last of what it said.
    const ended = once(tcpdump, 'close');
    await until('tcpdump captures', () => said.includes('listening on'));
    run(inNamespace('tcpreplay', '--intf1', 'out0', '--topspeed', sent));
    await until('the last frame is recorded', () => readFileSync(recording).includes(Buffer.from(bytes(mac(18)))));
    tcpdump.kill('SIGINT');
    await ended;
    return [recording, said];
  }

  /** MAC to VLAN of every device in the recording. */
  async function devicesIn(recording: string, linkType: LinkType): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    const sighting = new Sighting();
    await readCaptureFile(recording, { ipv6: true }, (frame, length, _atMs, fileLinkType) => {
      expect(fileLinkType).toBe(linkType);
      expect(decodeFrame(frame, length, linkType, sighting, new Announcement())).toBe('sighting');
      seen[formatMac(sighting.mac)] = sighting.vlan;
    });
    return seen;
  }

  test('on an Ethernet interface it passes every device, however tagged, and nothing else', async () => {
    const wanted = [...untagged, ...taggedOnce, ...stacked];
    const filter = captureFilter('ethernet', { ipv6: true });
    const [recording, said] = await recorded('in0', 'EN10MB', filter, [...Object.values(noise), ...wanted, last]);
    // Counted before libpcap could filter again in user space: the kernel itself let nothing else through.
    expect(said).toContain(`${wanted.length + 1} packets received by filter`);
    const vlans = [0, 0, 0, 0, 20, 20, 20, 20, 100, 100, 100, 7, 7, 7, 7, 7, 7, 0];
    const expected = Object.fromEntries(vlans.map((vlan, i) => [mac(i + 1), vlan]));
    expect(await devicesIn(recording, 'ethernet')).toEqual(expected);
  });

  // Stacked tags are left out: for them, Linux 6.10 and later give cooked captures the inner protocol with a tag still in front.
  test.each([
    ['LINUX_SLL', 'linux-sll', 20],
    // libpcap 1.10 puts the tag that the kernel took off back for SLL, but loses it for SLL2.
    ['LINUX_SLL2', 'linux-sll2', 0],
  ] as const)(
    'on all interfaces at once, as %s, it passes every device, tagged or not',
    async (dlt, linkType, vlan) => {
      const frames = [...Object.values(noise), ...untagged, ...taggedOnce, last];
      const [recording] = await recorded('any', dlt, captureFilter(linkType, { ipv6: true }), frames);
      const vlans = [0, 0, 0, 0, vlan, vlan, vlan, vlan];
      const expected = Object.fromEntries(vlans.map((id, i) => [mac(i + 1), id]));
      expect(await devicesIn(recording, linkType)).toEqual({ ...expected, [mac(18)]: 0 });
    },
  );

  const toMdns = (n: number, tags: [number, number][]) =>
    ethernet(IPV4, ipv4(query), { destination: '01:00:5e:00:00:fb', source: mac(n), tags });
  const toOne = (n: number) => ethernet(IPV4, ipv4(query), { destination: mac(99), source: mac(n) });

  test.each([
    ['an Ethernet interface', 'in0', 'EN10MB', 'ethernet', 14],
    ['all interfaces at once', 'any', 'LINUX_SLL', 'linux-sll', 16],
  ] as const)(
    'on %s the other filter passes keep-alives, tagged or not, of which nothing is recorded but the addresses',
    async (_name, device, dlt, linkType, snaplen) => {
      const wanted = [toMdns(1, []), toMdns(2, [tag]), snap(IPV4, ipv4(query), { source: mac(3) })];
      const frames = [...untagged, ...taggedOnce, toOne(4), ...wanted, toMdns(18, [])];
      // tcpdump looks at the first frame itself, where all of it but the addresses is cut off: see live-keep-alives.ts.
      const [recording, said] = await recorded(
        device,
        dlt,
        keepAliveFilter(linkType, { ipv6: true }) ?? '',
        [toMdns(5, []), ...frames],
        snaplen,
      );
      if (device === 'in0') expect(said).toContain(`${wanted.length + 2} packets received by filter`);
      const content = readFileSync(recording);
      const seen = Array.from({ length: 18 }, (_, i) => i + 1).filter((n) =>
        content.includes(Buffer.from(bytes(mac(n)))),
      );
      expect(seen).toEqual([1, 2, 3, 18]);
      expect(content.includes(Buffer.from(query.subarray(8)))).toBe(false);
    },
  );
});
