// An independent opinion: tshark dissects the same frames, the design's rules are applied to its fields, and both must name
// the same MAC and host name for each frame.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { formatMac, isDeviceMac, parseMac } from '../../src/addresses/mac-address.js';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { HOSTNAME_LENGTH, safeText } from '../../src/decode/text.js';
import { NUMBER_OF, pcapBytes } from '../capture/pcap-bytes.js';
import { captures } from './captured.js';
import { corpus } from './corpus.js';

/** What a frame proves: `3c:22:fb:00:00:01 laptop`, `3c:22:fb:00:00:01`, or nothing. */
type Opinion = string;
const NOTHING: Opinion = '';

function opinion(mac: string, hostname: string | null): Opinion {
  return hostname === null ? mac : `${mac} ${hostname}`;
}

/** tshark shows each octet that is not ASCII as U+FFFD. */
function asTshark(hostname: string | null): string | null {
  return (
    hostname &&
    Buffer.from(hostname)
      .toString('latin1')
      .replace(/[\x80-\xff]/g, '\ufffd')
  );
}

const FIELDS = [
  'frame.number',
  'eth.src',
  'sll.src.eth',
  'arp.hw.type',
  'arp.proto.type',
  'arp.opcode',
  'arp.src.hw_mac',
  'icmp.type',
  'ip.src',
  'dhcp.type',
  'dhcp.hw.type',
  'dhcp.hw.len',
  'dhcp.hw.mac_addr',
  'dhcp.option.dhcp',
  'dhcp.option.hostname',
  'dhcp.fqdn.name',
  'ipv6.src',
  'ipv6.hlim',
  'icmpv6.type',
  'icmpv6.code',
  'icmpv6.opt.type',
  'icmpv6.opt.linkaddr',
  'dhcpv6.msgtype',
  'dhcpv6.duidll.link_layer_addr',
  'dhcpv6.duidllt.link_layer_addr',
  'dhcpv6.client_domain',
] as const;
type Row = Record<(typeof FIELDS)[number], string[]>;

/** tshark's opinion by frame number, from 1. */
function tsharkOpinions(path: string): Map<number, Opinion> {
  // Fragments are looked at one by one, as our decoder does.
  const preferences = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE', '-n'];
  const output = [
    '-T',
    'fields',
    '-E',
    'separator=/t',
    '-E',
    'aggregator=|',
    ...FIELDS.flatMap((field) => ['-e', field]),
  ];
  const { stdout, error } = spawnSync('tshark', ['-r', path, ...preferences, ...output], { maxBuffer: 2 ** 30 });
  if (error) throw error;
  const opinions = new Map<number, Opinion>();
  for (const line of stdout.toString().split('\n').filter(Boolean)) {
    const values = line.split('\t');
    const row = Object.fromEntries(
      FIELDS.map((field, i) => [field, (values[i] ?? '').split('|').filter(Boolean)]),
    ) as Row;
    opinions.set(Number(row['frame.number'][0]), byTheRules(row));
  }
  return opinions;
}

function byTheRules(row: Row): Opinion {
  const [linkSource = ''] = [...row['eth.src'], ...row['sll.src.eth']];
  // An ICMP error quotes somebody else's packet, and tshark dissects the quotation too.
  if (row['icmp.type'].length > 0) return NOTHING;
  if (row['arp.opcode'].length > 0) {
    const isEthernet = row['arp.hw.type'][0] === '1' && row['arp.proto.type'][0] === '0x0800';
    return isEthernet && ['1', '2'].includes(row['arp.opcode'][0] ?? '') ? device(row['arp.src.hw_mac'][0]) : NOTHING;
  }
  if (row['dhcp.type'].length > 0) return dhcpByTheRules(row);
  if (row['icmpv6.type'].length > 0) return ndpByTheRules(row, linkSource);
  if (row['dhcpv6.msgtype'].length > 0) return dhcpv6ByTheRules(row, linkSource);
  return NOTHING;
}

function device(mac: string | undefined, hostname: string | null = null): Opinion {
  const number = mac === undefined ? null : parseMac(mac);
  return number !== null && isDeviceMac(number) ? opinion(formatMac(number), hostname) : NOTHING;
}

function dhcpByTheRules(row: Row): Opinion {
  const counted = row['dhcp.type'][0] === '1' ? ['', '1', '3', '4', '8'] : ['5'];
  if (!counted.includes(row['dhcp.option.dhcp'].join(''))) return NOTHING;
  if (!/^(0\.0\.0\.0$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(row['ip.src'][0] ?? '')) return NOTHING;
  if (!['0x01', '0x06'].includes(row['dhcp.hw.type'][0] ?? '') || row['dhcp.hw.len'][0] !== '6') return NOTHING;
  const name = row['dhcp.option.hostname'].join('') || row['dhcp.fqdn.name'].join('') || null;
  return device(row['dhcp.hw.mac_addr'][0], name);
}

function ndpByTheRules(row: Row, linkSource: string): Opinion {
  const type = row['icmpv6.type'][0] ?? '';
  if (!['133', '135', '136'].includes(type) || row['ipv6.hlim'][0] !== '255' || row['icmpv6.code'][0] !== '0')
    return NOTHING;
  const linkAddresses = row['icmpv6.opt.type'].filter((option) => option === '1' || option === '2');
  const at = linkAddresses.indexOf(type === '136' ? '2' : '1');
  return device(at === -1 ? linkSource : row['icmpv6.opt.linkaddr'][at]);
}

function dhcpv6ByTheRules(row: Row, linkSource: string): Opinion {
  const types = row['dhcpv6.msgtype'];
  if (!['1', '3', '4', '5', '6', '9', '11'].includes(types.at(-1) ?? '')) return NOTHING;
  if (!/^(fe[89ab]|f[cd])/.test(row['ipv6.src'][0] ?? '')) return NOTHING;
  const isDirect = types.length === 1 && /^fe[89ab]/.test(row['ipv6.src'][0] ?? '') && linkSource !== '';
  const [inDuid] = [...row['dhcpv6.duidll.link_layer_addr'], ...row['dhcpv6.duidllt.link_layer_addr']];
  // tshark shows the root label as a final dot here (not in DHCPv4); we never do.
  const name = row['dhcpv6.client_domain'][0]?.replace(/\.$/, '') ?? null;
  return device(isDirect ? linkSource : inDuid, name);
}

const sighting = new Sighting();
const announcement = new Announcement();

function ourOpinion(frame: Uint8Array, length: number, linkType: LinkType): Opinion {
  if (decodeFrame(frame, length, linkType, sighting, announcement) !== 'sighting') return NOTHING;
  return opinion(formatMac(sighting.mac), asTshark(safeText(sighting.hostname, HOSTNAME_LENGTH)));
}

const directory = mkdtempSync(join(tmpdir(), 'tshark-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Difference {
  ours: Opinion;
  tsharks: Opinion;
  reason: string;
}

/** Where the two may differ, and who is right. */
const DIFFERENCES: Record<string, Difference> = {
  'DHCPv6 through a relay that notes the MAC': {
    ours: '3c:22:fb:00:00:02 laptop',
    tsharks: '3c:22:fb:00:00:01 laptop',
    reason:
      'tshark 4.0 does not dissect the client link-layer address option (RFC 6939), which says better than the DUID',
  },
};

// An empty list would let the tests below pass for want of anything to compare.
test('there are recorded captures to compare', () => {
  expect(captures.length).toBeGreaterThan(10);
});

describe('On hand-built frames, tshark and the decoder name the same device and host', () => {
  test.each(['ethernet', 'linux-sll', 'linux-sll2', 'null', 'raw'] as const)('%s', (linkType) => {
    const seeds = corpus.filter((seed) => seed.linkType === linkType);
    const path = join(directory, `${linkType}.pcap`);
    writeFileSync(
      path,
      pcapBytes(
        seeds.map(({ frame }) => frame),
        { linkType: NUMBER_OF[linkType] },
      ),
    );
    const theirs = tsharkOpinions(path);
    expect(theirs.size).toBe(seeds.length);
    for (const [i, { name, frame }] of seeds.entries()) {
      const found = { name, ours: ourOpinion(frame, frame.length, linkType), tsharks: theirs.get(i + 1) };
      const expected = DIFFERENCES[name] ?? { ours: found.ours, tsharks: found.ours };
      expect(found).toEqual({ name, ours: expected.ours, tsharks: expected.tsharks });
    }
    expect(seeds.filter(({ frame }) => ourOpinion(frame, frame.length, linkType) !== NOTHING).length).toBeGreaterThan(
      1,
    );
  });
});

describe('On recorded captures, tshark and the decoder name the same devices and hosts', () => {
  test.each(captures)('%s', async (capture) => {
    const ours: Opinion[] = [];
    await readCaptureFile(capture, { ipv6: true }, (frame, length, _atMs, linkType) => {
      ours.push(ourOpinion(frame, length, linkType));
    });
    const theirs = [...tsharkOpinions(capture).values()];
    const counted = (opinions: Opinion[]) => {
      const counts = new Map<Opinion, number>();
      for (const each of opinions) if (each !== NOTHING) counts.set(each, (counts.get(each) ?? 0) + 1);
      return [...counts].sort();
    };
    expect(counted(ours)).toEqual(counted(theirs));
  });
});
