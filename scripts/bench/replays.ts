// Whole processes: the replay, and public tools that read the same file.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DHCP_ONLY, DISCOVERY_2000, DISCOVERY_50000, discoveryOf, fileOf, type Input, MIXED } from './inputs.js';
import { type Cost, interleaved } from './measured-run.js';
import { heading, megabytes, note, seconds, table, times } from './report.js';

const cli = new URL('../../src/cli.js', import.meta.url).pathname;

/** The frames that a sighting can come from, for tools that take a filter of tcpdump's kind. */
const FILTER =
  'arp or (udp and (port 67 or port 68 or port 546 or port 547)) or (icmp6 and ip6[40] >= 133 and ip6[40] <= 136)';
const TSHARK_FILTER = 'arp || dhcp || dhcpv6 || (icmpv6.type >= 133 && icmpv6.type <= 136)';
const TSHARK_FIELDS = ['frame.time_epoch', 'eth.src', 'arp.src.hw_mac', 'dhcp.hw.mac_addr', 'dhcp.option.hostname'];

/** scapy takes some 100 us a frame: it gets a shorter file, and its time is scaled. */
const SCAPY_FRAMES = 20_000;
const SCAPY = `
import sys
from scapy.all import PcapReader, Ether, ARP, BOOTP
seen = {}
for frame in PcapReader(sys.argv[1]):
    if ARP in frame: seen[frame[ARP].hwsrc] = frame.time
    elif BOOTP in frame: seen[frame[BOOTP].chaddr[:6]] = frame.time
    elif Ether in frame: seen[frame[Ether].src] = frame.time
print(len(seen))
`;

const SLOW_ROUNDS = 1;

export function ourReplay(file: string): readonly string[] {
  return ['node', cli, 'replay', '--json', file];
}

function has(command: string): boolean {
  return (process.env.PATH ?? '')
    .concat(':/usr/sbin:/sbin')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, command)));
}

/** In a network namespace without a network: arpwatch asks the DNS for each device, and would wait for answers. */
function arpwatch(file: string, directory: string): readonly string[] {
  const database = join(directory, 'arp.dat');
  writeFileSync(database, '');
  return ['unshare', '--net', '/usr/sbin/arpwatch', '-d', '-r', file, '-f', database];
}

async function compare(input: Input, rounds: number, directory: string): Promise<Map<string, Cost>> {
  const file = await fileOf(input);
  const fast = new Map<string, readonly string[]>([
    ['tcpdump', ['tcpdump', '-r', file, '-w', '/dev/null', FILTER]],
    ['wifi-monitor replay', ourReplay(file)],
  ]);
  const slow = new Map<string, readonly string[]>();
  if (has('arpwatch')) slow.set('arpwatch (ARP only)', arpwatch(file, directory));
  if (has('tshark')) {
    slow.set('tshark', [
      'tshark',
      '-n',
      // All TCP segments of our inputs are the same, which its analysis would take minutes for.
      '-o',
      'tcp.analyze_sequence_numbers:FALSE',
      '-r',
      file,
      '-Y',
      TSHARK_FILTER,
      '-T',
      'fields',
      ...TSHARK_FIELDS.flatMap((field) => ['-e', field]),
    ]);
  }
  const costs = await interleaved(fast, rounds);
  for (const [name, cost] of await interleaved(slow, SLOW_ROUNDS)) costs.set(name, cost);
  if (existsSync('/usr/lib/python3/dist-packages/scapy')) {
    const short = await fileOf({ ...input, name: `${input.name}-short`, frames: SCAPY_FRAMES });
    const cost = (await interleaved(new Map([['scapy', ['/usr/bin/python3', '-c', SCAPY, short]]]), SLOW_ROUNDS)).get(
      'scapy',
    );
    const factor = input.frames / SCAPY_FRAMES;
    if (cost !== undefined) {
      costs.set(`scapy (${SCAPY_FRAMES} frames, time x ${factor})`, {
        ...cost,
        wallMs: cost.wallMs * factor,
        cpuMs: cost.cpuMs * factor,
      });
    }
  }
  return costs;
}

/** Prints a table for each input. */
export async function replays(rounds: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-bench-'));
  for (const input of [MIXED, DISCOVERY_2000, DISCOVERY_50000, DHCP_ONLY]) {
    heading(`Replay: ${input.name}, ${input.frames} frames, ${input.devices} devices`);
    const costs = await compare(input, rounds, directory);
    const floor = costs.get('tcpdump');
    if (floor === undefined) continue;
    table(
      ['', 'wall', 'CPU', 'frames/s (CPU)', 'peak', 'wall/tcpdump', 'CPU/tcpdump'],
      [...costs].map(([name, { wallMs, cpuMs, peakMb }]) => [
        name,
        seconds(wallMs),
        seconds(cpuMs),
        Math.round(input.frames / (cpuMs / 1_000)).toLocaleString('en'),
        megabytes(peakMb),
        times(wallMs / floor.wallMs),
        times(cpuMs / floor.cpuMs),
      ]),
    );
  }
  note(`medians of ${rounds} interleaved rounds; arpwatch, tshark and scapy ran once`);
  rmSync(directory, { recursive: true });
}

/** How time and memory grow with frames and with devices. */
export async function replayCurves(rounds: number): Promise<void> {
  heading('Cost curves of a replay of discovery frames');
  const inputs = [
    ...[250_000, 500_000, 1_000_000, 2_000_000].map((frames) => discoveryOf(2_000, frames)),
    ...[500, 10_000, 50_000].map((devices) => discoveryOf(devices, 1_000_000)),
  ];
  const commands = new Map<string, readonly string[]>();
  for (const input of inputs) commands.set(input.name, ourReplay(await fileOf(input)));
  const costs = await interleaved(commands, rounds);
  table(
    ['frames', 'devices', 'CPU', 'CPU a frame', 'peak'],
    inputs.map(({ name, frames, devices }) => {
      const { cpuMs = Number.NaN, peakMb = Number.NaN } = costs.get(name) ?? {};
      return [
        `${frames}`,
        `${devices}`,
        seconds(cpuMs),
        `${((cpuMs * 1e6) / frames).toFixed(0)} ns`,
        megabytes(peakMb),
      ];
    }),
  );
}
