// What a person sees: the table at several widths, colour and progress on a terminal, the story of one device.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pcapBytes, START_MS } from '../capture/pcap-bytes.js';
import { ARP, arp, ascii, DISCOVER, dhcpFrame, ethernet, IPV4, ipv4, option } from '../decode/frames.js';
import { RunningProcess } from '../run-process.js';
import { cli } from './cli.js';

const top = new URL('../..', import.meta.url).pathname;
const morning = `${top}test/captures/morning.pcap`;
const known = `${top}test/captures/morning-known.csv`;
const directory = mkdtempSync(join(tmpdir(), 'nwm-terminal-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the command on a pseudo-terminal; answers what it wrote there. */
async function onTerminal(command: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const script = new RunningProcess('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { TERM: 'xterm', NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
  });
  await script.exit();
  return script.stdout.join('\n');
}

const wifiMonitor = `node ${top}dist/src/cli.js`;

test.each([60, 80, 140])('the table and the sentence fit %i columns', async (columns) => {
  const { stdout } = await cli(['replay', '--known', known, morning], { COLUMNS: `${columns}` });
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
  // How long it took differs each time.
  expect(stdout.replace(/in\s[\d.]+\ss\./, 'in TIME s.')).toMatchSnapshot();
});

test("README shows what the demo's replay prints", async () => {
  const env = { IGNORE_VENDORS: 'Ubiquiti*,HP Inc*,Sonos*' };
  const { stdout } = await cli(['replay', '--known', known, morning], { ...env, COLUMNS: '130' });
  const plain = (text: string) => text.replaceAll(/ +/g, ' ').replace(/ in [\d.]+ s\..*/, '');
  const printed = stdout.split('\n').map(plain);
  const shown = readFileSync(join(top, 'README.md'), 'utf8').match(/^(FROM|03-02|\d+ visits: ).*$/gm);
  expect(shown).toHaveLength(5);
  for (const line of shown ?? []) expect(printed).toContain(plain(line));
});

test('output that goes elsewhere is neither cut nor coloured', async () => {
  const { stdout } = await cli(['replay', '--known', known, morning]);
  expect(stdout).toContain('LCFC(Hefei) Electronics Technology co., ltd');
  expect(stdout).not.toContain('\u001b');
});

test('a terminal gets colours, and NO_COLOR takes them away', async () => {
  const command = `${wifiMonitor} replay --known ${known} ${morning}`;
  const coloured = await onTerminal(command);
  const linesIn = (colour: number) => coloured.split('\n').filter((line) => line.startsWith(`\u001b[${colour}m03-02`));
  expect(linesIn(33).length).toBeGreaterThan(5);
  expect(linesIn(32).length).toBeGreaterThan(5);
  expect(await onTerminal(command, { NO_COLOR: '1' })).not.toContain('\u001b[3');
});

test('a long file shows how far it is read, and the bar is gone at the end', async () => {
  const path = join(directory, 'long.pcap');
  const noise = ethernet(ARP, arp());
  const block = pcapBytes(Array.from({ length: 50_000 }, (_, index) => ({ frame: noise, atMs: START_MS + index })));
  writeFileSync(path, block);
  for (let more = 0; more < 99; more++) appendFileSync(path, block.subarray(24));
  const shown = await onTerminal(`${wifiMonitor} replay ${path}`);
  expect(shown).toMatch(/\[#*\.*\] \d+ % {2}[\d.]+ of 290\.0 MB/);
  // The terminal's line discipline and readline make line ends of the carriage returns.
  expect(shown).toMatch(/\n\S*\[K\S*FROM/u);
  expect(shown).toContain('5000000 frames');
});

test('--only shows what is asked for and counts all', async () => {
  const { stdout } = await cli(['replay', '--json', '--only', 'recognised', '--known', known, morning]);
  const lines = stdout.split('\n').map((line) => JSON.parse(line));
  expect(lines.slice(0, -1).every(({ decision }) => decision === 'recognised')).toBe(true);
  expect(lines.at(-1)).toMatchObject({ visits: 25, recognised: 8 });
  expect(lines).toHaveLength(9);
});

test('--since and --until cut the time out of the capture', async () => {
  const { stdout } = await cli([
    'replay',
    '--json',
    '--since',
    '2026-03-02T10:00Z',
    '--until',
    '2026-03-02T11:00:00+00:00',
    morning,
  ]);
  const visits = stdout
    .split('\n')
    .map((line) => JSON.parse(line))
    .slice(0, -1);
  expect(visits.length).toBeGreaterThan(10);
  for (const { firstSeen, lastSeen } of visits) {
    expect(firstSeen >= '2026-03-02T10:00').toBe(true);
    expect(lastSeen < '2026-03-02T11:00').toBe(true);
  }
});

test('several files are read in the order of time, whatever order they are given in; patterns are expanded', async () => {
  const frame = (mac: string) => ethernet(ARP, arp({ sha: mac }), { source: mac });
  writeFileSync(
    join(directory, 'day-a.pcap'),
    pcapBytes([{ frame: frame('3c:22:fb:00:00:02'), atMs: START_MS + 5_000 }]),
  );
  writeFileSync(join(directory, 'day-b.pcap'), pcapBytes([{ frame: frame('3c:22:fb:00:00:02'), atMs: START_MS }]));
  const { stdout } = await cli(['replay', '--json', join(directory, 'day-?.pcap')]);
  const [visit, summary] = stdout.split('\n').map((line) => JSON.parse(line));
  expect(visit).toMatchObject({ firstSeen: new Date(START_MS).toISOString(), sightings: 2 });
  expect(summary.files).toEqual([join(directory, 'day-b.pcap'), join(directory, 'day-a.pcap')]);
});

test('a pattern that fits nothing is named as it was written', async () => {
  const { stderr, code } = await cli(['replay', join(directory, 'nothing-*.pcap')]);
  expect(code).toBe(1);
  expect(stderr).toContain('nothing-*.pcap');
});

test('--explain tells each sighting, the burst, what decided, and what would be posted', async () => {
  const mac = '3c:22:fb:00:00:01';
  const path = join(directory, 'story.pcap');
  const at = (seconds: number, frame: Uint8Array) => ({ frame, atMs: START_MS + seconds * 1_000 });
  const discover = dhcpFrame(
    { type: DISCOVER, chaddr: mac, options: [option(12, ascii('bens-laptop'))] },
    { source: mac },
  );
  const announce = ethernet(ARP, arp({ sha: mac, spa: '192.168.1.23' }), { source: mac });
  const other = ethernet(IPV4, ipv4(new Uint8Array(8)), { source: mac });
  writeFileSync(
    path,
    pcapBytes([at(0, discover), at(1, announce), at(2, other), at(60, announce), at(3_600, announce)]),
  );
  const { stdout, code } = await cli(['replay', '--explain', mac, path], {
    NEXUDUS_BUSINESS_ID: '77',
    REPORT_AGAIN_AFTER: '0s',
  });
  expect(code).toBe(0);
  expect(stdout).toMatchSnapshot();
  const absent = await cli(['replay', '--explain', '3c:22:fb:00:00:99', path]);
  expect(absent.stdout).toBe('3c:22:fb:00:00:99, Apple, Inc.: not seen');
});

test.each([
  [['replay', '--explain', 'printer', morning], /Write a MAC address such as/],
  [['replay', '--since', 'yesterday', morning], /Write a time such as/],
  [['replay', '--only', 'nobody', morning], /Allowed choices are unrecognised, recognised, ignored/],
  [['replay', '--unti', '2026-01-01', morning], /Did you mean --until\?/],
  [['replya', morning], /Did you mean replay\?/],
])('%j is refused with what would be right', async (args, message) => {
  const { stderr, code } = await cli(args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test('--help has examples, and every command has a help of its own', async () => {
  const { stdout, code } = await cli(['replay', '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:\n +wifi-monitor replay morning\.pcap/);
  for (const command of ['monitor', 'devices', 'outbox', 'doctor', 'setup', 'interfaces', 'health']) {
    expect((await cli([command, '--help'])).code, command).toBe(0);
  }
});
