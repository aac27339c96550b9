// The presence benchmark's days: the truth holds for every frame, and devices behave as is known of real ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { captureOf } from '../../scripts/bench/presence.js';
import {
  CROWDS,
  type CrowdName,
  type DayDevice,
  type DayFrame,
  HABITS,
  heardAt,
  type PresenceDay,
  presenceDay,
  type Span,
} from '../../scripts/bench/presence-day.js';
import { countDay, figuresOf, NOTHING } from '../../scripts/bench/presence-figures.js';
import { ROUTER_MAC } from '../../scripts/bench/presence-frames.js';
import { withProbing } from '../../scripts/bench/presence-probing.js';
import { formatMac, readMac } from '../../src/addresses/mac-address.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { cli } from '../commands/cli.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const directory = mkdtempSync(join(tmpdir(), 'nwm-presence-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

const crowds = Object.keys(CROWDS) as CrowdName[];
const office = presenceDay({ seed: 1, crowd: 'office', devices: 120 });
const days: PresenceDay[] = [
  office,
  ...crowds.flatMap((crowd) => [2, 3].map((seed) => presenceDay({ seed, crowd, devices: 48 }))),
];

function isGroupAddressed({ bytes }: DayFrame): boolean {
  return ((bytes[0] ?? 0) & 1) === 1;
}

function source({ bytes }: DayFrame): string {
  return formatMac(readMac(bytes, 6));
}

function isWithin(spans: readonly Span[], atMs: number): boolean {
  return spans.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs);
}

function framesOf(day: PresenceDay, device: DayDevice): DayFrame[] {
  return day.frames.filter(({ mac }) => mac === device.mac);
}

/** The device that a frame proves, as the program itself decodes it; null when it is no sighting. */
function sightedIn({ bytes }: DayFrame): string | null {
  const sighting = new Sighting();
  const verdict = decodeFrame(bytes, bytes.length, 'ethernet', sighting, new Announcement());
  expect(['sighting', 'other']).toContain(verdict);
  return verdict === 'sighting' ? formatMac(sighting.mac) : null;
}

/** Handheld devices and their sleeps: silences within a stay, from one waking to the next. */
function sleepsOf(device: DayDevice): number[] {
  return device.stays.flatMap((stay) => {
    const awake = device.awake.filter(({ fromMs }) => isWithin([stay], fromMs));
    return awake.slice(1).map(({ fromMs }, index) => fromMs - (awake[index]?.toMs ?? fromMs));
  });
}

const handhelds = days.flatMap(({ devices }) => devices.filter(({ kind }) => HABITS[kind].type === 'handheld'));

describe('the truth', () => {
  test('a seed gives the same bytes each time', () => {
    const again = presenceDay({ seed: 1, crowd: 'office', devices: 120 });
    expect(captureOf(again.frames).equals(captureOf(office.frames))).toBe(true);
    expect(again.devices).toEqual(office.devices);
  });

  test('another seed gives another day', () => {
    const other = presenceDay({ seed: 4, crowd: 'office', devices: 120 });
    expect(other.devices.map(({ stays }) => stays)).not.toEqual(office.devices.map(({ stays }) => stays));
    expect(captureOf(other.frames).equals(captureOf(office.frames))).toBe(false);
  });

  test('frames come in order of time', () => {
    for (const { frames } of days) {
      expect(frames.every(({ atMs }, index) => index === 0 || atMs >= (frames[index - 1]?.atMs ?? 0))).toBe(true);
    }
  });

  test('no device has a frame outside its stays, whether it sent it or is named in it', () => {
    for (const { devices, frames } of days) {
      const stays = new Map(devices.map((device) => [device.mac, device.stays]));
      const astray = frames.filter((frame) => {
        const named = [sightedIn(frame), source(frame) === ROUTER_MAC ? null : source(frame), frame.mac];
        return named.some((mac) => mac !== null && !isWithin(stays.get(mac) ?? [], frame.atMs));
      });
      expect(astray).toEqual([]);
    }
  });

  test('every stay begins with a sighting that any sensor hears, at the latest when the bag is unpacked', () => {
    for (const day of days) {
      const heard = heardAt('wired, multicast filtered', day.frames);
      const unheard = day.devices.flatMap(({ mac, stays }) =>
        stays.filter(
          ({ fromMs }) =>
            !heard.some((frame) => frame.mac === mac && isWithin([{ fromMs, toMs: fromMs + 11 * MINUTE }], frame.atMs)),
        ),
      );
      expect(unheard).toEqual([]);
    }
  });

  test('what is called a sighting is one to the decoders, and nothing else is', () => {
    const wrong = office.frames.filter((frame) => (sightedIn(frame) !== null) !== (frame.evidence === 'sighting'));
    expect(wrong).toEqual([]);
  });

  test('no two devices share a MAC or an IP address', () => {
    for (const { devices } of days) {
      expect(new Set(devices.map(({ mac }) => mac)).size).toBe(devices.length);
      expect(new Set(devices.map(({ ip }) => ip)).size).toBe(devices.length);
    }
  });

  test('there are strangers and registered devices, and of every kind of device some', () => {
    expect(new Set(office.devices.map(({ registered }) => registered))).toEqual(new Set([true, false]));
    expect(new Set(office.devices.map(({ kind }) => kind))).toEqual(new Set(Object.keys(HABITS)));
  });

  test('people who have lunch outside are away for half an hour to an hour', () => {
    const { devices } = presenceDay({ seed: 5, crowd: 'lunch', devices: 48 });
    const twice = devices.filter(({ stays }) => stays.length === 2);
    expect(twice.length).toBeGreaterThan(15);
    for (const { stays } of twice) {
      const awayMs = (stays[1]?.fromMs ?? 0) - (stays[0]?.toMs ?? 0);
      expect(awayMs).toBeGreaterThanOrEqual(30 * MINUTE);
      expect(awayMs).toBeLessThanOrEqual(60 * MINUTE);
    }
  });
});

describe('what is heard where', () => {
  test('a wired sensor hears broadcasts and multicasts only, and no membership reports', () => {
    const heard = heardAt('wired', office.frames);
    expect(heard.filter((frame) => !isGroupAddressed(frame))).toEqual([]);
    const isMembershipReport = ({ bytes }: DayFrame) => bytes[12] === 0x08 && bytes[13] === 0 && bytes[23] === 2;
    expect(office.frames.filter(isMembershipReport).length).toBeGreaterThan(0);
    expect(heard.filter(isMembershipReport)).toEqual([]);
  });

  test('keep-alives are broadcasts and multicasts', () => {
    const keepAlives = office.frames.filter(({ evidence }) => evidence === 'keep-alive');
    expect(keepAlives.length).toBeGreaterThan(0);
    expect(keepAlives.filter((frame) => !isGroupAddressed(frame))).toEqual([]);
  });

  test('most sightings are unicast, which only the router hears', () => {
    const sightings = office.frames.filter(({ evidence }) => evidence === 'sighting');
    const heard = heardAt('wired', sightings);
    expect(heard.length).toBeLessThan(sightings.length / 4);
  });

  test('access points that filter multicast leave a wired sensor the sightings', () => {
    const heard = heardAt('wired, multicast filtered', office.frames);
    expect(heard).toEqual(heardAt('wired', office.frames).filter(({ evidence }) => evidence === 'sighting'));
  });
});

describe('habits', () => {
  test('phones and tablets wake at least every 32 minutes, and often sleep for longer than 15', () => {
    const sleeps = handhelds.flatMap(sleepsOf);
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(32 * MINUTE);
    expect(Math.max(...sleeps)).toBeGreaterThan(30 * MINUTE);
    expect(sleeps.filter((ms) => ms > 15 * MINUTE).length).toBeGreaterThan(sleeps.length / 10);
  });

  test('phones and tablets are asleep most of the time', () => {
    const total = (spans: readonly Span[]) => spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    const awake = total(handhelds.flatMap((device) => device.awake));
    expect(awake).toBeLessThan(total(handhelds.flatMap((device) => device.stays)) / 3);
  });

  test('a laptop with a closed lid is silent, unless it is one that naps', () => {
    const laptops = office.devices.filter(({ kind }) => HABITS[kind].type === 'laptop');
    expect(laptops.filter(({ closed }) => closed.some(({ fromMs, toMs }) => toMs - fromMs > 20 * MINUTE))).not.toEqual(
      [],
    );
    for (const laptop of laptops.filter(({ naps }) => !naps)) {
      // What it sends as the lid closes may still be on its way.
      const silent = laptop.closed.map(({ fromMs, toMs }) => ({ fromMs: fromMs + 10_000, toMs }));
      expect(framesOf(office, laptop).filter(({ atMs }) => isWithin(silent, atMs))).toEqual([]);
    }
  });

  test('an open laptop sends multicasts by itself, at least one in every two hours', () => {
    for (const laptop of office.devices.filter(({ kind }) => HABITS[kind].type === 'laptop')) {
      const times = framesOf(office, laptop).filter(({ evidence }) => evidence === 'keep-alive');
      const long = laptop.awake.filter(({ fromMs, toMs }) => toMs - fromMs > 2 * HOUR);
      for (const span of long) expect(times.some(({ atMs }) => isWithin([span], atMs))).toBe(true);
    }
  });

  test('a private address comes with a generic host name or with none', () => {
    const isPrivate = ({ mac }: DayDevice) => (Number.parseInt(mac.slice(0, 2), 16) & 3) === 2;
    const names = new Set(office.devices.filter(isPrivate).map(({ hostname }) => hostname));
    expect(names).toEqual(new Set([null, 'iPhone', 'iPad', 'Mac', 'Galaxy-S23']));
  });

  test('an Android phone that rejoins sends only a DHCPREQUEST', () => {
    const isDhcp = ({ bytes }: DayFrame) => bytes[12] === 0x08 && bytes[13] === 0 && bytes[35] === 68;
    const isAnnouncement = ({ bytes }: DayFrame) =>
      bytes[12] === 0x08 && bytes[13] === 0x06 && Buffer.compare(bytes.subarray(28, 32), bytes.subarray(38, 42)) === 0;
    const broadcastRequests = (frames: DayFrame[]) =>
      frames.filter((frame) => isDhcp(frame) && isGroupAddressed(frame) && frame.bytes[284] === 3);
    const androids = office.devices.filter(({ kind }) => kind.startsWith('android'));
    const frames = androids.map((device) => framesOf(office, device));
    expect(frames.map((sent) => sent.filter(isAnnouncement).length)).toEqual(androids.map(() => 1));
    expect(frames.map((sent) => broadcastRequests(sent).length).filter((count) => count > 1)).not.toEqual([]);
  });

  test('a phone that comes back with a new private address is one that nobody registered', () => {
    const { devices } = presenceDay({ seed: 6, crowd: 'guests', devices: 200 });
    const rotated = devices.filter(
      (device, index) =>
        devices[index - 1]?.kind === device.kind &&
        (devices[index - 1]?.stays.at(-1)?.toMs ?? Number.POSITIVE_INFINITY) < (device.stays[0]?.fromMs ?? 0) &&
        devices[index - 1]?.registered === true,
    );
    expect(rotated).not.toEqual([]);
    expect(rotated.filter(({ registered }) => registered)).toEqual([]);
  });
});

describe('probing', () => {
  const settings = { gapMs: 45 * MINUTE, keepAlives: true };
  const heard = heardAt('wired', office.frames);
  const probed = withProbing(office, heard, settings);
  const answers = probed.filter((frame) => !heard.includes(frame));

  test('adds answers to what is heard anyway', () => {
    expect(answers.length).toBeGreaterThan(0);
    expect(probed.filter((frame) => heard.includes(frame))).toEqual(heard);
    for (const answer of answers) expect(sightedIn(answer)).toBe(answer.mac);
  });

  test('only devices that are there answer, and only after a third of the gap', () => {
    for (const device of office.devices) {
      const times = probed.filter(({ mac }) => mac === device.mac).map(({ atMs }) => atMs);
      for (const { atMs } of answers.filter(({ mac }) => mac === device.mac)) {
        expect(isWithin(device.stays, atMs)).toBe(true);
        const before = Math.max(...times.filter((time) => time < atMs));
        // Something may be heard between the question and a late answer.
        expect(atMs - before >= settings.gapMs / 3 || atMs - before < 10_000).toBe(true);
      }
    }
  });

  test('not every sleeping phone answers, and a closed laptop that does not nap never does', () => {
    const silent = office.devices.filter(({ naps, kind }) => HABITS[kind].type === 'laptop' && !naps);
    for (const laptop of silent) {
      expect(answers.filter(({ mac, atMs }) => mac === laptop.mac && isWithin(laptop.closed, atMs))).toEqual([]);
    }
    const phones = office.devices.filter(({ kind }) => kind === 'ipad');
    const gaps = phones.flatMap((phone) => {
      const times = probed.filter(({ mac }) => mac === phone.mac).map(({ atMs }) => atMs);
      return times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs));
    });
    expect(Math.max(...gaps)).toBeGreaterThan(settings.gapMs / 3 + 10_000);
  });
});

describe('the figures', () => {
  const device = (changes: Partial<DayDevice>): DayDevice => ({
    ...(office.devices[0] as DayDevice),
    mac: 'da:00:00:00:00:01',
    registered: false,
    stays: [{ fromMs: 0, toMs: 100 * MINUTE }],
    ...changes,
  });
  const visit = (fromMinutes: number, toMinutes: number, reported: boolean, mac = 'da:00:00:00:00:01') => ({
    mac,
    fromMs: fromMinutes * MINUTE,
    toMs: toMinutes * MINUTE,
    reported,
  });

  test('a stay seen as two visits, each reported', () => {
    const counts = countDay([device({})], [visit(0, 20, true), visit(60, 90, true)], 15 * MINUTE);
    expect(counts).toEqual({
      ...NOTHING,
      strangers: 1,
      stays: 1,
      visits: 2,
      failedCheckins: 2,
      stayMs: 100 * MINUTE,
      coveredMs: 50 * MINUTE,
      afterMs: 5 * MINUTE,
    });
    expect(figuresOf(counts)).toEqual({
      failedCheckinsAStranger: 2,
      visitsAStay: 2,
      covered: 0.5,
      minutesAfterAStay: 5,
    });
  });

  test('two stays seen as one visit: the time between them is shown, and not covered', () => {
    const stays = [
      { fromMs: 0, toMs: 100 * MINUTE },
      { fromMs: 130 * MINUTE, toMs: 200 * MINUTE },
    ];
    const counts = countDay([device({ stays })], [visit(0, 190, true)], 45 * MINUTE);
    expect(counts).toMatchObject({ stays: 2, visits: 1, coveredMs: 160 * MINUTE, afterMs: (30 + 35) * MINUTE });
  });

  test('a stranger without a failed check-in is missed, and one of a registered device is counted apart', () => {
    const devices = [device({}), device({ mac: 'da:00:00:00:00:02', registered: true })];
    const visits = [visit(0, 100, false), visit(0, 100, true, 'da:00:00:00:00:02')];
    expect(countDay(devices, visits, MINUTE)).toMatchObject({
      strangers: 1,
      missed: 1,
      failedCheckins: 0,
      ofRegistered: 1,
    });
  });
});

test('the replay command takes a day: every sighting, nothing malformed, no registered device reported', async () => {
  const day = presenceDay({ seed: 7, crowd: 'office', devices: 30 });
  const file = join(directory, 'day.pcap');
  writeFileSync(file, captureOf(day.frames));
  const known = join(directory, 'known.csv');
  const registered = day.devices.filter((each) => each.registered).map(({ mac }) => mac);
  writeFileSync(known, registered.map((mac) => `${mac},Registered\n`).join(''));
  const { stdout, stderr, code } = await cli(['replay', '--json', file, '--known', known]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  const sightings = day.frames.filter(({ evidence }) => evidence === 'sighting').length;
  expect(lines.at(-1)).toMatchObject({ type: 'summary', sightings, malformed: 0, complete: true });
  const visits = lines.slice(0, -1);
  expect(new Set(visits.map(({ mac }) => mac))).toEqual(new Set(day.devices.map(({ mac }) => mac)));
  const reported = visits.filter(({ failedCheckin }) => failedCheckin !== null).map(({ mac }) => mac);
  expect(reported.filter((mac) => registered.includes(String(mac)))).toEqual([]);
});
