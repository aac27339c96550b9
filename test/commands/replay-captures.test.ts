// The recorded captures, replayed: the visits that are really in them, as tshark and scripts/recording tell, and no others.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isGenericName } from '../../src/visits/generic-name.js';
import { cli } from './cli.js';

const captures = `${new URL('../captures', import.meta.url).pathname}`;

interface Line {
  readonly type: string;
  readonly mac: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly sightings: number;
  readonly decision: string;
  readonly reason: string;
  readonly hostname: string | null;
  readonly randomised: boolean;
  readonly vlan: number | null;
  readonly seconds: number;
}

/** The lists of visits beside the captures are for this gap. */
const SETTINGS = { VISIT_GAP: '15m', CAPTURE_KEEP_ALIVES: 'false' };

async function replayed(name: string, ...options: string[]): Promise<{ visits: Line[]; summary: Line }> {
  const { stdout, stderr, code } = await cli(['replay', '--json', ...options, `${captures}/${name}`], SETTINGS);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const lines = stdout.split('\n').map((line): Line => JSON.parse(line));
  const summary = lines.pop();
  if (summary === undefined) throw new Error('nothing was printed');
  return { visits: lines, summary };
}

function expectedVisits(name: string): { mac: string; start: string; end: string; sightings: number }[] {
  const [, ...rows] = readFileSync(`${captures}/${name}`, 'utf8').trim().split('\n');
  return rows.map((row) => {
    const [mac = '', start = '', end = '', sightings] = row.split(',');
    return { mac, start, end, sightings: Number(sightings) };
  });
}

/** Whole seconds, as the lists have them. */
const second = (iso: string) => `${iso.slice(0, 19)}Z`;

test('three days of frames are replayed into exactly the real visits, by event time', async () => {
  const { visits } = await replayed('three-days.pcap');
  const found = visits.map(({ mac, firstSeen, lastSeen, sightings }) => ({
    mac,
    start: second(firstSeen),
    end: second(lastSeen),
    sightings,
  }));
  const order = (a: { mac: string; start: string }, b: { mac: string; start: string }) =>
    a.start + a.mac < b.start + b.mac ? -1 : 1;
  expect(found.sort(order)).toEqual(expectedVisits('three-days-visits.csv').sort(order));
});

test('the morning has each of its visits to the minute, and nobody else', async () => {
  const { visits } = await replayed('morning.pcap');
  const minutes = (start: string, end: string) => `${start.slice(0, 16)} ${end.slice(0, 16)}`;
  const found = visits.map(({ mac, firstSeen, lastSeen }) => `${mac} ${minutes(firstSeen, lastSeen)}`);
  const expected = expectedVisits('morning-visits.csv').map(({ mac, start, end }) => `${mac} ${minutes(start, end)}`);
  expect(found.sort()).toEqual(expected.sort());
});

test('keep-alives hold a visit together that sightings alone tear apart, and change no other one', async () => {
  const { visits } = await replayed('morning.pcap');
  const { stdout } = await cli(['replay', '--json', `${captures}/morning.pcap`], { VISIT_GAP: SETTINGS.VISIT_GAP });
  const kept = stdout
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line));
  const startsOf = (all: readonly Line[], mac: string) =>
    all.filter((visit) => visit.mac === mac).map(({ firstSeen }) => firstSeen.slice(11, 16));
  expect(startsOf(visits, 'f0:18:98:5c:e2:31')).toEqual(['08:34', '11:07']);
  expect(startsOf(kept, 'f0:18:98:5c:e2:31')).toEqual(['08:34']);
  for (const { mac } of visits)
    if (mac !== 'f0:18:98:5c:e2:31') expect(startsOf(kept, mac), mac).toEqual(startsOf(visits, mac));
});

test('in the morning, whoever has a private address gives no name of a person', async () => {
  const { visits } = await replayed('morning.pcap');
  const hidden = visits.filter(({ randomised }) => randomised);
  expect(hidden.length).toBeGreaterThan(5);
  for (const { hostname } of hidden) expect(hostname === null || isGenericName(hostname), hostname ?? '').toBe(true);
});

test('in the morning the router is never a visitor, and who is registered is recognised at each visit', async () => {
  const { visits } = await replayed('morning.pcap', '--known', `${captures}/morning-known.csv`);
  expect(visits.filter(({ mac }) => mac === '18:fd:74:20:00:01')).toMatchObject([{ decision: 'ignored' }]);
  const known = readFileSync(`${captures}/morning-known.csv`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.slice(0, 17));
  for (const visit of visits) {
    if (visit.mac === '18:fd:74:20:00:01') continue;
    expect(visit.decision, visit.mac).toBe(known.includes(visit.mac) ? 'recognised' : 'unrecognised');
  }
});

test.each([
  'udhcpc-join.pcap',
  'udhcpc-join-nanoseconds.pcap',
  'udhcpc-join-big-endian.pcap',
  'udhcpc-join.pcapng',
  'cooked-v1.pcap',
  'cooked-v2.pcap',
])('%s shows the device that joins, with the name it gives', async (name) => {
  const { visits } = await replayed(name);
  expect(visits.filter(({ decision }) => decision === 'unrecognised')).toMatchObject([
    { mac: '3c:22:fb:4a:11:02', hostname: 'Annas-MacBook-Pro' },
  ]);
});

test.each([
  ['vlan-join.pcap', 20],
  ['qinq-join.pcap', 100],
])('%s shows the VLAN of the device: %i', async (name, vlan) => {
  const { visits } = await replayed(name);
  expect(visits.filter(({ decision }) => decision === 'unrecognised')).toMatchObject([
    { mac: '3c:22:fb:4a:11:02', vlan },
  ]);
});

test('both interfaces of one pcapng file are seen', async () => {
  const { visits } = await replayed('two-interfaces.pcapng');
  const macs = visits.map(({ mac }) => mac);
  expect(macs).toEqual(expect.arrayContaining(['3c:22:fb:4a:11:02', '3c:58:c2:91:5e:10']));
});

test('a device that joins by IPv6 is seen; without IPv6 it is not', async () => {
  const { visits } = await replayed('ipv6-join.pcap');
  expect(visits.map(({ mac }) => mac)).toContain('3c:58:c2:91:5e:10');
  const { stdout } = await cli(['replay', '--json', `${captures}/ipv6-join.pcap`], { CAPTURE_IPV6: 'false' });
  expect(stdout.split('\n')).toHaveLength(1);
});

test('a device behind a DHCP relay is told by its chaddr, and the relay is no visitor', async () => {
  const { visits } = await replayed('relay.pcap');
  const macs = visits.filter(({ decision }) => decision === 'unrecognised').map(({ mac }) => mac);
  expect(macs).toEqual(['3c:22:fb:4a:11:02']);
});

test('what the README says to record holds all that a replay needs, keep-alives too', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const filter = /`tcpdump -i any -w morning\.pcap '([^']+)'`/.exec(readme)?.[1] ?? '';
  const morning = `${captures}/morning.pcap`;
  const recorded = execFileSync('tcpdump', ['-r', morning, '-w', '-', filter], { stdio: ['ignore', 'pipe', 'ignore'] });
  const directory = mkdtempSync(join(tmpdir(), 'nwm-recorded-'));
  try {
    const file = join(directory, 'morning.pcap');
    writeFileSync(file, recorded);
    const [whole, part] = await Promise.all([morning, file].map((path) => cli(['replay', '--json', path])));
    const visits = (stdout = '') => stdout.split('\n').filter((line) => line.startsWith('{"type":"visit"'));
    expect(visits(whole?.stdout).some((line) => !line.includes('"keepAlives":0'))).toBe(true);
    expect(visits(part?.stdout)).toEqual(visits(whole?.stdout));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
