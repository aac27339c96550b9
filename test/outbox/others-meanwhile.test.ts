// The fault matrix's column "others meanwhile": whatever is wrong with one report, or with one sensor, other reports go on. A slot is one
// report that is taken out of the outbox; others may lose two of them, and nobody is made to wait.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fault } from '../../scripts/nexudus-sandbox/faults.js';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { createNexudusClient, type Login } from '../../src/nexudus/client.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { isLoginGood, nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { Deliver, Outbox, Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import type { Report } from '../../src/outbox/report.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { POST, RETRIED } from './faults.js';
import { emptyDirectory, LOGIN, PATIENCE, reportFor, rulesOf } from './trial-reports.js';

const MAX_SLOTS_LOST = 2;
/** Once put back or paused, so for the rest of the test: what is counted must not depend on how busy the machine is. */
const LONG_MS = 3_600_000;
const LONG_PATIENCE = {
  ...PATIENCE,
  firstPauseMs: LONG_MS,
  longestPauseMs: LONG_MS,
  loginPauseMs: LONG_MS,
  directoryPauseMs: LONG_MS,
  searchAfterMs: LONG_MS,
};

const BAD = reportFor(1);
/** Of its own location, and of another one. */
const OTHERS = [2, 3, 4, 5, 6, 7].map((number) =>
  number < 5 ? reportFor(number) : { ...reportFor(number), id: `88-${number}`, businessId: 88 },
);

interface Taken {
  readonly id: string;
  readonly outcome: Outcome['kind'];
}

let server: RedisServer;
let sandbox: Sandbox;
let taken: Taken[];
let closing: (() => Promise<unknown>)[];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  sandbox = await startSandbox();
  taken = [];
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await sandbox.close();
});

function onOutcome({ id }: Report, outcome: Outcome): void {
  taken.push({ id, outcome: outcome.kind });
}

function client(url = sandbox.url, auth: Login = LOGIN) {
  // Far longer than an answer takes on a busy machine: the others are put back only once.
  const timeouts = { connectMs: 5_000, headersMs: 5_000, bodyMs: 5_000, totalMs: 20_000 };
  const made = createNexudusClient({ url, auth, timeouts });
  closing.push(() => made.close());
  return made;
}

interface Trial {
  readonly outbox: Outbox;
  start(deliver: Deliver, mayResume?: () => Promise<boolean>): void;
}

function inMemory(): Trial {
  const outbox = new MemoryOutbox({ spacingMs: 1, firstPutBackMs: LONG_MS });
  return {
    outbox,
    start(deliver) {
      const deliverer = outbox.start(deliver, { onOutcome });
      closing.push(() => deliverer.close());
    },
  };
}

/** `isFirst` false: beside a sensor that is there already. */
async function inRedis(isFirst = true): Promise<Trial> {
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  if (isFirst) await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  closing.push(
    () => redis.quit(),
    () => outbox.close(),
  );
  return {
    outbox,
    start(deliver, mayResume = async () => true) {
      const options = { spacingMs: 1, firstPutBackMs: LONG_MS, onOutcome, mayResume, onError: () => {} };
      const deliverer = startRedisDelivery(redis, outbox, deliver, options);
      closing.push(() => deliverer.close());
    },
  };
}

/** The others have arrived, and lost no more than two slots; what was taken before the first `from` is not counted. */
async function othersArrive(from = 0): Promise<void> {
  const isArrived = ({ id }: Report) => taken.some((slot) => slot.id === id && slot.outcome === 'posted');
  await until('the others arrive', () => OTHERS.every(isArrived));
  const last = taken.findLastIndex(({ id }) => OTHERS.some((other) => other.id === id));
  expect(last + 1 - from).toBeLessThanOrEqual(OTHERS.length + MAX_SLOTS_LOST);
  expect(taken.map(({ outcome }) => outcome)).not.toContain('pause');
}

const FAULTS_OF_A_REPORT: readonly { name: string; fault: Partial<Fault> & Pick<Fault, 'action'>; bad: Report }[] = [
  ...RETRIED.filter(({ of }) => of === undefined).map(({ name, fault }) => ({ name, fault, bad: BAD })),
  { name: '400', fault: { action: { kind: 'answer', status: 400 } }, bad: BAD },
  { name: '403', fault: { action: { kind: 'answer', status: 403 } }, bad: BAD },
  ...[400, 401, 500].map((status) => ({
    name: `a search that is answered ${status}`,
    fault: { method: 'GET', action: { kind: 'answer' as const, status } },
    bad: { ...BAD, sent: true },
  })),
  {
    name: 'a plan that is answered 500',
    fault: { method: 'GET', path: '/api/billing/coworkercontracts', action: { kind: 'answer', status: 500 } },
    bad: { ...BAD, inactive: { coworkerId: 11, name: 'Anna', status: 'archived' } },
  },
];

describe.each<[string, () => Trial | Promise<Trial>]>([
  ['memory', inMemory],
  ['Redis', () => inRedis()],
])('the outbox in %s', (_where, make) => {
  test.each(FAULTS_OF_A_REPORT)('while one report always meets $name, the others go on', async ({ fault, bad }) => {
    const { outbox, start } = await make();
    for (const report of [bad, ...OTHERS]) await outbox.enqueue(report);
    const deliver = nexudusDelivery(client(), rulesOf(emptyDirectory()), { patience: LONG_PATIENCE });
    start((report, ...more) => {
      // The fault follows this one report, however often it is tried.
      sandbox.clearFaults();
      if (report.id === BAD.id) sandbox.fault({ ...POST, ...fault, count: 100 });
      return deliver(report, ...more);
    });
    await othersArrive();
    expect(taken[0]).toMatchObject({ id: BAD.id });
    expect(taken[0]?.outcome).not.toBe('posted');
  });

  test('while all reports of one location are refused, it is asked seldom and another goes on', async () => {
    const { outbox, start } = await make();
    const bad = Array.from({ length: 20 }, (_, index) => reportFor(100 + index));
    const others = [5, 6, 7].map((number) => ({ ...reportFor(number), id: `88-${number}`, businessId: 88 }));
    for (const report of [...bad, ...others]) await outbox.enqueue(report);
    const asked: number[] = [];
    const deliver = nexudusDelivery(client(), rulesOf(emptyDirectory()), { patience: LONG_PATIENCE });
    start((report, ...more) => {
      sandbox.clearFaults();
      if (report.businessId === 77) sandbox.fault({ ...POST, count: 100, action: { kind: 'answer', status: 403 } });
      return deliver(report, ...more);
    });
    const isDealtWith = ({ id }: Report) => taken.some((slot) => slot.id === id);
    await until('all were taken', () => [...bad, ...others].every(isDealtWith));
    for (const { method, path, status } of sandbox.requests)
      if (method === 'POST' && path.startsWith(POST.path)) asked.push(status);
    // Three different ones show that it is the location; the rest of them costs no request.
    expect(asked.filter((status) => status === 403)).toHaveLength(3);
    expect(taken.map(({ outcome }) => outcome)).not.toContain('pause');
    // They take turns: the third of the other location comes in the sixth slot at the latest.
    expect(taken.findIndex(({ id }) => id === '88-7')).toBeLessThan(6 + MAX_SLOTS_LOST);
    const listed = (await outbox.list(100)).find(({ id }) => id === bad[0]?.id);
    expect(listed).toMatchObject({ reason: expect.stringContaining('403') });
  });
});

const WRONG_PASSWORD: Login = { ...LOGIN, password: 'wrong' };
const EXPIRED_TOKEN: Login = { kind: 'token', accessToken: 'expired' };

const FAULTS_OF_A_SENSOR: readonly { name: string; deliver: () => Promise<Deliver> }[] = [
  {
    name: 'a login that is refused',
    deliver: async () => delivery(client(sandbox.url, WRONG_PASSWORD)),
  },
  {
    name: 'an access token that has expired',
    deliver: async () => delivery(client(sandbox.url, EXPIRED_TOKEN)),
  },
  {
    name: 'no way to Nexudus',
    deliver: async () => delivery(client(`http://127.0.0.1:${await freePort()}`)),
  },
  {
    name: 'a directory that is being read',
    deliver: async () => {
      const deliver = delivery(client(), { freshen: async () => 'being-read' as const });
      return (report, markSent) => deliver(report, markSent, 0);
    },
  },
  {
    name: 'no directory',
    deliver: async () => delivery(client(), {}, { ...emptyDirectory(), loaded: false, lookup: () => null }),
  },
  {
    name: 'labels that cannot be read',
    deliver: async () => delivery(client(), { labelStore: { labelOf: () => Promise.reject(new Error('away')) } }),
  },
];

function delivery(
  nexudus: ReturnType<typeof client>,
  more: Parameters<typeof nexudusDelivery>[2] = {},
  directory: Parameters<typeof rulesOf>[0] = emptyDirectory(),
): Deliver {
  return nexudusDelivery(nexudus, rulesOf(directory), { patience: LONG_PATIENCE, ...more });
}

test.each(FAULTS_OF_A_SENSOR)('while one sensor has $name, another delivers', async ({ deliver }) => {
  const ill = await inRedis();
  for (const report of [BAD, ...OTHERS]) await ill.outbox.enqueue(report);
  ill.start(await deliver());
  await until('the fault is met', () => taken.length > 0);
  expect(taken).toEqual([{ id: BAD.id, outcome: 'pause-own' }]);
  await until('it is given back', async () => (await ill.outbox.counts()).active === 0);
  const well = await inRedis(false);
  well.start(delivery(client()));
  await othersArrive(1);
  // What the ill sensor gave back comes first, as if nothing had been.
  expect(taken[1]).toEqual({ id: BAD.id, outcome: 'posted' });
});

test('a sensor whose login stays wrong takes nothing again', async () => {
  const ill = await inRedis();
  await ill.outbox.enqueue(BAD);
  const nexudus = client(sandbox.url, WRONG_PASSWORD);
  let asked = 0;
  const mayResume = async () => {
    asked++;
    return await isLoginGood(nexudus);
  };
  ill.start(nexudusDelivery(nexudus, rulesOf(emptyDirectory()), { patience: PATIENCE }), mayResume);
  await until('it has asked for its login again and again', () => asked >= 3);
  expect(taken).toEqual([{ id: BAD.id, outcome: 'pause-own' }]);
});
