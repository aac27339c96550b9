// A report that was not needed and is needed after all: it waits again, and is posted once however often it is asked for.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import type { Deliver, Deliverer, Outbox, Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import type { Report } from '../../src/outbox/report.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { reportFor } from './trial-reports.js';

const NOT_NEEDED: Outcome = { kind: 'not-needed', reason: 'labelled as equipment' };
const POSTED: Outcome = { kind: 'posted', recordId: 1 };

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

interface Trial {
  readonly outbox: Outbox;
  start(deliver: Deliver, onOutcome: (report: Report, outcome: Outcome) => void): Deliverer;
}

function inMemory(): Trial {
  const outbox = new MemoryOutbox({ spacingMs: 1 });
  return { outbox, start: (deliver, onOutcome) => outbox.start(deliver, { onOutcome }) };
}

function inRedis(): Trial {
  const outbox = new RedisOutbox(redis, { retentionMs: 60_000 });
  return {
    outbox,
    start: (deliver, onOutcome) =>
      startRedisDelivery(redis, outbox, deliver, { spacingMs: 1, onOutcome, onError: () => {} }),
  };
}

test.each([
  ['memory', inMemory],
  ['Redis', inRedis],
])('in %s, a report that was not needed waits again when it is restored; nothing else does', async (_name, make) => {
  const { outbox, start } = make();
  const report = reportFor(1);
  let verdict: Outcome = NOT_NEEDED;
  let finish = () => {};
  let isHeld = true;
  let tries = 0;
  const outcomes: string[] = [];
  const deliverer = start(
    async () => {
      tries++;
      if (isHeld) {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      }
      return verdict;
    },
    (_report, { kind }) => outcomes.push(kind),
  );
  expect(await outbox.restore(report.id)).toBe('none');
  await outbox.enqueue(report);
  await until('it is being delivered', () => tries === 1);
  expect(await outbox.restore(report.id)).toBe('busy');
  isHeld = false;
  finish();
  await until('it is withdrawn', async () => outcomes.length === 1 && (await outbox.counts()).active === 0);
  await outbox.enqueue(report);

  verdict = POSTED;
  const answers = await Promise.all([1, 2, 3].map(() => outbox.restore(report.id)));
  expect(answers).toContain('restored');
  await until('it is posted', () => outcomes.includes('posted'));
  await until('nothing waits', async () => (await outbox.oldestMs()) === null);
  expect(await outbox.restore(report.id)).toBe('none');
  await outbox.enqueue(reportFor(2));
  await until('the next one is posted', () => outcomes.length >= 3);
  expect(outcomes).toEqual(['not-needed', 'posted', 'posted']);
  await deliverer.close();
  await outbox.close();
});
