// What delivery makes of each answer, told by small edges of its own; and that an entry which somebody else took over is not posted.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { failedCheckinBody } from '../../src/nexudus/failed-checkin.js';
import { NexudusError, type NexudusFailure } from '../../src/nexudus/failure.js';
import { budgetInMemory, budgetInRedis } from '../../src/outbox/day-budget.js';
import { createDelivery, type DeliveryEdges } from '../../src/outbox/delivery.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import type { Report } from '../../src/outbox/report.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { emptyDirectory, LOGIN, PATIENCE, reportFor, rulesOf } from './trial-reports.js';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

const fails = (failure: NexudusFailure) => () => Promise.reject(new NexudusError(failure));
const refused = fails({ kind: 'unavailable', message: 'connection refused', mayHaveArrived: false });
const rejected = (status: number) => fails({ kind: 'rejected', status, messages: ['no'] });
const lacksRole = fails({ kind: 'unauthorised', message: 'the account lacks the role' });

function delivery(edges: Partial<DeliveryEdges> = {}) {
  const posts: object[] = [];
  const marks: boolean[] = [];
  const deliver = createDelivery({
    post: async (checkin) => posts.push(checkin),
    find: async () => null,
    recheck: () => ({ kind: 'report' }),
    readPlan: async () => ({ tariff: null, teams: [] }),
    patience: PATIENCE,
    ...edges,
  });
  const run = (
    changes: { sent?: boolean; addedMs?: number; inactive?: Report['inactive']; number?: number } = {},
  ): Promise<Outcome> =>
    deliver(
      { ...reportFor(changes.number ?? 1), sent: changes.sent ?? false, inactive: changes.inactive ?? null },
      async (sent) => {
        marks.push(sent);
      },
      changes.addedMs ?? Date.now(),
    );
  return { run, posts, marks };
}

test.each([
  ['in memory', () => budgetInMemory(2)],
  ['in Redis', () => budgetInRedis(redis, 2)],
])("posts that certainly were not made do not use up the day's number (%s)", async (_where, make) => {
  await redis.flushall();
  const claimPost = make().claim;
  const failing = delivery({ claimPost, post: refused });
  for (let tries = 0; tries < 5; tries++)
    expect(await failing.run()).toMatchObject({ kind: 'pause-own', reason: 'connection refused' });
  const working = delivery({ claimPost });
  expect([(await working.run()).kind, (await working.run()).kind, (await working.run()).kind]).toEqual([
    'posted',
    'posted',
    'pause',
  ]);
  expect(working.posts).toHaveLength(2);
});

test('a search that is refused says nothing about the check-in: it is put back, never failed', async () => {
  for (const find of [rejected(400), lacksRole])
    expect((await delivery({ find }).run({ sent: true })).kind).toBe('put-back');
});

test('plan and teams that cannot be read do not keep a report back', async () => {
  const inactive = { coworkerId: 11, name: 'Anna', status: 'archived' } as const;
  for (const readPlan of [rejected(404), lacksRole]) {
    const { run, posts } = delivery({ readPlan });
    expect((await run({ inactive })).kind).toBe('posted');
    expect(posts).toEqual([failedCheckinBody({ ...reportFor(1), inactive })]);
  }
  // But an API that is away is waited for.
  expect((await delivery({ readPlan: refused }).run({ inactive })).kind).toBe('pause-own');
});

test('a post that was not answered is searched for later, while others go ahead; another one in a row makes all wait', async () => {
  const { run, marks } = delivery({
    post: fails({ kind: 'unavailable', message: 'reset', mayHaveArrived: true, isUnanswered: true }),
  });
  expect(await run()).toEqual({ kind: 'put-back', reason: 'reset', leastMs: PATIENCE.searchAfterMs });
  // The same one once more says nothing of the others.
  expect((await run()).kind).toBe('put-back');
  expect(await run({ number: 2 })).toMatchObject({ kind: 'pause', reason: 'reset' });
  expect(marks).toEqual([true, true, true]);
});

test('one entry that is never answered does not hold up the others for ever', async () => {
  const outbox = new MemoryOutbox({ spacingMs: 1, firstPutBackMs: 20 });
  const arrived: string[] = [];
  const never = failedCheckinBody(reportFor(1)).MacAddresses;
  const deliver = createDelivery({
    post: async ({ MacAddresses }) => {
      if (MacAddresses === never) {
        throw new NexudusError({ kind: 'unavailable', message: 'reset', mayHaveArrived: true, isUnanswered: true });
      }
      return arrived.push(MacAddresses);
    },
    find: async () => null,
    recheck: () => ({ kind: 'report' }),
    readPlan: async () => ({ tariff: null, teams: [] }),
    patience: PATIENCE,
  });
  outbox.enqueue(reportFor(1));
  const outcomes: Outcome[] = [];
  const deliverer = outbox.start(deliver, {
    onOutcome(_report, outcome) {
      outcomes.push(outcome);
      // The others come when it was put back for the first time.
      if (outcomes.length === 1) for (const number of [2, 3, 4]) outbox.enqueue(reportFor(number));
    },
  });
  await until('the others arrive', () => arrived.length === 3);
  await deliverer.close();
});

test('an entry that waited is asked about in a directory that is up to date; a new one was decided a moment ago', async () => {
  let freshened = 0;
  const freshen = async () => {
    freshened++;
    return 'fresh' as const;
  };
  await delivery({ freshen }).run();
  expect(freshened).toBe(0);
  await delivery({ freshen }).run({ addedMs: Date.now() - 60_000 });
  expect(freshened).toBe(1);
});

test('while the directory is being read nothing that waited is posted, nor marked; when it cannot be read the last known one must do', async () => {
  let freshness: 'fresh' | 'being-read' | 'last-known' = 'being-read';
  const { run, posts, marks } = delivery({ freshen: async () => freshness });
  const waited = { addedMs: Date.now() - 60_000 };
  for (const sent of [false, true]) {
    expect(await run({ ...waited, sent })).toEqual({
      kind: 'pause-own',
      ms: PATIENCE.directoryPauseMs,
      reason: 'the directory is being read',
    });
  }
  expect([posts, marks]).toEqual([[], []]);
  freshness = 'last-known';
  expect((await run(waited)).kind).toBe('posted');
});

test('entries of another business are not judged by our own local list, ignore rules and settings', async () => {
  const directory = emptyDirectory();
  directory.register(1, { kind: 'coworker', id: 11, name: 'Anna', status: 'archived' }, [reportFor(2).mac]);
  const seen: number[] = [];
  const client = {
    get: async () => ({ Records: [], CurrentPage: 1, HasNextPage: false, Teams: null }),
    post: async () => {
      seen.push(1);
      return { Value: { Id: seen.length } };
    },
    clockSkewMs: () => 0,
    close: async () => {},
  } as unknown as Parameters<typeof nexudusDelivery>[0];
  const rules = rulesOf({
    loaded: true,
    lookup: (mac) => (mac === reportFor(1).mac ? { kind: 'local' as const, name: 'our phone' } : directory.lookup(mac)),
  });
  const deliver = nexudusDelivery(client, rules, { patience: PATIENCE });
  const foreign = (number: number, more: Partial<Report> = {}) => ({ ...reportFor(number), businessId: 88, ...more });
  const inactive = { coworkerId: 11, name: 'Anna', status: 'archived' } as const;
  const mark = async () => {};
  // Known to us alone: the other business does not know it.
  expect((await deliver(foreign(1), mark, Date.now())).kind).toBe('posted');
  // Reported there because REPORT_INACTIVE is set there.
  expect((await deliver(foreign(2, { inactive }), mark, Date.now())).kind).toBe('posted');
  expect((await deliver(foreign(2), mark, Date.now())).kind).toBe('not-needed');
  // Our own are judged by our own.
  expect((await deliver(reportFor(1), mark, Date.now())).kind).toBe('not-needed');
});

test('an entry that another sensor has taken over is not posted', async () => {
  await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  const report = reportFor(1);
  let posts = 0;
  let tries = 0;
  const deliver = createDelivery({
    post: async () => ++posts,
    find: async () => null,
    recheck: () => ({ kind: 'report' }),
    readPlan: async () => ({ tariff: null, teams: [] }),
    async claimPost() {
      tries++;
      // What a takeover leaves: somebody else's token in the lock.
      if (tries === 1) await redis.set(`{nwm:outbox}:failed-checkins:${report.id}:lock`, 'somebody-else', 'PX', 1_000);
      return { claimed: 'granted', giveBack: async () => {} };
    },
    patience: PATIENCE,
  });
  await outbox.enqueue(report);
  const errors: string[] = [];
  const deliverer = startRedisDelivery(redis, outbox, deliver, {
    spacingMs: 1,
    firstPutBackMs: 20,
    onOutcome: () => {},
    onError: (error) => errors.push(error.message),
  });
  await until('it was tried', () => tries === 1);
  await until('the takeover is noticed', () => errors.length > 0);
  expect(posts).toBe(0);
  await deliverer.close();
  await outbox.close();
});

test('a shorter pause does not cut a longer one', async () => {
  await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  await outbox.pauseAll(3_600_000);
  await outbox.pauseAll(1_234.5);
  expect(await redis.pttl('{nwm:outbox}:failed-checkins:limiter')).toBeGreaterThan(1_800_000);
  await outbox.close();
});

test.each([
  ['a search', { sent: true }],
  ['the reading of a plan', { inactive: { coworkerId: 11, name: 'Anna', status: 'archived' as const } }],
])('what became known during %s is minded before the post', async (_what, report) => {
  for (const [last, outcome] of [
    [{ kind: 'not-needed', reason: 'labelled as equipment' }, { kind: 'not-needed' }],
    [{ kind: 'wait', reason: 'the labels cannot be read (Redis)' }, { kind: 'pause-own' }],
    [{ kind: 'report' }, { kind: 'posted' }],
  ] as const) {
    let asked = 0;
    const recheck = () => (asked++ === 0 ? ({ kind: 'report' } as const) : last);
    expect(await delivery({ recheck }).run(report)).toMatchObject(outcome);
  }
});

test('while the labels cannot be read nothing is posted: delivery waits and says why', async () => {
  const client = {} as Parameters<typeof nexudusDelivery>[0];
  const rules = rulesOf({ loaded: true, lookup: () => null });
  const labelStore = { labelOf: () => Promise.reject(new Error('away')) };
  const deliver = nexudusDelivery(client, rules, { patience: PATIENCE, labelStore });
  expect(await deliver(reportFor(1), async () => {}, Date.now())).toEqual({
    kind: 'pause-own',
    ms: PATIENCE.directoryPauseMs,
    reason: 'the labels cannot be read (Redis)',
  });
});

test.each([
  ['reading a plan', { inactive: { coworkerId: 11, name: 'Anna', status: 'archived' as const } }],
  ['logging in', {}],
])('one deadline holds for the whole post: when %s takes it up, nothing is posted any more', async (what, report) => {
  // As the client does: what is waited for ends with the signal, and nothing is sent afterwards.
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  let sent = 0;
  const { run, marks } = delivery({
    patience: { ...PATIENCE, postWithinMs: 50, searchAfterMs: 3_600_000 },
    async readPlan(_id, signal) {
      return await untilAborted(signal);
    },
    async post(_checkin, signal) {
      if (what === 'logging in') await untilAborted(signal);
      return ++sent;
    },
  });
  const outcome = await run(report);
  expect(outcome).toMatchObject({ kind: 'put-back', reason: expect.stringContaining('took longer than') });
  expect(sent).toBe(0);
  // Only where the post had begun it may have arrived, and is searched for later.
  expect(marks).toEqual(what === 'logging in' ? [true] : []);
});

test('a login that is slow does not let a post begin after its time', async () => {
  const sandbox = await startSandbox();
  const client = createNexudusClient({ url: sandbox.url, auth: LOGIN });
  const posts = () => sandbox.requests.filter(({ path }) => path.startsWith('/api/spaces/failedcheckins'));
  sandbox.fault({ method: 'POST', path: '/api/token', action: { kind: 'delay-headers', ms: 1_000 } });
  const patience = { ...PATIENCE, postWithinMs: 100 };
  const deliver = nexudusDelivery(client, rulesOf(emptyDirectory()), { patience });
  const outcome = await deliver(reportFor(1), async () => {}, Date.now());
  expect(outcome).toMatchObject({ kind: 'put-back', reason: expect.stringContaining('the post took longer') });
  // The login goes on for whoever asks next, and brings no post with it.
  await client.checkLogin();
  expect(posts()).toEqual([]);
  expect(sandbox.failedCheckins).toEqual([]);
  await client.close();
  await sandbox.close();
});
