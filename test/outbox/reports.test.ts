// What is in the failed check-ins of inactive coworkers, how reports are spaced, and the day's limit: the whole pipeline in one process.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import type { FrameHandler, FrameSource } from '../../src/capture/frame-source.js';
import type { Directory } from '../../src/devices/directory/directory.js';
import { createNexudusClient, type NexudusClient } from '../../src/nexudus/client.js';
import { budgetInMemory } from '../../src/outbox/day-budget.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { Deliverer, Outcome } from '../../src/outbox/outbox.js';
import { Listeners } from '../../src/pipeline/listeners.js';
import { runPipeline } from '../../src/pipeline/pipeline.js';
import { MemoryVisitRegister } from '../../src/visits/register/memory-visit-register.js';
import { ARP, arp, ethernet } from '../decode/frames.js';
import { until } from '../until.js';
import { emptyDirectory, LOGIN, rulesOf } from './trial-reports.js';

const START = Date.parse('2026-03-02T09:00:00Z');
const MAC = '3c:22:fb:00:00:01';
const MINUTE = 60_000;

/** Frames at times of the test's choice. */
class Recorded implements FrameSource {
  constructor(private readonly frames: readonly { mac: string; atMs: number }[]) {}

  async run(onFrame: FrameHandler): Promise<void> {
    for (const { mac, atMs } of this.frames) {
      const frame = Buffer.from(ethernet(ARP, arp({ sha: mac }), { source: mac }));
      onFrame(frame, frame.length, START + atMs, 'ethernet');
    }
  }

  stop(): void {}
}

let sandbox: Sandbox;
let client: NexudusClient;
let deliverer: Deliverer | undefined;
let outcomes: Outcome[];

beforeEach(async () => {
  sandbox = await startSandbox();
  client = createNexudusClient({
    url: sandbox.url,
    auth: LOGIN,
  });
  outcomes = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await deliverer?.close();
  deliverer = undefined;
  await client.close();
  await sandbox.close();
});

interface Options {
  readonly reportInactive?: boolean;
  readonly reportAgainAfterMs?: number;
  readonly perDay?: number;
  readonly directory?: Directory;
}

/** Runs the frames through the pipeline and starts to deliver. */
async function run(frames: readonly { mac: string; atMs: number }[], options: Options = {}): Promise<MemoryOutbox> {
  const { reportInactive = false, reportAgainAfterMs = 0, perDay = 1_000, directory = emptyDirectory() } = options;
  const rules = { ...rulesOf(directory), reportInactive };
  const outbox = new MemoryOutbox({ spacingMs: 1 });
  const monitor = runPipeline(
    {
      ...rules,
      gapMs: 15 * MINUTE,
      settleMs: 3_000,
      reportAgainAfterMs,
      keepAlives: false,
      hintOwners: false,
      timeZone: 'Europe/Madrid',
    },
    {
      ...rules,
      source: new Recorded(frames),
      time: { kind: 'replay' },
      register: new MemoryVisitRegister(15 * MINUTE, 86_400_000),
      outbox,
      listeners: new Listeners(),
    },
  );
  await monitor.finished;
  const deliver = nexudusDelivery(client, rules, { claimPost: budgetInMemory(perDay).claim });
  deliverer = outbox.start(deliver, { onOutcome: (_report, outcome) => outcomes.push(outcome) });
  return outbox;
}

function owned(status: 'active' | 'inactive' | 'archived'): Directory {
  const directory = emptyDirectory();
  directory.register(1, { kind: 'coworker', id: 11, name: 'Anna Keller', status }, [0x3c22fb000001]);
  return directory;
}

test('with REPORT_INACTIVE the device of an archived coworker is reported, with coworker, plan, teams and the reason', async () => {
  sandbox.coworkers.add({ Id: 11, UserId: 1, FullName: 'Anna Keller', Active: false, Archived: true, Teams: [5] });
  sandbox.contracts.add({ Id: 21, CoworkerId: 11, TariffName: 'Hot desk', Active: true });
  sandbox.teams.add({ Id: 5, Name: 'Acme' });
  await run([{ mac: MAC, atMs: 0 }], { reportInactive: true, directory: owned('archived') });
  await until('it arrives', () => sandbox.failedCheckins.length === 1);
  expect(sandbox.failedCheckins[0]).toMatchObject({
    BusinessId: 77,
    CheckinAttemptTime: '2026-03-02T09:00:00Z',
    CheckinAttemptTimeLocal: '2026-03-02T10:00:00',
    CoworkerId: 11,
    TariffAtTheTimeOfCheckin: 'Hot desk',
    TeamsAtTheTimeOfCheckin: 'Acme',
    Source: 3,
    MacAddresses: '3C:22:FB:00:00:01',
    Description: expect.stringMatching(/^Device of Anna Keller \(account archived\): Apple, Inc\./),
  });
});

test.each(['inactive', 'archived'] as const)(
  'without REPORT_INACTIVE the device of an %s coworker is not reported',
  async (status) => {
    const outbox = await run([{ mac: MAC, atMs: 0 }], { directory: owned(status) });
    expect(outbox.isEmpty).toBe(true);
  },
);

test('an active coworker is not reported even with REPORT_INACTIVE', async () => {
  const outbox = await run([{ mac: MAC, atMs: 0 }], { reportInactive: true, directory: owned('active') });
  expect(outbox.isEmpty).toBe(true);
});

test('REPORT_AGAIN_AFTER spaces the reports of a phone that comes and goes; without it each visit is reported', async () => {
  const visits = [0, 60, 120, 180].map((minutes) => ({ mac: MAC, atMs: minutes * MINUTE }));
  await run(visits);
  await until('all four arrive', () => sandbox.failedCheckins.length === 4);

  await deliverer?.close();
  await run(
    visits.map(({ mac, atMs }) => ({ mac, atMs: atMs + 86_400_000 })),
    { reportAgainAfterMs: 150 * MINUTE },
  );
  await until('two more arrive', () => sandbox.failedCheckins.length === 6);
  expect(sandbox.failedCheckins.slice(4).map(({ CheckinAttemptTime }) => CheckinAttemptTime)).toEqual([
    '2026-03-03T09:00:00Z',
    '2026-03-03T12:00:00Z',
  ]);
});

test("past the day's limit check-ins wait; nothing is posted, and nothing is dropped", async () => {
  const visits = [1, 2, 3].map((device) => ({ mac: `3c:22:fb:00:00:0${device}`, atMs: device * 1_000 }));
  const outbox = await run(visits, { perDay: 2 });
  await until('the limit is met', () => outcomes.length === 3);
  expect(sandbox.failedCheckins).toHaveLength(2);
  expect(await outbox.counts()).toMatchObject({ delayed: 1, failed: 0 });
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'await-proof',
    reason: expect.stringContaining('NEXUDUS_POSTS_PER_DAY'),
  });
});

test('a new day brings a new number of posts', async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  const { claim } = budgetInMemory(1);
  const claimed = async () => (await claim(true)).claimed;
  expect([await claimed(), await claimed()]).toEqual(['granted', 'used-up']);
  vi.setSystemTime(START + 86_400_000);
  expect([await claimed(), await claimed()]).toEqual(['granted', 'used-up']);
});
