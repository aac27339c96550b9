// Who goes first: devices that proved themselves, and locations in turn. And that made-up addresses do not use up the day.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { budgetInMemory, budgetInRedis, type DayBudget } from '../../src/outbox/day-budget.js';
import { createDelivery } from '../../src/outbox/delivery.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { AWAITS_PROOF, type Deliver, type Deliverer, type Outbox } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import type { Report } from '../../src/outbox/report.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { PATIENCE, reportFor } from './trial-reports.js';

let server: RedisServer;
let redis: Redis;
let closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

interface Trial {
  readonly outbox: Outbox;
  readonly budget: DayBudget;
  start(deliver: Deliver): void;
}

const PER_DAY = 10;

function inMemory(): Trial {
  const outbox = new MemoryOutbox({ spacingMs: 1 });
  const started = (deliverer: Deliverer) => closing.push(() => deliverer.close());
  return {
    outbox,
    budget: budgetInMemory(PER_DAY),
    start: (deliver) => started(outbox.start(deliver, { onOutcome: () => {} })),
  };
}

async function inRedis(): Promise<Trial & { readonly outbox: RedisOutbox }> {
  await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  closing.push(() => outbox.close());
  return {
    outbox,
    budget: budgetInRedis(redis, PER_DAY),
    start(deliver) {
      const options = { spacingMs: 1, onOutcome: () => {}, onError: () => {} };
      const deliverer = startRedisDelivery(redis, outbox, deliver, options);
      closing.push(() => deliverer.close());
    },
  };
}

const of = (businessId: number, number: number, proven = true): Report => ({
  ...reportFor(number),
  id: `${businessId}-${number}`,
  businessId,
  proven,
});

describe.each<[string, () => Trial | Promise<Trial>]>([
  ['memory', inMemory],
  ['Redis', inRedis],
])('the outbox in %s', (_where, make) => {
  /** The order in which reports are taken. */
  async function order(trial: Trial, count: number): Promise<string[]> {
    const ids: string[] = [];
    trial.start(async ({ id }) => {
      ids.push(id);
      return { kind: 'posted', recordId: 1 };
    });
    await until('all are taken', () => ids.length === count);
    return ids;
  }

  test('a location that brings many does not make another wait: they take turns', async () => {
    const trial = await make();
    for (let number = 1; number <= 50; number++) await trial.outbox.enqueue(of(77, number));
    for (let number = 1; number <= 3; number++) await trial.outbox.enqueue(of(88, number));
    const ids = await order(trial, 53);
    expect(ids.slice(0, 6)).toEqual(['77-1', '88-1', '77-2', '88-2', '77-3', '88-3']);
    expect(ids.slice(6)).toEqual(Array.from({ length: 47 }, (_, index) => `77-${index + 4}`));
  });

  test('a location that comes late begins at the turn that is served, not before it', async () => {
    const trial = await make();
    const ids: string[] = [];
    let hold: () => void = () => {};
    for (let number = 1; number <= 6; number++) await trial.outbox.enqueue(of(77, number));
    trial.start(async ({ id }) => {
      ids.push(id);
      if (id === '77-3')
        await new Promise<void>((resolve) => {
          hold = resolve;
        });
      return { kind: 'posted', recordId: 1 };
    });
    await until('the third is served', () => ids.length === 3);
    for (let number = 1; number <= 4; number++) await trial.outbox.enqueue(of(88, number));
    hold();
    await until('all are taken', () => ids.length === 10);
    expect(ids.slice(3)).toEqual(['77-4', '88-1', '77-5', '88-2', '77-6', '88-3', '88-4']);
  });

  test('devices that proved themselves go first; the one that does so while it waits goes behind them', async () => {
    const trial = await make();
    for (let number = 1; number <= 4; number++) await trial.outbox.enqueue(of(77, number, false));
    for (let number = 5; number <= 6; number++) await trial.outbox.enqueue(of(77, number));
    expect(await trial.outbox.prove('77-3', 77)).toBe('done');
    expect(await trial.outbox.prove('77-99', 77)).toBe('done');
    expect(await trial.outbox.counts()).toMatchObject({ waiting: 6, delayed: 0, active: 0, failed: 0 });
    expect(await trial.outbox.oldestMs()).toBeLessThanOrEqual(Date.now());
    const listed = await trial.outbox.list(10);
    expect(listed.filter(({ report }) => report.proven).map(({ id }) => id)).toHaveLength(3);
    expect(await order(trial, 6)).toEqual(['77-5', '77-6', '77-3', '77-1', '77-2', '77-4']);
  });

  test('made-up addresses do not use up the day: visitors that prove themselves are reported, the others wait for proof', async () => {
    const { outbox, budget, start } = await make();
    const posted: string[] = [];
    const deliver = createDelivery({
      post: async ({ MacAddresses }) => posted.push(MacAddresses),
      find: async () => null,
      recheck: () => ({ kind: 'report' }),
      readPlan: async () => ({ tariff: null, teams: [] }),
      claimPost: budget.claim,
      patience: PATIENCE,
    });
    for (let number = 1; number <= 20; number++) await outbox.enqueue(of(77, number, false));
    start(deliver);
    // 60 % of the day is theirs.
    await until('the rest waits for proof', async () => (await outbox.counts()).delayed === 14);
    expect(posted).toHaveLength(6);
    expect(await budget.spent()).toEqual({ posts: 6, perDay: 10, unproven: 6, unprovenPerDay: 6 });
    const waiting = await outbox.list(100);
    expect(waiting.map(({ reason }) => reason)).toEqual(Array(14).fill(AWAITS_PROOF));
    // One of them is a visitor who is still here minutes later; others come with a lease.
    const visitor = waiting[7]?.report ?? reportFor(0);
    expect(await outbox.prove(visitor.id, 77)).toBe('done');
    for (let number = 30; number <= 32; number++) await outbox.enqueue(of(88, number));
    await until('they are posted', () => posted.length === 10);
    expect(await budget.spent()).toMatchObject({ posts: 10, unproven: 6 });
    expect(await outbox.counts()).toMatchObject({ delayed: 13, failed: 0 });
    expect(await outbox.dropAll({ isUnproven: true })).toEqual({ dropped: 13, busy: 0 });
    expect(await outbox.list(100)).toEqual([]);
  });

  test('what is being delivered cannot be proved yet, nor dropped', async () => {
    const { outbox, start } = await make();
    let hold: () => void = () => {};
    let isHeld = false;
    await outbox.enqueue(of(77, 1, false));
    start(async () => {
      await new Promise<void>((resolve) => {
        hold = resolve;
        isHeld = true;
      });
      return { kind: 'await-proof', ms: 3_600_000, reason: AWAITS_PROOF };
    });
    await until('it is being delivered', () => isHeld);
    expect(await outbox.prove('77-1', 77)).toBe('busy');
    expect(await outbox.dropAll({})).toEqual({ dropped: 0, busy: 1 });
    hold();
    await until('it waits', async () => (await outbox.counts()).delayed === 1);
    isHeld = false;
    expect(await outbox.prove('77-1', 77)).toBe('done');
    await until('it is taken again', () => isHeld);
    hold();
  });

  test('refused reports that an operator retries take turns with what other locations bring', async () => {
    const { outbox, start } = await make();
    const ids: string[] = [];
    let isRefusing = true;
    let hold: () => void = () => {};
    for (let number = 1; number <= 6; number++) await outbox.enqueue(of(77, number));
    start(async ({ id }) => {
      if (isRefusing) return { kind: 'refused', reason: 'no' };
      ids.push(id);
      if (ids.length === 1)
        await new Promise<void>((resolve) => {
          hold = resolve;
        });
      return { kind: 'posted', recordId: 1 };
    });
    await until('all are refused', async () => (await outbox.counts()).failed === 6);
    isRefusing = false;
    await outbox.enqueue(of(99, 1));
    await until('another is being delivered', () => ids.length === 1);
    expect(await outbox.retry(null)).toBe(6);
    for (let number = 1; number <= 2; number++) await outbox.enqueue(of(88, number));
    hold();
    await until('all are taken', () => ids.length === 9);
    expect(ids.slice(1, 5).filter((id) => id.startsWith('88'))).toEqual(['88-1', '88-2']);
  });

  test('a device that proves itself after its report was delivered costs its location no turn', async () => {
    const trial = await make();
    let posted = 0;
    for (let number = 1; number <= 5; number++) await trial.outbox.enqueue(of(77, number, false));
    let hold: () => void = () => {};
    const ids: string[] = [];
    trial.start(async ({ id }) => {
      posted++;
      if (posted === 6)
        await new Promise<void>((resolve) => {
          hold = resolve;
        });
      if (posted > 6) ids.push(id);
      return { kind: 'posted', recordId: 1 };
    });
    await until('all are delivered', async () => posted === 5 && (await trial.outbox.counts()).active === 0);
    for (let number = 1; number <= 5; number++) expect(await trial.outbox.prove(`77-${number}`, 77)).toBe('done');
    await trial.outbox.enqueue(of(99, 1));
    await until('another is being delivered', () => posted === 6);
    for (let number = 1; number <= 3; number++) await trial.outbox.enqueue(of(88, number));
    await trial.outbox.enqueue(of(77, 9));
    hold();
    await until('all are taken', () => ids.length === 4);
    expect(ids).toEqual(['88-1', '77-9', '88-2', '88-3']);
  });

  test('only what was added before a time can be dropped', async () => {
    const { outbox } = await make();
    await outbox.enqueue(of(77, 1));
    const betweenMs = Date.now() + 1;
    await until('the clock has gone on', () => Date.now() > betweenMs);
    await outbox.enqueue(of(77, 2));
    expect(await outbox.dropAll({ beforeMs: betweenMs, isUnproven: true })).toEqual({ dropped: 0, busy: 0 });
    expect(await outbox.dropAll({ beforeMs: betweenMs })).toEqual({ dropped: 1, busy: 0 });
    expect((await outbox.list(10)).map(({ id }) => id)).toEqual(['77-2']);
    expect(await outbox.dropAll({})).toEqual({ dropped: 1, busy: 0 });
  });
});

test('what waits for tomorrow does not go before what another location brings then', async () => {
  const { outbox } = await inRedis();
  const options = { spacingMs: 1, onOutcome: () => {}, onError: () => {} };
  for (let number = 1; number <= 5; number++) await outbox.enqueue(of(77, number, false));
  const today = startRedisDelivery(
    redis,
    outbox,
    async () => ({ kind: 'await-proof', ms: 86_400_000, reason: AWAITS_PROOF }),
    options,
  );
  await until('all wait for proof', async () => (await outbox.counts()).delayed === 5);
  await today.close();
  for (let number = 1; number <= 2; number++) await outbox.enqueue(of(88, number, false));
  // Tomorrow comes.
  const { Queue } = await import('bullmq');
  const queue = new Queue('failed-checkins', { connection: redis, prefix: '{nwm:outbox}' });
  for (const job of await queue.getDelayed()) await job.promote();
  await queue.close();
  const ids: string[] = [];
  const tomorrow = startRedisDelivery(
    redis,
    outbox,
    async ({ id }) => {
      ids.push(id);
      return { kind: 'posted', recordId: 1 };
    },
    options,
  );
  closing.push(() => tomorrow.close());
  await until('all are taken', () => ids.length === 7);
  expect(ids).toEqual(['88-1', '77-1', '88-2', '77-2', '77-3', '77-4', '77-5']);
});

test('a device that proves itself while its report is told to wait for proof does not wait for tomorrow', async () => {
  const { outbox } = await inRedis();
  await outbox.enqueue(of(77, 1, false));
  const taken: boolean[] = [];
  let hold: () => void = () => {};
  const deliverer = startRedisDelivery(
    redis,
    outbox,
    async ({ proven }) => {
      taken.push(proven);
      if (proven) return { kind: 'posted', recordId: 1 };
      await new Promise<void>((resolve) => {
        hold = resolve;
      });
      return { kind: 'await-proof', ms: 86_400_000, reason: AWAITS_PROOF };
    },
    { spacingMs: 1, firstPutBackMs: 1, onOutcome: () => {}, onError: () => {} },
  );
  closing.push(() => deliverer.close());
  await until('it is being delivered', () => taken.length === 1);
  // The device leaves after that, so nobody says it once more.
  expect(await outbox.prove('77-1', 77)).toBe('busy');
  hold();
  await until('it is taken again', () => taken.length === 2);
  expect(taken).toEqual([false, true]);
});

test('in Redis an entry of the version before goes first, and counts as proven', async () => {
  const { outbox, start } = await inRedis();
  await outbox.enqueue(of(77, 2, false));
  const { proven: _, ...former } = reportFor(1);
  const { Queue } = await import('bullmq');
  const queue = new Queue('failed-checkins', { connection: redis, prefix: '{nwm:outbox}' });
  await queue.add('failed-checkin', former, { jobId: former.id });
  await queue.close();
  const taken: Report[] = [];
  start(async (report) => {
    taken.push(report);
    return { kind: 'posted', recordId: 1 };
  });
  await until('both are taken', () => taken.length === 2);
  expect(taken.map(({ id, proven }) => [id, proven])).toEqual([
    [former.id, true],
    ['77-2', false],
  ]);
});
