// A long outage: thousands of visits wait, then arrive in order and within the limit. And sensors that share Redis wait together.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { formatMac } from '../../src/addresses/mac-address.js';
import { createNexudusClient, type NexudusClient } from '../../src/nexudus/client.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { Deliverer, Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { emptyDirectory, LOGIN, PATIENCE, reportFor, rulesOf } from './trial-reports.js';

const LIMITER = '{nwm:outbox}:failed-checkins:limiter';

let server: RedisServer;
let sandbox: Sandbox | undefined;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await sandbox?.close();
  sandbox = undefined;
});
afterAll(() => server.stop());

/** A sensor's delivering side: connections, outbox and Nexudus client of its own. */
function sensor(
  url: string,
  spacingMs: number,
  onOutcome: (outcome: Outcome) => void,
): { outbox: RedisOutbox; deliverer: () => Deliverer } {
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const client: NexudusClient = createNexudusClient({
    url,
    auth: LOGIN,
  });
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  const rules = rulesOf(emptyDirectory());
  closing.push(
    () => redis.quit(),
    () => outbox.close(),
    () => client.close(),
  );
  return {
    outbox,
    deliverer() {
      const deliverer = startRedisDelivery(redis, outbox, nexudusDelivery(client, rules, { patience: PATIENCE }), {
        spacingMs,
        onOutcome: (_entry, outcome) => onOutcome(outcome),
        onError: () => {},
      });
      closing.push(() => deliverer.close());
      return deliverer;
    },
  };
}

test('5,000 visits wait while Nexudus is away; then all arrive, in order, once, and within the limit', async () => {
  const port = await freePort();
  let pauses = 0;
  const { outbox, deliverer } = sensor(`http://127.0.0.1:${port}`, 1, ({ kind }) => {
    if (kind === 'pause-own') pauses++;
  });
  const reports = Array.from({ length: 5_000 }, (_, index) => reportFor(index + 1));
  for (const report of reports) await outbox.enqueue(report);
  deliverer();
  await until('the outage is met', () => pauses >= 3);
  expect(await outbox.counts()).toMatchObject({ failed: 0, delayed: 0 });
  // The limit is 1,000 a second here, as is the outbox's spacing; the real ones would take 83 minutes.
  sandbox = await startSandbox({ port, limits: [{ methods: ['POST'], max: 1_000, perMs: 1_000 }] });
  await until('all have arrived', () => (sandbox?.failedCheckins.length ?? 0) >= reports.length);
  expect(sandbox.failedCheckins.map(({ MacAddresses }) => MacAddresses)).toEqual(
    reports.map(({ mac }) => formatMac(mac).toUpperCase()),
  );
});

test('when Nexudus asks one sensor to wait, all that share the Redis wait', async () => {
  sandbox = await startSandbox();
  const redis = new Redis(server.url);
  await redis.flushall();
  const outcomes: Outcome[] = [];
  const sensors = [1, 2, 3].map(() => sensor(sandbox?.url ?? '', 1, (outcome) => outcomes.push(outcome)));
  sandbox.fault({
    method: 'POST',
    path: '/api/spaces/failedcheckins',
    action: {
      kind: 'answer',
      status: 409,
      headers: { 'retry-after': '3600' },
      body: 'You must wait before accessing this url again.',
    },
  });
  const posts = () =>
    sandbox?.requests.filter(({ method, path }) => method === 'POST' && path.startsWith('/api/spaces')) ?? [];
  for (let number = 1; number <= 10; number++) await sensors[0]?.outbox.enqueue(reportFor(number));
  sensors[0]?.deliverer();
  await until('the first sensor was asked to wait', () => outcomes.some(({ kind }) => kind === 'pause'));
  await until('all are told to wait', async () => (await redis.pttl(LIMITER)) > 1_800_000);
  // Scripts are what workers ask Redis for work with.
  const asked = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const askedBefore = await asked();
  for (const { deliverer } of sensors.slice(1)) deliverer();
  await until('the other sensors ask for work', async () => (await asked()) > askedBefore + 4);
  expect(posts()).toHaveLength(1);
  await redis.del(LIMITER);
  await until('all arrive', () => sandbox?.failedCheckins.length === 10);
  await redis.quit();
  expect(new Set(sandbox.failedCheckins.map(({ MacAddresses }) => MacAddresses)).size).toBe(10);
});

test('the limit is shared: three sensors together post no faster than one may', async () => {
  sandbox = await startSandbox();
  const redis = new Redis(server.url);
  await redis.flushall();
  await redis.quit();
  const sensors = [1, 2, 3].map(() => sensor(sandbox?.url ?? '', 100, () => {}));
  for (let number = 1; number <= 12; number++) await sensors[0]?.outbox.enqueue(reportFor(number));
  const beganMs = performance.now();
  for (const { deliverer } of sensors) deliverer();
  await until('all arrive', () => sandbox?.failedCheckins.length === 12);
  expect(performance.now() - beganMs).toBeGreaterThan(11 * 100 - 50);
});
