// How well presence is told: days with a known truth go through `wifi-monitor replay`, and its visits are held against it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { LINKTYPE } from '../../test/capture/pcap-bytes.js';
import { writePcap } from '../recording/pcap-file.js';
import { type CrowdName, type DayFrame, heardAt, type Place, type PresenceDay, presenceDay } from './presence-day.js';
import {
  type Counts,
  countDay,
  figuresOf,
  type Goals,
  NOTHING,
  type SeenVisit,
  sum,
  unmet,
} from './presence-figures.js';
import { withProbing } from './presence-probing.js';
import { ourReplay } from './replays.js';
import { heading, note, table } from './report.js';

const DEVICES = 48;
const GAP_MINUTES = [30, 35, 40, 45];
/** What the smaller tables are made with. */
const CHOSEN_GAP_MINUTES = 45;
const MINUTE = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const WIRED_GOALS: Goals = {
  mostFailedCheckinsAStranger: 1.05,
  leastVisitsAStay: 0.9,
  mostVisitsAStay: 2,
  leastCovered: 0.8,
};
const GOALS: Readonly<Record<Place, Goals>> = {
  router: { ...WIRED_GOALS, mostVisitsAStay: 1.8, leastCovered: 0.85 },
  wired: WIRED_GOALS,
  'wired, multicast filtered': WIRED_GOALS,
};

interface Setting {
  readonly gapMinutes: number;
  readonly reportAgainAfter: string;
  readonly keepAlives: boolean;
  /** Adds what probes would have been answered. */
  readonly probing: boolean;
}

/** The defaults as they were when the goals were set. */
const BEFORE: Setting = { gapMinutes: 15, reportAgainAfter: '0s', keepAlives: false, probing: false };

function setting(gapMinutes: number, keepAlives: boolean, probing: boolean): Setting {
  return { gapMinutes, reportAgainAfter: '12h', keepAlives, probing };
}

const MATRIX: readonly Setting[] = [
  BEFORE,
  ...[false, true].flatMap((probing) =>
    [false, true].flatMap((keepAlives) => GAP_MINUTES.map((gap) => setting(gap, keepAlives, probing))),
  ),
];

const CHOSEN = [setting(CHOSEN_GAP_MINUTES, true, false), setting(CHOSEN_GAP_MINUTES, true, true)];
const CROWD_ROWS: readonly (readonly [CrowdName, Place])[] = [
  ['sleepy', 'router'],
  ['sleepy', 'wired'],
  ['lunch', 'router'],
  ['lunch', 'wired'],
  ['guests', 'router'],
  ['guests', 'wired'],
  ['office', 'wired, multicast filtered'],
];
const MULTICAST_SHARES = [0.25, 0.5, 0.75, 1];

const LINE = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('visit'),
    mac: z.string(),
    firstSeen: z.iso.datetime(),
    lastSeen: z.iso.datetime(),
    failedCheckin: z.looseObject({}).nullable(),
  }),
  z.object({ type: z.literal('summary'), malformed: z.literal(0), complete: z.literal(true) }),
]);

function visitsIn(stdout: string): SeenVisit[] {
  const lines = stdout.trimEnd().split('\n');
  return lines.flatMap((text): SeenVisit[] => {
    const line = LINE.parse(JSON.parse(text));
    if (line.type === 'summary') return [];
    const { mac, firstSeen, lastSeen, failedCheckin } = line;
    return [{ mac, fromMs: Date.parse(firstSeen), toMs: Date.parse(lastSeen), reported: failedCheckin !== null }];
  });
}

export function captureOf(frames: readonly DayFrame[]): Buffer {
  return writePcap({
    linkType: LINKTYPE.ethernet,
    snaplen: 262_144,
    frames: frames.map(({ atMs, bytes }) => ({
      timeNs: BigInt(atMs) * 1_000_000n,
      length: bytes.length,
      bytes: Buffer.from(bytes),
    })),
  });
}

/** Replays what a sensor hears of `day`. Nothing of this machine's settings reaches the command. */
async function replayed(day: PresenceDay, place: Place, how: Setting, directory: string): Promise<Counts> {
  const { gapMinutes, reportAgainAfter, keepAlives, probing } = how;
  const gapMs = gapMinutes * MINUTE;
  const heard = heardAt(place, day.frames);
  const file = join(directory, 'day.pcap');
  writeFileSync(file, captureOf(probing ? withProbing(day, heard, { gapMs, keepAlives }) : heard));
  const known = join(directory, 'known.csv');
  const registered = day.devices.filter((device) => device.registered);
  writeFileSync(known, ['mac,name', ...registered.map(({ mac }) => `${mac},Registered`), ''].join('\n'));
  const [command = 'node', ...args] = ourReplay(file);
  const { stdout } = await promisify(execFile)(command, [...args, '--known', known], {
    cwd: directory,
    maxBuffer: MAX_OUTPUT_BYTES,
    env: {
      PATH: process.env.PATH,
      VISIT_GAP: `${gapMinutes}m`,
      REPORT_AGAIN_AFTER: reportAgainAfter,
      CAPTURE_KEEP_ALIVES: String(keepAlives),
    },
  });
  return countDay(day.devices, visitsIn(stdout), gapMs);
}

async function replayedAll(
  days: readonly PresenceDay[],
  place: Place,
  how: Setting,
  directory: string,
): Promise<Counts> {
  let counts = NOTHING;
  for (const day of days) counts = sum(counts, await replayed(day, place, how, directory));
  return counts;
}

const TITLES = [
  'keep-alives',
  'probing',
  'gap',
  'failed check-ins a stranger',
  'missed',
  'of registered',
  'visits a stay',
  'time covered',
  'shown after leaving',
  'goals',
];

function row(how: Setting, counts: Counts, place: Place): string[] {
  const { failedCheckinsAStranger, visitsAStay, covered, minutesAfterAStay } = figuresOf(counts);
  const problems = unmet(counts, GOALS[place]);
  return [
    how.keepAlives ? 'on' : 'off',
    how.probing ? 'on' : 'off',
    how === BEFORE ? `${how.gapMinutes}m (before)` : `${how.gapMinutes}m`,
    failedCheckinsAStranger.toFixed(2),
    `${counts.missed}`,
    `${counts.ofRegistered}`,
    visitsAStay.toFixed(2),
    `${(covered * 100).toFixed(0)} %`,
    `${minutesAfterAStay.toFixed(0)} min`,
    problems.length === 0 ? 'met' : `not: ${problems.join(', ')}`,
  ];
}

/** Which days are made: `count` of each crowd, from this seed on. */
interface Seeds {
  readonly count: number;
  readonly first: number;
}

function daysOf(crowd: CrowdName, { count, first }: Seeds, options: { multicastAtWake?: number } = {}): PresenceDay[] {
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  return seeds.map((seed) => presenceDay({ seed, crowd, devices: DEVICES, ...options }));
}

function describe(days: readonly PresenceDay[]): void {
  const devices = days.flatMap((day) => day.devices);
  const strangers = devices.filter(({ registered }) => !registered).length;
  const stays = devices.reduce((total, device) => total + device.stays.length, 0);
  note(
    `${days.length} days of ${DEVICES} devices, seeds ${days[0]?.seed} to ${days.at(-1)?.seed}: ${strangers} strangers and days, ${stays} stays; ` +
      'every figure is over all of them',
  );
}

async function printMatrix(days: readonly PresenceDay[], place: Place, directory: string): Promise<void> {
  const results: { how: Setting; counts: Counts }[] = [];
  for (const how of MATRIX) results.push({ how, counts: await replayedAll(days, place, how, directory) });
  table(
    TITLES,
    results.map(({ how, counts }) => row(how, counts, place)),
  );
  describe(days);
  const passive = results.filter(({ how }) => how !== BEFORE && !how.probing);
  const countsWith = (keepAlives: boolean) =>
    JSON.stringify(passive.filter(({ how }) => how.keepAlives === keepAlives).map(({ counts }) => counts));
  if (countsWith(true) === countsWith(false)) {
    note('keep-alives changed nothing: this replay does not count them, so no row with keep-alives on means anything');
  }
}

async function printCrowds(seeds: Seeds, directory: string): Promise<void> {
  const rows: string[][] = [];
  for (const [crowd, place] of CROWD_ROWS) {
    const days = daysOf(crowd, seeds);
    for (const how of [BEFORE, ...CHOSEN]) {
      rows.push([`${crowd}, ${place}`, ...row(how, await replayedAll(days, place, how, directory), place)]);
    }
  }
  table(['crowd, sensor', ...TITLES], rows);
}

async function printMulticastShares(seeds: Seeds, directory: string): Promise<void> {
  const rows: string[][] = [];
  for (const share of MULTICAST_SHARES) {
    const days = daysOf('office', seeds, { multicastAtWake: share });
    for (const how of CHOSEN) {
      rows.push([`${share * 100} %`, ...row(how, await replayedAll(days, 'wired', how, directory), 'wired')]);
    }
  }
  table(['wakes with a multicast', ...TITLES], rows);
}

/** Prints the tables of README.md. A round is one day; the first has the seed `first`. */
export async function presence(rounds: number, first = 1): Promise<void> {
  const seeds: Seeds = { count: rounds, first };
  const directory = mkdtempSync(join(tmpdir(), 'nwm-bench-presence-'));
  try {
    const office = daysOf('office', seeds);
    heading('Presence: days of an office, heard on the router');
    await printMatrix(office, 'router', directory);
    heading('Presence: days of an office, heard by a wired sensor');
    await printMatrix(office, 'wired', directory);
    heading('Presence: other crowds, and access points that pass no multicast');
    await printCrowds(seeds, directory);
    heading('Presence: how often a phone that wakes by itself sends a multicast, heard by a wired sensor');
    await printMulticastShares(seeds, directory);
    note(
      'REPORT_AGAIN_AFTER is 0s in the rows "before" and else 12h; answers to probes are simulated, all else replayed',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}
