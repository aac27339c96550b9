// Where a sensor keeps visits and reports: in Redis, or in memory for trials and dry runs.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Config } from '../config/config.js';
import {
  FollowedLabels,
  type LabelStore,
  MemoryLabelStore,
  type OnLabels,
  RedisLabelStore,
} from '../devices/label-store.js';
import { type ClaimPost, claimInMemory, claimInRedis } from '../outbox/daily-limit.js';
import { MemoryOutbox } from '../outbox/memory-outbox.js';
import type { Deliver, Deliverer, Outbox, Outcome } from '../outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../outbox/redis-outbox.js';
import type { Report } from '../outbox/report.js';
import { duplicateOf, type RedisClient } from '../redis/client.js';
import { MemoryVisitRegister } from '../visits/register/memory-visit-register.js';
import { RedisVisitRegister } from '../visits/register/redis-visit-register.js';
import type { VisitRegister } from '../visits/register/visit-register.js';
import { type Closing, within } from './closing.js';
import { onForget } from './forget-channel.js';
import { type Logger, textForLog } from './log.js';
import { connectRedis } from './redis-connection.js';

const REDIS_READY_WITHIN_MS = 5_000;
const MAX_BETWEEN_CLEANINGS_MS = 3_600_000;
const LABELS_WITHIN_MS = 2_000;

export interface Store {
  /** For what else is kept; null when everything lives in memory. */
  readonly redis: RedisClient | null;
  /** Whether Redis is connected; null when everything lives in memory. */
  readonly isReady: (() => boolean) | null;
  readonly register: VisitRegister;
  readonly outbox: Outbox;
  readonly claimPost: ClaimPost;
  /** Calls back for each device that `wifi-monitor forget` names. */
  onForget(forget: (mac: MacAddress) => void): void;
  /** Calls back with all labels of this location at first and whenever one changes. */
  openLabels(onLabels: OnLabels): Promise<LabelStore>;
  startDelivery(deliver: Deliver, onOutcome: (report: Report, outcome: Outcome) => void): Deliverer;
}

/** Opens the store that the settings ask for. A dry run never touches what a real one keeps, but for the labels. */
export async function openStore(config: Config, businessId: number, log: Logger, closing: Closing): Promise<Store> {
  const spacingMs = 60_000 / config.postsPerMinute;
  if (config.redisUrl === null || config.dryRun) {
    if (!config.dryRun)
      log.warn('REDIS_URL is not set: visits and failed check-ins are forgotten when the monitor ends');
    const outbox = new MemoryOutbox({ spacingMs });
    return {
      redis: null,
      isReady: null,
      register: new MemoryVisitRegister(config.visitGapMs, config.retentionMs),
      outbox,
      claimPost: claimInMemory(config.postsPerDay),
      onForget: () => {},
      async openLabels(onLabels) {
        if (config.redisUrl === null) return new MemoryLabelStore(onLabels);
        // Labels are an operator's, who gives them above all on the first day, which is a dry run.
        const redis = connectRedis(config.redisUrl, 'sensing', log.child({ stage: 'redis' }));
        closing.add(() => redis.disconnect());
        await ready(redis);
        return await followLabels(redis, businessId, onLabels, closing);
      },
      startDelivery: (deliver, onOutcome) => outbox.start(deliver, onOutcome),
    };
  }
  const redisLog = log.child({ stage: 'redis' });
  const redis = connectRedis(config.redisUrl, 'sensing', redisLog);
  const deliveryRedis = connectRedis(config.redisUrl, 'delivering', redisLog);
  closing.add(() => {
    redis.disconnect();
    deliveryRedis.disconnect();
  });
  await ready(redis);
  const register = new RedisVisitRegister(redis, {
    businessId,
    gapMs: config.visitGapMs,
    retentionMs: config.retentionMs,
  });
  const outbox = new RedisOutbox(deliveryRedis, { retentionMs: config.retentionMs });
  closing.add(() => within(1_000, outbox.close()));
  // What is older than the retention outlives it by a twenty-fourth at most.
  const clean = setInterval(
    () => void outbox.clean(config.retentionMs).catch(() => {}),
    Math.min(MAX_BETWEEN_CLEANINGS_MS, config.retentionMs / 24),
  );
  closing.add(() => clearInterval(clean));
  return {
    redis,
    isReady: () => redis.status === 'ready',
    register,
    outbox,
    claimPost: claimInRedis(redis, config.postsPerDay),
    onForget(forget) {
      // A connection that subscribes can do nothing else. The one that it doubles says when Redis is away.
      const subscriber = duplicateOf(deliveryRedis);
      subscriber.on('error', () => {});
      closing.add(() => subscriber.disconnect());
      onForget(subscriber, forget);
    },
    openLabels: (onLabels) => followLabels(redis, businessId, onLabels, closing),
    startDelivery: (deliver, onOutcome) =>
      startRedisDelivery(deliveryRedis, outbox, deliver, {
        spacingMs,
        onOutcome,
        // BullMQ names the entry in its messages, and with it the device.
        onError: (error) =>
          redisLog.debug({ cause: textForLog(error.message, config.logMacs) }, 'delivery met an error of Redis'),
      }),
  };
}

async function followLabels(
  redis: RedisClient,
  businessId: number,
  onLabels: OnLabels,
  closing: Closing,
): Promise<LabelStore> {
  const labels = new FollowedLabels(new RedisLabelStore(redis, businessId), onLabels);
  closing.add(() => labels.close());
  // A Redis that hangs must not hold the start up: until they are read, delivery asks for the label of each report.
  await within(LABELS_WITHIN_MS, labels.start());
  return labels;
}

/** Waits a little for Redis; when it is away the monitor starts all the same. */
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
