// The pipeline's own promises, with a register that fails when the test wants it to.
import { afterEach, expect, test } from 'vitest';
import type { MacAddress } from '../../src/addresses/mac-address.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import { type LabelKind, Labels } from '../../src/devices/labels.js';
import type { Restored } from '../../src/outbox/outbox.js';
import type { Report } from '../../src/outbox/report.js';
import type { EventClock } from '../../src/pipeline/frames.js';
import { Listeners } from '../../src/pipeline/listeners.js';
import { type Pipeline, type PipelineSettings, runPipeline } from '../../src/pipeline/pipeline.js';
import type { VisitRecord } from '../../src/pipeline/record.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { MemoryVisitRegister } from '../../src/visits/register/memory-visit-register.js';
import {
  MAX_VISITS,
  type RegisteredVisit,
  type Settlement,
  type VisitRegister,
} from '../../src/visits/register/visit-register.js';
import { ACK, dhcp, ethernet, IPV4, ipv4, ipv4Address, option, REQUEST, SERVER, udp } from '../decode/frames.js';
import { HandFedSource } from '../hand-fed-source.js';
import { until } from '../until.js';

const MINUTE = 60_000;
const GAP = 15 * MINUTE;
const DAY = 86_400_000;
const START = Date.parse('2026-03-02T09:00:00Z');
const MAC = '3c:22:fb:00:00:01';

/** Answers like the one in memory, later, and not while it is away. */
class MoodyRegister implements VisitRegister {
  isAway = false;
  private kept = new MemoryVisitRegister(GAP, 86_400_000);

  async registerSightings(mac: MacAddress, firstMs: number, lastMs: number): Promise<RegisteredVisit> {
    this.check();
    return this.kept.registerSightings(mac, firstMs, lastMs);
  }

  async settleVisit(mac: MacAddress, startMs: number, settlement: Settlement): Promise<void> {
    this.check();
    this.kept.settleVisit(mac, startMs, settlement);
  }

  async forget(mac: MacAddress): Promise<void> {
    this.kept.forget(mac);
  }

  async close(): Promise<void> {}

  /** As Redis does that comes back without its data. */
  comeBackEmpty(): void {
    this.kept = new MemoryVisitRegister(GAP, 86_400_000);
  }

  private check(): void {
    if (this.isAway) throw new Error('away');
  }
}

let running: Pipeline | undefined;

afterEach(async () => {
  running?.stop();
  await running?.finished;
});

function trial(settings: Partial<PipelineSettings> = {}, clock?: EventClock, register = new MoodyRegister()) {
  const source = new HandFedSource();
  const directory = new Directory();
  directory.loaded = true;
  const reports: Report[] = [];
  const decided: VisitRecord[] = [];
  const decidedAnew: string[] = [];
  const labels = new Labels();
  /** What the outbox says when it is asked to restore a report; then `none`. */
  const restoring: Restored[] = [];
  /** What the outbox heard of devices that proved themselves, and what it says to that; then `done`. */
  const proved: string[] = [];
  const proving: ('done' | 'busy')[] = [];
  let steadyMs = 0;
  const pipeline = runPipeline(
    {
      businessId: 77,
      gapMs: GAP,
      settleMs: 0,
      reportAgainAfterMs: 0,
      keepAlives: true,
      ignore: NO_IGNORE_RULES,
      reportInactive: false,
      hintOwners: false,
      timeZone: null,
      ...settings,
    },
    {
      source,
      time: {
        kind: 'live',
        steadyMs: () => steadyMs,
        guard: new FloodGuard(1_000),
        ...(clock === undefined ? {} : { clock }),
      },
      directory,
      equipment: new Equipment(),
      labels,
      register,
      outbox: {
        enqueue: (report) => void reports.push(report),
        restore: () => restoring.shift() ?? 'none',
        prove(id) {
          proved.push(id);
          return proving.shift() ?? 'done';
        },
      },
      listeners: new Listeners({
        onDecision: (record) => decided.push(record),
        onDecidedAnew: (record, before) => decidedAnew.push(`${before.kind} to ${record.decision?.kind}`),
      }),
    },
  );
  running = pipeline;
  /** Labels the device, or takes the label away. */
  const label = (mac: number, kind: LabelKind | null) =>
    pipeline.redecide(labels.replace(new Map(kind === null ? [] : [[mac, { kind, name: null, sinceMs: 0 }]])));
  /** A device is seen `minutes` after nine o'clock. */
  const see = (mac: string, minutes: number) => {
    steadyMs = minutes * MINUTE;
    source.announce(mac, START + minutes * MINUTE);
  };
  return {
    pipeline,
    register,
    directory,
    reports,
    decided,
    decidedAnew,
    restoring,
    proved,
    proving,
    label,
    see,
    source,
    setMinutes: (minutes: number) => {
      steadyMs = minutes * MINUTE;
    },
    idle: () => until('nothing waits', () => pipeline.waiting() === 0),
  };
}

const starts = (reports: readonly Report[]) =>
  reports.map(({ startMs }) => new Date(startMs).toISOString().slice(11, 16)).sort();

test('visits that waited while the register was away are all reported, in whatever order they come through', async () => {
  const { pipeline, register, reports, see, idle } = trial();
  register.isAway = true;
  see(MAC, 0);
  see(MAC, 60);
  await until('both wait', () => pipeline.waiting() === 2 && pipeline.isFailing());
  register.isAway = false;
  see(MAC, 61);
  await idle();
  expect(starts(reports)).toEqual(['09:00', '10:00']);
});

test('REPORT_AGAIN_AFTER holds for visits of one device that waited together', async () => {
  const { pipeline, register, reports, see, idle } = trial({ reportAgainAfterMs: 120 * MINUTE });
  register.isAway = true;
  for (const minutes of [0, 30, 60]) see(MAC, minutes);
  await until('all wait', () => pipeline.waiting() === 3);
  register.isAway = false;
  await idle();
  expect(starts(reports)).toEqual(['09:00']);
});

test('a register that comes back empty is told what became of a visit, and its check-in goes to the outbox again, to be searched for', async () => {
  const { register, reports, see, idle, pipeline } = trial();
  see(MAC, 0);
  await idle();
  register.comeBackEmpty();
  see(MAC, 5);
  pipeline.tracker.forwardAll();
  await until('the entry is there again', () => reports.length === 2);
  const [first, second] = reports;
  // It is still active minutes later, so it has proved itself by now.
  expect(second).toEqual({ ...first, sent: true, proven: true });
  await idle();
});

test('a visit that becomes pending just as the directory arrives is decided all the same', async () => {
  const { pipeline, directory, reports, see, idle } = trial();
  directory.loaded = false;
  see(MAC, 0);
  // Before the register has answered.
  directory.loaded = true;
  pipeline.directoryLoaded();
  await idle();
  expect(reports).toHaveLength(1);
});

test('what was due before a frame is not coloured by it', async () => {
  const { reports, see, idle } = trial({ settleMs: 3_000 });
  see(MAC, 0);
  see(MAC, 1);
  await idle();
  expect(reports).toHaveLength(1);
  expect(starts(reports)).toEqual(['09:00']);
});

/** Until it is trusted it shows times of a day before. */
class SlowClock implements EventClock {
  isTrusted = false;

  eventMs(wallMs: number): number {
    return this.isTrusted ? wallMs : wallMs - DAY;
  }
}

test('before the clock is trusted no visit is registered; then each is, also one that is over, with its time put right', async () => {
  const clock = new SlowClock();
  const { pipeline, register, directory, reports, see, idle } = trial({ settleMs: 3_000 }, clock);
  const asked: number[] = [];
  const registerSightings = register.registerSightings.bind(register);
  register.registerSightings = (mac, firstMs, lastMs) => {
    asked.push(firstMs, lastMs);
    return registerSightings(mac, firstMs, lastMs);
  };
  see(MAC, 0);
  see('3c:22:fb:00:00:02', 60);
  see(MAC, 61);
  // Its burst has not gone quiet.
  see('3c:22:fb:00:00:03', 62);
  directory.loaded = true;
  pipeline.directoryLoaded();
  expect(pipeline.waiting()).toBe(3);
  expect([asked, reports]).toEqual([[], []]);
  clock.isTrusted = true;
  pipeline.clockTrusted(DAY);
  see('3c:22:fb:00:00:02', 63);
  see('3c:22:fb:00:00:04', 64);
  pipeline.tracker.forwardAll();
  await until('all are reported', () => reports.length === 5);
  await idle();
  expect(starts(reports)).toEqual(['09:00', '10:00', '10:01', '10:02', '10:04']);
  expect(asked.every((atMs) => atMs >= START && atMs <= START + 64 * MINUTE)).toBe(true);
});

test('forgetting a device drops what waits for it', async () => {
  const { pipeline, register, reports, see } = trial();
  register.isAway = true;
  see(MAC, 0);
  await until('it waits', () => pipeline.waiting() === 1);
  pipeline.forget(0x3c22fb000001);
  register.isAway = false;
  expect(pipeline.waiting()).toBe(0);
  expect(pipeline.tracker.size).toBe(0);
  expect(reports).toEqual([]);
});

test('keep-alives prolong a visit, begin none, and are no sightings', async () => {
  const { pipeline, see, source, setMinutes, idle } = trial();
  const keepAlive = (mac: string, minutes: number) => {
    setMinutes(minutes);
    source.keepAlive(mac, START + minutes * MINUTE);
  };
  keepAlive('3c:22:fb:00:00:02', 0);
  see(MAC, 0);
  for (const minutes of [10, 20, 30]) keepAlive(MAC, minutes);
  see(MAC, 40);
  await idle();
  const [visit] = [...pipeline.tracker.open()];
  expect(pipeline.tracker.size).toBe(1);
  expect(visit).toMatchObject({ firstMs: START, lastMs: START + 40 * MINUTE, sightings: 2, keepAlives: 3 });
  expect(pipeline.counts).toMatchObject({ frames: 2, sightings: 2, keepAlives: 4 });
  // After the gap the visit is over, and a keep-alive does not bring it back.
  keepAlive(MAC, 60);
  expect(pipeline.tracker.size).toBe(0);
});

const DEVICE = 0x3c22fb000001;

test('a label decides an open visit anew; without it the visit is reported, if it was not', async () => {
  const { decided, decidedAnew, reports, see, idle, label } = trial();
  label(DEVICE, 'equipment');
  see(MAC, 0);
  await idle();
  expect(decided).toMatchObject([{ decision: { kind: 'ignored' }, settlement: 'labelled' }]);
  label(DEVICE, 'known');
  await until('it is recognised', () => decidedAnew.length === 1);
  label(DEVICE, null);
  await until('it is unrecognised', () => decidedAnew.length === 2);
  await idle();
  expect(starts(reports)).toEqual(['09:00']);
  label(DEVICE, 'equipment');
  await until('it is ignored', () => decidedAnew.length === 3);
  label(DEVICE, null);
  await until('it is unrecognised', () => decidedAnew.length === 4);
  expect(decidedAnew).toEqual([
    'ignored to recognised',
    'recognised to unrecognised',
    'unrecognised to ignored',
    'ignored to unrecognised',
  ]);
  // It was reported: the outbox restores the report if it was withdrawn.
  expect(reports).toHaveLength(1);
  expect(decided).toHaveLength(1);
});

test('a report that is being delivered when its label is removed is looked at again', async () => {
  const { decidedAnew, restoring, see, idle, label } = trial();
  see(MAC, 0);
  await idle();
  label(DEVICE, 'equipment');
  await until('it is ignored', () => decidedAnew.length === 1);
  restoring.push('busy', 'busy', 'restored');
  label(DEVICE, null);
  await until('it was asked for until it was told', () => restoring.length === 0);
});

test('a label that changes while the register is away, or while it is asked, is in force in the end', async () => {
  const { register, decided, decidedAnew, reports, see, label, idle, pipeline } = trial();
  see(MAC, 0);
  await idle();
  register.isAway = true;
  label(DEVICE, 'equipment');
  await until('it waits', () => pipeline.waiting() === 1 && pipeline.isFailing());
  register.isAway = false;
  await until('it is ignored', () => decidedAnew.length === 1);
  label(DEVICE, null);
  label(DEVICE, 'known');
  await until('it is recognised', () => decidedAnew.at(-1)?.endsWith('to recognised') === true);
  await idle();
  expect(decided[0]).toMatchObject({ decision: { kind: 'recognised' }, settlement: 'reported' });
  expect(reports).toHaveLength(1);
});

test('a label needs no directory; without label and directory the visit is pending', async () => {
  const { decided, directory, reports, see, label, idle, pipeline } = trial();
  directory.loaded = false;
  label(DEVICE, 'known');
  see(MAC, 0);
  await idle();
  expect(decided[0]).toMatchObject({ decision: { kind: 'recognised' }, settlement: 'labelled' });
  label(DEVICE, null);
  await until('it is pending', () => decided[0]?.decision?.kind === 'pending' && decided[0].settlement === null);
  directory.loaded = true;
  pipeline.directoryLoaded();
  await until('it is reported', () => reports.length === 1);
});

test('a device that is seen once has not proved itself; the outbox is told when it is active again minutes later', async () => {
  const { pipeline, reports, proved, proving, see, idle } = trial();
  const seeAgain = async (minutes: number) => {
    see(MAC, minutes);
    pipeline.tracker.forwardAll();
    await idle();
  };
  await seeAgain(0);
  expect(reports).toMatchObject([{ proven: false, sent: false }]);
  await seeAgain(2);
  expect(proved).toEqual([]);
  // The report is being delivered just then: it is told once more.
  proving.push('busy');
  await seeAgain(4);
  await seeAgain(5);
  await seeAgain(6);
  expect(proved).toEqual([reports[0]?.id, reports[0]?.id]);
  expect(reports).toHaveLength(1);
});

test('a device that comes back proves itself by that, although it is not reported again', async () => {
  const { reports, proved, see, idle } = trial({ reportAgainAfterMs: DAY });
  see(MAC, 0);
  await idle();
  see(MAC, 60);
  await idle();
  expect(reports).toHaveLength(1);
  expect(proved).toEqual([reports[0]?.id]);
});

test('two protocols are proof from the start', async () => {
  const { reports, proved, source, idle, pipeline } = trial({ settleMs: MINUTE });
  source.announce(MAC, START);
  source.give(ethernet(IPV4, ipv4(udp(dhcp({ type: REQUEST, chaddr: MAC }))), { source: MAC }), START);
  pipeline.tracker.forwardAll();
  await idle();
  expect(reports).toMatchObject([{ proven: true }]);
  expect(proved).toEqual([]);
});

test('so is a lease from the DHCP server that is believed; one that anybody else pretends to give is none', async () => {
  const lease = (server: string, mac: string, at: number, serverIp: string) => {
    const options = [option(54, ipv4Address(serverIp)), option(1, ipv4Address('255.255.255.0'))];
    const request = dhcp({ type: REQUEST, chaddr: mac, xid: at });
    const ack = dhcp({ type: ACK, chaddr: mac, xid: at, yiaddr: '10.0.0.50', options });
    return [
      ethernet(IPV4, ipv4(udp(request)), { source: mac }),
      ethernet(IPV4, ipv4(udp(ack, { source: 67, destination: 68 }), { source: serverIp }), { source: server }),
    ];
  };
  const { reports, source, idle, pipeline } = trial({ settleMs: MINUTE });
  for (const frame of lease(SERVER, MAC, 1, '10.0.0.1')) source.give(frame, START);
  // Another device answers in the name of the first one's address.
  for (const frame of lease('3c:22:fb:00:00:99', '3c:22:fb:00:00:02', 2, '10.0.0.1')) source.give(frame, START);
  pipeline.tracker.forwardAll();
  await idle();
  const proven = new Map(reports.map((report) => [report.mac, report.proven]));
  expect([proven.get(0x3c22fb000001), proven.get(0x3c22fb000002)]).toEqual([true, false]);
});

test('a sensor that was cut off brings a visit that the register may have dropped: it is searched for first', async () => {
  const { pipeline, register, reports, see, idle } = trial();
  for (let visit = 0; visit <= MAX_VISITS; visit++) {
    see(MAC, visit * 30);
    await idle();
  }
  expect(reports.map(({ sent }) => sent)).toEqual(Array(MAX_VISITS + 1).fill(false));
  pipeline.stop();
  // The other sensor has seen the same visits, the first of which is gone from the register.
  const late = trial({}, undefined, register);
  late.see(MAC, 0);
  await late.idle();
  expect(late.reports).toMatchObject([{ id: reports[0]?.id, sent: true }]);
});
