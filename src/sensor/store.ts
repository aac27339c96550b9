// Where a sensor keeps visits and reports: in Redis, or in memory for trials and dry runs.
import type { Config } from '../config/config.js';
import {
  FollowedLabels,
  type LabelStore,
  MemoryLabelStore,
  type OnLabels,
  RedisLabelStore,
} from '../devices/label-store.js';
import { budgetInMemory, budgetInRedis, type DayBudget } from '../outbox/day-budget.js';
import { MemoryOutbox } from '../outbox/memory-outbox.js';
import type { Deliver, Deliverer, DeliveryHooks, Outbox } from '../outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../outbox/redis-outbox.js';
import { duplicateOf, type RedisClient } from '../redis/client.js';
import { rewriteRegularly, STAYS_ON_DISK } from '../redis/disk.js';
import { DiaryStore } from '../status/facts/diary-store.js';
import { MemoryVisitRegister } from '../visits/register/memory-visit-register.js';
import { RedisVisitRegister } from '../visits/register/redis-visit-register.js';
import type { VisitRegister } from '../visits/register/visit-register.js';
import { type Closing, within } from './closing.js';
import { type Logger, textForLog } from './log.js';
import { answerQuestions, type MonitorMemory } from './monitor-channel.js';
import { connectRedis } from './redis-connection.js';

const REDIS_READY_WITHIN_MS = 5_000;
const MAX_BETWEEN_CLEANINGS_MS = 3_600_000;
/** What is older than the retention outlives it by so much of it at most, in memory and on Redis's disk. */
const CLEANINGS_IN_RETENTION = 24;
const LABELS_WITHIN_MS = 2_000;

export interface Store {
  /** For other data in Redis; null when everything is in memory. */
  readonly redis: RedisClient | null;
  /** The connections that visits and reports are written by; none when everything is in memory. */
  readonly connections: readonly RedisClient[];
  /** Whether Redis is connected, which in a dry run keeps labels and diary; null without REDIS_URL. */
  readonly isReady: (() => boolean) | null;
  readonly register: VisitRegister;
  readonly outbox: Outbox;
  readonly budget: DayBudget;
  /** Answers what the commands `forget` and `export` ask of the memory of this sensor. */
  answerQuestions(memory: MonitorMemory): void;
  /** Calls `onLabels` with all labels of this location at first, and whenever one changes. */
  openLabels(onLabels: OnLabels): Promise<LabelStore>;
  /** Begins to remove what is older than it may be. `onDropped` hears how many reports had waited for too long. */
  startCleaning(onDropped: (reports: number) => void): void;
  /** Where the diary of this location is; null when it is in memory. */
  readonly diary: DiaryStore | null;
  startDelivery(deliver: Deliver, hooks: DeliveryHooks): Deliverer;
}

/** Opens the store for the settings. A dry run uses nothing that a real run keeps, except the labels, and keeps a diary of its own. */
export async function openStore(config: Config, businessId: number, log: Logger, closing: Closing): Promise<Store> {
  const { redisUrl, dryRun } = config;
  const redisLog = log.child({ stage: 'redis' });
  if (redisUrl !== null && !dryRun) return await openRedisStore(config, redisUrl, businessId, redisLog, closing);
  if (!dryRun) log.warn('REDIS_URL is not set: visits and failed check-ins are forgotten when the monitor ends');
  return await openMemoryStore(config, businessId, redisLog, closing);
}

async function openMemoryStore(config: Config, businessId: number, redisLog: Logger, closing: Closing): Promise<Store> {
  const { redisUrl, retentionMs, outboxRetentionMs } = config;
  // Operators label devices above all on the first day, which is a dry run.
  const redis = redisUrl === null ? null : connectRedis(redisUrl, 'sensing', redisLog);
  if (redis !== null) {
    closing.add(() => redis.disconnect());
    await ready(redis);
  }
  const outbox = new MemoryOutbox({ spacingMs: spacingOf(config), retentionMs, outboxRetentionMs });
  return {
    redis: null,
    connections: [],
    isReady: redis === null ? null : () => redis.status === 'ready',
    register: new MemoryVisitRegister(config.visitGapMs, config.retentionMs),
    outbox,
    budget: budgetInMemory(config.postsPerDay),
    answerQuestions(memory) {
      if (redis === null) return;
      const subscriber = duplicateOf(redis);
      subscriber.on('error', () => {});
      closing.add(() => subscriber.disconnect());
      answerQuestions(subscriber, redis, memory);
    },
    openLabels: async (onLabels) =>
      redis === null ? new MemoryLabelStore(onLabels) : await followLabels(redis, businessId, onLabels, closing),
    diary: redis === null ? null : new DiaryStore(redis, { businessId, retentionMs, isDryRun: true }),
    startCleaning: (onDropped) => closing.add(cleanRegularly(outbox, retentionMs, onDropped)),
    startDelivery: (deliver, hooks) => outbox.start(deliver, hooks),
  };
}

async function openRedisStore(
  config: Config,
  redisUrl: string,
  businessId: number,
  redisLog: Logger,
  closing: Closing,
): Promise<Store> {
  const { visitGapMs: gapMs, retentionMs, outboxRetentionMs } = config;
  const redis = connectRedis(redisUrl, 'sensing', redisLog);
  const deliveryRedis = connectRedis(redisUrl, 'delivering', redisLog);
  closing.add(() => {
    redis.disconnect();
    deliveryRedis.disconnect();
  });
  await ready(redis);
  const outbox = new RedisOutbox(deliveryRedis, { retentionMs, outboxRetentionMs });
  closing.add(() => within(1_000, outbox.close()));
  return {
    redis,
    connections: [redis, deliveryRedis],
    isReady: () => redis.status === 'ready',
    register: new RedisVisitRegister(redis, { businessId, gapMs, retentionMs }),
    outbox,
    budget: budgetInRedis(redis, config.postsPerDay),
    answerQuestions(memory) {
      const subscriber = duplicateOf(deliveryRedis);
      subscriber.on('error', () => {});
      closing.add(() => subscriber.disconnect());
      answerQuestions(subscriber, redis, memory);
    },
    openLabels: (onLabels) => followLabels(redis, businessId, onLabels, closing),
    diary: new DiaryStore(redis, { businessId, retentionMs, isDryRun: false }),
    startCleaning(onDropped) {
      closing.add(cleanRegularly(outbox, retentionMs, onDropped));
      closing.add(
        rewriteRegularly(redis, {
          everyMs: retentionMs / CLEANINGS_IN_RETENTION,
          onForbidden: () => redisLog.warn(`Redis forbids INFO or BGREWRITEAOF: ${STAYS_ON_DISK}`),
        }),
      );
    },
    startDelivery: (deliver, hooks) =>
      startRedisDelivery(deliveryRedis, outbox, deliver, {
        ...hooks,
        spacingMs: spacingOf(config),
        // BullMQ's messages contain the id of the entry, and so the MAC of the device.
        onError: (error) =>
          redisLog.debug({ cause: textForLog(error.message, config.logMacs) }, 'delivery met an error of Redis'),
      }),
  };
}

/** Least time between two posts, ms. */
/** A hub sees for itself how much it takes. */
function spacingOf({ postsPerMinute, hub }: Config): number {
  return hub === null ? 60_000 / postsPerMinute : 1;
}

/** Cleans now, and then so often that nothing outlives the retention by much. Returns the function that ends it. */
function cleanRegularly(outbox: Outbox, retentionMs: number, onDropped: (reports: number) => void): () => void {
  const clean = async () => {
    const { dropped } = await outbox.clean();
    if (dropped > 0) onDropped(dropped);
  };
  // A Redis that is away is told elsewhere, and the next cleaning does what this one could not.
  const tryToClean = () => void clean().catch(() => {});
  tryToClean();
  const timer = setInterval(tryToClean, Math.min(MAX_BETWEEN_CLEANINGS_MS, retentionMs / CLEANINGS_IN_RETENTION));
  timer.unref();
  return () => clearInterval(timer);
}

async function followLabels(
  redis: RedisClient,
  businessId: number,
  onLabels: OnLabels,
  closing: Closing,
): Promise<LabelStore> {
  const labels = new FollowedLabels(new RedisLabelStore(redis, businessId), onLabels);
  closing.add(() => labels.close());
  // A Redis that hangs must not delay the start. Delivery reads the label of each report anyway.
  await within(LABELS_WITHIN_MS, labels.start());
  return labels;
}

/** Waits a little for Redis. If it is away, the sensor starts without it. */
async function ready(redis: RedisClient): Promise<void> {
  if (redis.status === 'ready') return;
  let stop = () => {};
  const isReady = new Promise<void>((resolve) => {
    stop = () => resolve();
    redis.once('ready', stop);
  });
  await within(REDIS_READY_WITHIN_MS, isReady);
  redis.off('ready', stop);
}
