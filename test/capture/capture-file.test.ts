import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type CaptureFileEnd, readCaptureFile } from '../../src/capture/capture-file.js';
import type { LinkType } from '../../src/decode/frame.js';
import {
  ARP,
  arp,
  bytes,
  dhcpFrame,
  ethernet,
  IPV4,
  ipv4,
  linuxSll,
  ndpFrame,
  routerSolicitation,
} from '../decode/frames.js';
import { LINKTYPE, pcapBytes, START_MS } from './pcap-bytes.js';

const directory = mkdtempSync(join(tmpdir(), 'capture-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function saved(content: Uint8Array, suffix = 'pcap'): string {
  files += 1;
  const path = join(directory, `${files}.${suffix}`);
  writeFileSync(path, content);
  return path;
}

interface Read {
  end: CaptureFileEnd;
  frames: { frame: Buffer; atMs: number; linkType: LinkType }[];
}

async function read(path: string, ipv6 = true): Promise<Read> {
  const frames: Read['frames'] = [];
  const end = await readCaptureFile(path, { ipv6 }, (frame, length, atMs, linkType) => {
    frames.push({ frame: Buffer.from(frame.subarray(0, length)), atMs, linkType });
  });
  return { end, frames };
}

async function reasonFor(path: string): Promise<string> {
  const { end } = await read(path);
  return end.complete ? 'complete' : end.reason;
}

const arpFrame = ethernet(ARP, arp());
const tcpFrame = ethernet(IPV4, ipv4(new Uint8Array(20), { protocol: 6 }));
const discover = dhcpFrame();
const solicitation = ndpFrame(routerSolicitation());

describe('A capture file', () => {
  test('gives the frames that can hold a sighting, in order, with their times and link type', async () => {
    const { end, frames } = await read(saved(pcapBytes([arpFrame, tcpFrame, discover, solicitation])));
    expect(end).toEqual({ complete: true, frames: 3 });
    expect(frames.map(({ atMs }) => atMs - START_MS)).toEqual([0, 2_000, 3_000]);
    expect(frames.map(({ linkType }) => linkType)).toEqual(['ethernet', 'ethernet', 'ethernet']);
    expect(
      frames.map(({ frame }) => frame.equals(arpFrame) || frame.equals(discover) || frame.equals(solicitation)),
    ).toEqual([true, true, true]);
  });

  test('leaves out IPv6 when it is off', async () => {
    const { end } = await read(saved(pcapBytes([arpFrame, solicitation, discover])), false);
    expect(end).toEqual({ complete: true, frames: 2 });
  });

  test.each([
    ['little-endian', false, 'micro', false],
    ['big-endian', true, 'micro', false],
    ['little-endian', false, 'nano', true],
    ['big-endian', true, 'nano', true],
  ])('may be %s (%s) with %sseconds (%s)', async (_order, bigEndian, _unit, nanoseconds) => {
    const recorded = [
      { frame: arpFrame, atMs: START_MS + 123 },
      { frame: discover, atMs: START_MS + 999 },
    ];
    const { end, frames } = await read(saved(pcapBytes(recorded, { bigEndian, nanoseconds })));
    expect(end).toEqual({ complete: true, frames: 2 });
    expect(frames.map(({ atMs }) => atMs)).toEqual([START_MS + 123, START_MS + 999]);
    expect(frames[0]?.frame.equals(arpFrame)).toBe(true);
  });

  test('without frames is complete', async () => {
    expect((await read(saved(pcapBytes([])))).end).toEqual({ complete: true, frames: 0 });
  });

  test('may hold frames larger than the reading buffer, which are cut', async () => {
    const large = bytes(arpFrame, new Uint8Array(100_000));
    const { end, frames } = await read(saved(pcapBytes([large, discover])));
    expect(end).toEqual({ complete: true, frames: 2 });
    expect(frames.map(({ frame }) => frame.length)).toEqual([65_535, discover.length]);
  });

  test.each([
    [LINKTYPE.ethernet, 'ethernet', arpFrame],
    [LINKTYPE.sll, 'linux-sll', linuxSll(ARP, arp())],
    [LINKTYPE.sll2, 'linux-sll2', bytes('0806', new Array(18).fill(0), arp())],
    [LINKTYPE.null, 'null', bytes('02000000', discover.subarray(14))],
    [LINKTYPE.loop, 'null', bytes('00000002', discover.subarray(14))],
    [LINKTYPE.raw, 'raw', discover.subarray(14)],
    [LINKTYPE.ipv4, 'raw', discover.subarray(14)],
    [LINKTYPE.ipv6, 'raw', solicitation.subarray(14)],
  ])('may have link type %i', async (linkType, name, frame) => {
    const { end, frames } = await read(saved(pcapBytes([frame], { linkType })));
    expect(end).toEqual({ complete: true, frames: 1 });
    expect(frames[0]?.linkType).toBe(name);
  });
});

describe('pcapng', () => {
  test('is read, with several interfaces, in the order of the file', async () => {
    const one = saved(
      pcapBytes([
        { frame: arpFrame, atMs: START_MS + 1 },
        { frame: discover, atMs: START_MS + 4_003 },
      ]),
    );
    const two = saved(pcapBytes([{ frame: solicitation, atMs: START_MS + 2_002 }], { nanoseconds: true }));
    const merged = join(directory, 'merged.pcapng');
    execFileSync('mergecap', ['-F', 'pcapng', '-I', 'none', '-w', merged, one, two]);
    expect(execFileSync('capinfos', [merged]).toString()).toContain('Number of interfaces in file: 2');
    const { end, frames } = await read(merged);
    expect(end).toEqual({ complete: true, frames: 3 });
    expect(frames.map(({ atMs }) => atMs - START_MS)).toEqual([1, 2_002, 4_003]);
  });

  test('with interfaces of different link types ends where the second kind begins, and says so', async () => {
    const one = saved(pcapBytes([arpFrame]));
    const two = saved(pcapBytes([linuxSll(ARP, arp())], { linkType: LINKTYPE.sll }));
    const merged = join(directory, 'mixed.pcapng');
    execFileSync('mergecap', ['-F', 'pcapng', '-w', merged, one, two]);
    expect(await reasonFor(merged)).toBe(
      `${merged} is cut off or corrupt at frame 1; everything before it was read. ` +
        'Or an interface of another link type or snap length begins there, which libpcap does not read',
    );
  });

  test('cut anywhere gives what came before, or says that its header is cut', async () => {
    const whole = saved(pcapBytes([arpFrame, discover, arpFrame]));
    const ng = join(directory, 'whole.pcapng');
    execFileSync('editcap', ['-F', 'pcapng', whole, ng]);
    const content = readFileSync(ng);
    const outcomes = new Set<string>();
    for (let length = 4; length < content.length; length += 3) {
      const { end } = await read(saved(content.subarray(0, length), 'pcapng'));
      const kind = end.complete
        ? 'complete'
        : end.reason
            .replace(/^\S+ /, '')
            .replace(/[(;].*/, '')
            .trim();
      outcomes.add(`${kind}, ${end.frames} read`);
    }
    expect([...outcomes].sort()).toEqual([
      'is cut off or corrupt at frame 1, 0 read',
      'is cut off or corrupt at frame 2, 1 read',
      'is cut off or corrupt at frame 3, 2 read',
      'is cut off or corrupt in its file header, 0 read',
    ]);
  });
});

describe('A damaged file', () => {
  const frames = [tcpFrame, arpFrame, tcpFrame, discover, arpFrame];
  const content = pcapBytes(frames);
  /** Where each record starts, and where the file ends. */
  const starts = [24];
  for (const frame of frames) starts.push((starts.at(-1) ?? 0) + 16 + frame.length);

  test('cut at any octet gives every whole frame before the cut and names the broken one, counted among all frames', async () => {
    for (let length = 24; length < content.length; length += 1) {
      const whole = starts.filter((start) => start <= length).length - 1;
      const ours = frames.slice(0, whole).filter((frame) => frame !== tcpFrame).length;
      const path = join(directory, 'cut.pcap');
      writeFileSync(path, content.subarray(0, length));
      const { end } = await read(path);
      if (starts.includes(length)) expect(end).toEqual({ complete: true, frames: ours });
      else {
        expect(end).toMatchObject({ complete: false, frames: ours });
        expect(end).toHaveProperty(
          'reason',
          `${path} is cut off or corrupt at frame ${whole + 1}; everything before it was read`,
        );
      }
    }
  });

  test('cut inside the file header is told apart from something that is no capture', async () => {
    for (const length of [4, 12, 23]) {
      const path = saved(content.subarray(0, length));
      expect(await reasonFor(path)).toMatch(`${path} is cut off or corrupt in its file header (truncated dump file`);
    }
    const tiny = saved(content.subarray(0, 3));
    expect(await reasonFor(tiny)).toMatch(`${tiny} is not a pcap or pcapng capture`);
  });

  test('with an impossible record length ends there', async () => {
    const corrupt = Buffer.from(content);
    corrupt.writeUInt32LE(0x7fffffff, (starts[3] ?? 0) + 8);
    const path = saved(corrupt);
    const { end } = await read(path);
    expect(end).toMatchObject({ complete: false, frames: 1 });
    expect(end).toHaveProperty('reason', expect.stringContaining('at frame 4;'));
  });

  test('of an archaic version is refused in libpcap’s words', async () => {
    const archaic = Buffer.from(content);
    archaic.writeUInt16LE(1, 4);
    expect(await reasonFor(saved(archaic))).toContain('archaic pcap savefile format');
  });
});

describe('What is not a capture', () => {
  test('is named for what it is', async () => {
    const missing = join(directory, 'missing.pcap');
    expect(await reasonFor(missing)).toBe(`${missing}: no such file`);
    const below = join(saved(arpFrame), 'x.pcap');
    expect(await reasonFor(below)).toBe(`${below}: no such file`);
    expect(await reasonFor(directory)).toBe(`${directory} is a directory, not a capture file`);
    expect(await reasonFor('/dev/null')).toBe('/dev/null is not a regular file. Save the capture to a file first');
    const empty = saved(new Uint8Array(0));
    expect(await reasonFor(empty)).toBe(`${empty} is empty`);
    const text = saved(Buffer.from('Frame 1: 42 bytes on wire'));
    expect(await reasonFor(text)).toMatch(
      /is not a pcap or pcapng capture\. If Wireshark can open it, convert it with: editcap /,
    );
    const endless = 'x'.repeat(5_000);
    expect(await reasonFor(endless)).toBe(`${endless} cannot be read (ENAMETOOLONG)`);
  });

  test('"-" is a file name, not standard input', async () => {
    expect(await reasonFor('-')).toBe('-: no such file');
  });

  test('compressed captures are to be decompressed first', async () => {
    const gz = saved(gzipSync(pcapBytes([arpFrame])), 'pcap.gz');
    expect(await reasonFor(gz)).toBe(`${gz} is compressed with gzip. Decompress it first (gunzip)`);
    const zst = saved(bytes('28b52ffd 00000000'), 'pcap.zst');
    expect(await reasonFor(zst)).toBe(`${zst} is compressed with zstd. Decompress it first (unzstd)`);
  });

  test('a file that may not be read is a matter of permission', async () => {
    const path = saved(pcapBytes([arpFrame]));
    execFileSync('chmod', ['711', directory]);
    execFileSync('chmod', ['600', path]);
    process.seteuid?.(65_534);
    try {
      expect(await reasonFor(path)).toBe(`${path}: permission denied. Make it readable for the user running this`);
    } finally {
      process.seteuid?.(0);
    }
  });

  test('unsupported link types are named, with what to record instead', async () => {
    const refused = (linkType: number) => reasonFor(saved(pcapBytes([arpFrame], { linkType })));
    expect(await refused(127)).toMatch(/: unsupported link type IEEE802_11_RADIO\. Monitor mode records radio frames/);
    expect(await refused(105)).toMatch(/: unsupported link type IEEE802_11\. Monitor mode/);
    expect(await refused(239)).toMatch(/: unsupported link type NFLOG\. Record the network interface itself/);
    expect(await refused(147)).toMatch(/: unsupported link type 147\. Record the network interface itself/);
  });
});

describe('An error thrown by the receiver of frames', () => {
  test('stops the reading at that frame and comes out as it was', async () => {
    const path = saved(pcapBytes([arpFrame, discover, arpFrame]));
    const boom = new Error('boom');
    let frames = 0;
    const reading = readCaptureFile(path, { ipv6: true }, () => {
      frames += 1;
      if (frames === 2) throw boom;
    });
    await expect(reading).rejects.toBe(boom);
    expect(frames).toBe(2);
  });
});

test('reading leaves no file descriptor open, whichever way it ends', async () => {
  const whole = saved(pcapBytes([arpFrame, discover]));
  const cut = saved(pcapBytes([arpFrame, discover]).subarray(0, 100));
  const foreign = saved(pcapBytes([arpFrame], { linkType: 147 }));
  const subdirectory = join(directory, 'sub');
  mkdirSync(subdirectory);
  const open = () => readdirSync('/proc/self/fd').length;
  await read(whole);
  const before = open();
  for (let i = 0; i < 50; i++) {
    for (const path of [whole, cut, foreign, subdirectory]) await read(path);
    await readCaptureFile(whole, { ipv6: true }, () => {
      throw new Error('boom');
    }).catch(() => {});
  }
  expect(open()).toBe(before);
});
