// The pipeline's own promises, with a register that fails when the test wants it to.
import { afterEach, expect, test } from 'vitest';
import type { MacAddress } from '../../src/addresses/mac-address.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import type { OutboxEntry } from '../../src/outbox/outbox.js';
import { type Monitor, type PipelineSettings, runPipeline, type VisitRecord } from '../../src/pipeline/pipeline.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { MemoryVisitRegister } from '../../src/visits/register/memory-visit-register.js';
import type { RegisteredVisit, Settlement, VisitRegister } from '../../src/visits/register/visit-register.js';
import { HandFedSource } from '../hand-fed-source.js';
import { until } from '../until.js';

const MINUTE = 60_000;
const GAP = 15 * MINUTE;
const START = Date.parse('2026-03-02T09:00:00Z');
const MAC = '3c:22:fb:00:00:01';

/** Answers like the one in memory, later, and not while it is away. */
class MoodyRegister implements VisitRegister {
  isAway = false;
  private kept = new MemoryVisitRegister(GAP, 86_400_000);

  async sight(mac: MacAddress, firstMs: number, lastMs: number): Promise<RegisteredVisit> {
    this.check();
    return this.kept.sight(mac, firstMs, lastMs);
  }

  async settle(mac: MacAddress, startMs: number, settlement: Settlement): Promise<void> {
    this.check();
    this.kept.settle(mac, startMs, settlement);
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

let running: Monitor | undefined;

afterEach(async () => {
  running?.stop();
  await running?.finished;
});

function trial(settings: Partial<PipelineSettings> = {}) {
  const source = new HandFedSource();
  const register = new MoodyRegister();
  const directory = new Directory();
  directory.loaded = true;
  const entries: OutboxEntry[] = [];
  const decided: VisitRecord[] = [];
  let steadyMs = 0;
  const monitor = runPipeline(
    {
      businessId: 77,
      gapMs: GAP,
      settleMs: 0,
      reportAgainAfterMs: 0,
      ignore: NO_IGNORE_RULES,
      reportInactive: false,
      timeZone: null,
      ...settings,
    },
    {
      source,
      time: { kind: 'live', steadyMs: () => steadyMs, guard: new FloodGuard(1_000) },
      directory,
      equipment: new Equipment(),
      register,
      outbox: { add: (entry) => void entries.push(entry) },
      listener: { onDecision: (report) => decided.push(report) },
    },
  );
  running = monitor;
  /** A device is seen `minutes` after nine o'clock. */
  const see = (mac: string, minutes: number) => {
    steadyMs = minutes * MINUTE;
    source.announce(mac, START + minutes * MINUTE);
  };
  return {
    monitor,
    register,
    directory,
    entries,
    decided,
    see,
    idle: () => until('nothing waits', () => monitor.waiting() === 0),
  };
}

const starts = (entries: readonly OutboxEntry[]) =>
  entries.map(({ checkin }) => checkin.CheckinAttemptTime.slice(11, 16)).sort();

test('visits that waited while the register was away are all reported, in whatever order they come through', async () => {
  const { monitor, register, entries, see, idle } = trial();
  register.isAway = true;
  see(MAC, 0);
  see(MAC, 60);
  await until('both wait', () => monitor.waiting() === 2 && monitor.isFailing());
  register.isAway = false;
  see(MAC, 61);
  await idle();
  expect(starts(entries)).toEqual(['09:00', '10:00']);
});

test('REPORT_AGAIN_AFTER holds for visits of one device that waited together', async () => {
  const { monitor, register, entries, see, idle } = trial({ reportAgainAfterMs: 120 * MINUTE });
  register.isAway = true;
  for (const minutes of [0, 30, 60]) see(MAC, minutes);
  await until('all wait', () => monitor.waiting() === 3);
  register.isAway = false;
  await idle();
  expect(starts(entries)).toEqual(['09:00']);
});

test('a register that comes back empty is told what became of a visit, and its check-in goes to the outbox again, to be searched for', async () => {
  const { register, entries, see, idle, monitor } = trial();
  see(MAC, 0);
  await idle();
  register.comeBackEmpty();
  see(MAC, 5);
  monitor.tracker.settleAll();
  await until('the entry is there again', () => entries.length === 2);
  const [first, second] = entries;
  expect(second).toEqual({ ...first, sent: true });
  await idle();
});

test('a visit that becomes pending just as the directory arrives is decided all the same', async () => {
  const { monitor, directory, entries, see, idle } = trial();
  directory.loaded = false;
  see(MAC, 0);
  // Before the register has answered.
  directory.loaded = true;
  monitor.directoryLoaded();
  await idle();
  expect(entries).toHaveLength(1);
});

test('what was due before a frame is not coloured by it', async () => {
  const { entries, see, idle } = trial({ settleMs: 3_000 });
  see(MAC, 0);
  see(MAC, 1);
  await idle();
  expect(entries).toHaveLength(1);
  expect(starts(entries)).toEqual(['09:00']);
});

test('forgetting a device drops what waits for it', async () => {
  const { monitor, register, entries, see } = trial();
  register.isAway = true;
  see(MAC, 0);
  await until('it waits', () => monitor.waiting() === 1);
  monitor.forget(0x3c22fb000001);
  register.isAway = false;
  expect(monitor.waiting()).toBe(0);
  expect(monitor.tracker.size).toBe(0);
  expect(entries).toEqual([]);
});
