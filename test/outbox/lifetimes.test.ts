// Nothing that the outbox writes into Redis stays there for ever: with no sensor left, only what waits is there after the retention.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { budgetInRedis } from '../../src/outbox/day-budget.js';
import type { Deliverer, Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import type { Report } from '../../src/outbox/report.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { reportFor } from './trial-reports.js';

const DAY_MS = 86_400_000;
/** When BullMQ last looked for jobs whose worker died: lives for 15 s, and names nothing. */
const LATEST_CHECK = '{nwm:outbox}:failed-checkins:stalled-check';
const HELD: Outcome = { kind: 'pause', ms: 50, reason: 'Nexudus is away' };

let server: RedisServer;
let redis: Redis;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});

afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
  await redis.flushall();
});

afterAll(async () => {
  await redis.quit();
  await server.stop();
});

function outboxWith(retentionMs: number, outboxRetentionMs = 30 * DAY_MS): RedisOutbox {
  const outbox = new RedisOutbox(redis, { retentionMs, outboxRetentionMs });
  closing.push(() => outbox.close());
  return outbox;
}

/** Delivery that has this to say about each report. */
function deliver(outbox: RedisOutbox, outcomeOf: (report: Report) => Outcome): Deliverer {
  const deliverer = startRedisDelivery(redis, outbox, async (report) => outcomeOf(report), {
    spacingMs: 1,
    firstPutBackMs: 20,
    onOutcome: () => {},
    onError: () => {},
  });
  closing.push(() => deliverer.close());
  return deliverer;
}

/** The keys that would be there for ever. */
async function immortal(): Promise<string[]> {
  const keys = (await redis.keys('*')).sort();
  const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
  return keys.filter((_key, index) => lives[index] === -1);
}

test('a report has a time to live from the very step in which it is added', async () => {
  const outbox = outboxWith(60_000);
  await outbox.enqueue(reportFor(1));
  expect(await immortal()).toEqual([]);
  const life = await redis.pttl('{nwm:outbox}:failed-checkins:77-da0000000001-1772442001000');
  expect(life).toBeGreaterThan(30 * DAY_MS);
  expect(life).toBeLessThanOrEqual(30 * DAY_MS + 60_000);
});

test('a report that is added once more keeps the time to live that it has', async () => {
  const outbox = outboxWith(60_000);
  const key = `{nwm:outbox}:failed-checkins:${reportFor(1).id}`;
  deliver(outbox, () => ({ kind: 'posted', recordId: 1 }));
  await outbox.enqueue(reportFor(1));
  await until('it is posted', async () => (await redis.hget(key, 'finishedOn')) !== null);
  await outbox.enqueue(reportFor(1));
  expect(await redis.pttl(key)).toBeLessThanOrEqual(60_000);
});

test('whatever becomes of reports, no key is left without a time to live', async () => {
  const outbox = outboxWith(60_000);
  const outcomes: Outcome[] = [
    { kind: 'posted', recordId: 1 },
    { kind: 'not-needed', reason: 'registered meanwhile' },
    { kind: 'refused', reason: 'no' },
    { kind: 'put-back', reason: 'this one alone' },
    HELD,
  ];
  const deliverer = deliver(outbox, ({ mac }) => outcomes[mac % 256] ?? HELD);
  for (let number = 0; number < outcomes.length; number++) await outbox.enqueue(reportFor(number));
  await until('all were tried', async () => {
    const { failed, waiting, delayed } = await outbox.counts();
    return failed === 1 && waiting + delayed === 2;
  });
  // What BullMQ has moved since gets its time to live with the next step of delivery, or cleaning.
  await deliverer.close();
  await outbox.clean();
  expect(await immortal()).toEqual([]);
});

test('when nobody uses the outbox any more, what is finished is gone after the retention, and what waits is kept', async () => {
  const retentionMs = 1_500;
  const outbox = outboxWith(retentionMs);
  const deliverer = deliver(outbox, ({ mac }) => {
    if (mac % 256 === 0) return { kind: 'posted', recordId: 1 };
    return mac % 256 === 1 ? { kind: 'refused', reason: 'no' } : { kind: 'put-back', reason: 'later', leastMs: DAY_MS };
  });
  for (const number of [0, 1, 2]) await outbox.enqueue(reportFor(number));
  await until('two are finished, one waits', async () => {
    const { failed, delayed } = await outbox.counts();
    return failed === 1 && delayed === 1;
  });
  await deliverer.close();

  const waits = reportFor(2).id;
  const keys = async () => (await redis.keys('*')).filter((key) => key !== LATEST_CHECK).sort();
  await until('only what waits is left', async () => (await keys()).length === 2);
  expect(await keys()).toEqual([`{nwm:outbox}:failed-checkins:${waits}`, '{nwm:outbox}:failed-checkins:delayed']);
  // A sensor that comes later delivers it.
  expect((await outbox.list(10)).map(({ id }) => id)).toEqual([waits]);
});

test('what has waited for longer than OUTBOX_RETENTION is dropped and counted', async () => {
  const outbox = outboxWith(60_000, 100);
  deliver(outbox, ({ mac }) => (mac % 256 === 1 ? { kind: 'put-back', reason: 'later', leastMs: DAY_MS } : HELD));
  await outbox.enqueue(reportFor(1));
  await outbox.enqueue(reportFor(2));
  let dropped = 0;
  await until('both are dropped', async () => {
    dropped += (await outbox.clean()).dropped;
    return dropped === 2;
  });
  expect(await outbox.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0, dropped: 2 });
  expect(await outbox.list(10)).toEqual([]);
  await outbox.enqueue(reportFor(3));
  expect((await outbox.clean()).dropped).toBe(0);
});

test("the day's numbers of posts are numbers alone, and gone when the day is", async () => {
  const budget = budgetInRedis(redis, 100);
  const { giveBack } = await budget.claim(false);
  await budget.claim(true);
  await giveBack();
  const keys = (await redis.keys('*')).sort();
  expect(keys).toEqual([
    expect.stringMatching(/^\{nwm:outbox\}:posts:\d{4}-\d\d-\d\d$/),
    expect.stringMatching(/^\{nwm:outbox\}:unproven-posts:\d{4}-\d\d-\d\d$/),
  ]);
  expect(await redis.mget(keys)).toEqual(['1', '0']);
  const endMs = Date.parse(keys[0]?.slice(-10) ?? '') + DAY_MS;
  // A key lives for a second at least, also when the day has just ended.
  for (const key of keys) expect(await redis.pexpiretime(key)).toBeLessThanOrEqual(Math.max(endMs, Date.now()) + 2_000);
});

test('what an earlier version left without a time to live gets one', async () => {
  const outbox = outboxWith(60_000);
  await outbox.enqueue(reportFor(1));
  for (const key of await redis.keys('*')) await redis.persist(key);
  await redis.zadd('{nwm:outbox}:failed-checkins:completed', Date.now(), 'former');
  expect((await immortal()).length).toBeGreaterThan(3);
  await outbox.clean();
  expect(await immortal()).toEqual([]);
});

test.each([
  ['three months ago', -90 * DAY_MS],
  ['a year ahead', 365 * DAY_MS],
])('a sensor whose clock is %s loses no report, of its own or of others', async (_where, aheadMs) => {
  const outbox = outboxWith(60_000);
  const setClock = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
  await outbox.enqueue(reportFor(1));
  setClock(aheadMs);
  await outbox.enqueue(reportFor(2));
  expect(await outbox.clean()).toEqual({ dropped: 0 });
  expect(Date.now() - ((await outbox.oldestMs()) ?? 0)).toBeLessThan(DAY_MS);
  vi.useRealTimers();
  expect(await outbox.clean()).toEqual({ dropped: 0 });
  expect(Date.now() - ((await outbox.oldestMs()) ?? 0)).toBeLessThan(DAY_MS);
  // Another sensor, with the right clock, cannot post them now.
  const added: number[] = [];
  const deliverer = startRedisDelivery(
    redis,
    outbox,
    async (_report, _markSent, addedMs) => {
      added.push(addedMs);
      return { kind: 'put-back', reason: 'this one alone', leastMs: DAY_MS };
    },
    { spacingMs: 1, onOutcome: () => {}, onError: () => {} },
  );
  closing.push(() => deliverer.close());
  await until('both are put back', async () => (await outbox.counts()).delayed === 2);
  for (const addedMs of added) expect(Math.abs(Date.now() - addedMs)).toBeLessThan(DAY_MS);
  for (const number of [1, 2]) {
    const life = await redis.pttl(`{nwm:outbox}:failed-checkins:${reportFor(number).id}`);
    expect(life).toBeGreaterThan(29 * DAY_MS);
    expect(life).toBeLessThanOrEqual(30 * DAY_MS + 60_000);
  }
});
