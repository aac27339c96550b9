// The outbox that survives restarts and that sensors share: a BullMQ queue on Redis, one for all businesses, because
// Nexudus limits an account and not a location.
import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { type MacAddress, macDigits } from '../addresses/mac-address.js';
import type { RedisClient } from '../redis/client.js';
import {
  type Deliver,
  type Deliverer,
  FIRST_PUT_BACK_MS,
  type Outbox,
  type OutboxCounts,
  type OutboxItem,
  type Outcome,
  putBackMs,
  type Restored,
} from './outbox.js';
import type { Report } from './report.js';
import { parseReport } from './stored-report.js';

/** The braces keep all keys of the queue in one slot of a Redis Cluster. */
const PREFIX = '{nwm:outbox}';
const QUEUE = 'failed-checkins';
const EVENTS = `${PREFIX}:${QUEUE}:events`;
/**
 * Longer than the longest try (see the client's timeouts): a sensor that lost Redis has given up its post before another
 * takes the entry over.
 */
const LOCK_MS = 30_000;
/** With the longest post (25 s, see the client's time limits) less than the lock. */
const MAX_LOCK_ANSWER_MS = 4_000;
const STALLED_CHECK_MS = 15_000;
/** Retried for as long as it takes: Nexudus's answer, not a count, ends an entry. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const STATES = ['failed', 'active', 'waiting', 'delayed'] as const;

export interface RedisOutboxOptions {
  /** How long delivered and refused entries are kept, ms: a visit that could still be added again must be found. */
  readonly retentionMs: number;
}

export class RedisOutbox implements Outbox {
  private readonly queue: Queue<Report>;
  private readonly redis: RedisClient;

  /**
   * `redis` stays the caller's: `close` does not end it. It must wait for Redis while that is away (`delivering`): a queue
   * whose first command fails stays broken for ever.
   */
  constructor(redis: RedisClient, options: RedisOutboxOptions) {
    this.redis = redis;
    const keep = { age: Math.ceil(options.retentionMs / 1_000) };
    this.queue = new Queue<Report>(QUEUE, {
      connection: redis,
      prefix: PREFIX,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: {
        attempts: NO_LIMIT,
        backoff: { type: 'put-back' },
        stackTraceLimit: 0,
        removeOnComplete: keep,
        removeOnFail: keep,
      },
    });
    this.queue.on('error', ignoreConnectionErrors);
  }

  async enqueue(report: Report): Promise<void> {
    await this.queue.add('failed-checkin', report, { jobId: report.id });
  }

  /** Moves the finished job back in one step, so of two sensors that do so at once only one succeeds, and none loses it. */
  async restore(id: string): Promise<Restored> {
    const state = await this.queue.getJobState(id);
    if (state === 'active') return 'busy';
    const job = state === 'completed' ? await this.queue.getJob(id) : undefined;
    if (job === undefined || !isNotNeeded(job.returnvalue)) return 'none';
    try {
      await job.retry('completed');
    } catch (error) {
      if ((await this.queue.getJobState(id)) === 'completed') throw error;
    }
    return 'restored';
  }

  async counts(): Promise<OutboxCounts> {
    const { waiting = 0, paused = 0, delayed = 0, active = 0, failed = 0 } = await this.queue.getJobCounts();
    return { waiting: waiting + paused, delayed, active, failed };
  }

  async oldestMs(): Promise<number | null> {
    const oldest = await Promise.all([
      this.queue.getWaiting(0, 0),
      this.queue.getActive(0, 0),
      this.queue.getDelayed(0, 0),
    ]);
    const added = oldest.flat().map((job) => job.timestamp);
    return added.length === 0 ? null : Math.min(...added);
  }

  async list(most: number): Promise<OutboxItem[]> {
    const items: OutboxItem[] = [];
    for (const state of STATES) {
      if (items.length >= most) break;
      const jobs = await this.queue.getJobs([state === 'waiting' ? 'wait' : state], 0, most - items.length - 1, true);
      for (const job of jobs) {
        const report = parseReport(job.data);
        if (report === null || job.id === undefined) continue;
        items.push({
          id: job.id,
          state,
          addedMs: job.timestamp,
          attempts: job.attemptsMade,
          reason: job.failedReason ?? null,
          report,
        });
      }
    }
    return items;
  }

  async retry(id: string | null): Promise<number> {
    const failed = id === null ? await this.queue.getFailed() : [await this.queue.getJob(id)];
    let retried = 0;
    for (const job of failed) {
      if (job === undefined || !(await job.isFailed())) continue;
      await job.retry();
      retried++;
    }
    return retried;
  }

  async drop(id: string): Promise<boolean> {
    const job = await this.queue.getJob(id);
    if (job === undefined) return false;
    await job.remove();
    return true;
  }

  /** Removes what is older than the retention. BullMQ itself does so only when another entry is finished. */
  async clean(retentionMs: number): Promise<void> {
    await this.queue.clean(retentionMs, 10_000, 'completed');
    await this.queue.clean(retentionMs, 10_000, 'failed');
    // BullMQ's own log of what happened names the entries, and thereby the devices.
    await this.redis.xtrim(EVENTS, 'MINID', Date.now() - retentionMs);
  }

  /** Removes every entry of a device, delivered ones too. What is being delivered cannot be removed: it counts as busy. */
  async forget(mac: MacAddress): Promise<{ removed: number; busy: number }> {
    let removed = 0;
    let busy = 0;
    const jobs = await this.queue.getJobs(['wait', 'delayed', 'completed', 'failed', 'active']);
    for (const job of jobs) {
      // A job that is removed meanwhile is listed as undefined.
      if (job?.data.mac !== mac) continue;
      try {
        await job.remove();
        removed++;
      } catch {
        busy++;
      }
    }
    const events = await this.redis.xrange(EVENTS, '-', '+');
    for (const [id, fields] of events)
      if (fields.some((field) => field.includes(macDigits(mac)))) await this.redis.xdel(EVENTS, id);
    return { removed, busy };
  }

  async close(): Promise<void> {
    await this.queue.close();
  }

  /** Holds back every sensor's deliveries for a while. */
  async pauseAll(milliseconds: number): Promise<void> {
    const ms = Math.ceil(milliseconds);
    // A shorter pause must not cut a longer one that another sensor was asked for.
    if ((await this.queue.getRateLimitTtl()) < ms) await this.queue.rateLimit(ms);
  }
}

export interface RedisDeliveryOptions {
  /** Least time between two tries, over all sensors, ms. */
  readonly spacingMs: number;
  readonly firstPutBackMs?: number;
  readonly onOutcome: (report: Report, outcome: Outcome) => void;
  readonly onError: (error: Error) => void;
}

/** Takes entries out of the outbox one by one. `redis` stays the caller's; BullMQ duplicates it for its blocking reads. */
export function startRedisDelivery(
  redis: RedisClient,
  outbox: RedisOutbox,
  deliver: Deliver,
  options: RedisDeliveryOptions,
): Deliverer {
  const worker = new Worker<Report>(
    QUEUE,
    async (job, token = '') => {
      const report = parseReport(job.data);
      if (report === null) throw new UnrecoverableError('this entry was not written by wifi-monitor');
      const markSent = async (sent: boolean) => {
        await job.updateData({ ...report, sent });
        if (sent) await holdLock(job, token);
      };
      const outcome = await deliver(report, markSent, job.timestamp);
      options.onOutcome(report, outcome);
      return await conclude(job, outcome, outbox);
    },
    {
      connection: redis,
      prefix: PREFIX,
      concurrency: 1,
      limiter: { max: 1, duration: options.spacingMs },
      maximumRateLimitDelay: 5_000,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: NO_LIMIT,
      settings: {
        backoffStrategy: (tries, _type, error) =>
          Math.max(
            error instanceof PutBack ? error.leastMs : 0,
            putBackMs(tries - 1, options.firstPutBackMs ?? FIRST_PUT_BACK_MS),
          ),
      },
    },
  );
  worker.on('error', options.onError);
  return { close: () => worker.close() };
}

/** Puts an entry back, for longer with each try, but not for less than `leastMs`. */
class PutBack extends Error {
  constructor(
    reason: string,
    readonly leastMs: number,
  ) {
    super(reason);
  }
}

/**
 * The last word with Redis before a post: is the entry still ours? While this sensor was cut off from Redis another may have taken
 * it over. An answer that took long leaves too little of the lock's time for the post.
 * @throws Error when it is not, or when nobody can tell
 */
async function holdLock(job: Job<Report>, token: string): Promise<void> {
  const askedMs = performance.now();
  const isOurs = (await job.extendLock(token, LOCK_MS)) === 1;
  if (!isOurs || performance.now() - askedMs > MAX_LOCK_ANSWER_MS) {
    throw new Error('cut off from Redis: another sensor may have taken this failed check-in over');
  }
}

async function conclude(job: Job<Report>, outcome: Outcome, outbox: RedisOutbox): Promise<Outcome> {
  switch (outcome.kind) {
    case 'posted':
    case 'found':
    case 'not-needed':
      return outcome;
    case 'pause':
      await outbox.pauseAll(outcome.ms);
      await job.updateProgress({ reason: outcome.reason });
      throw Worker.RateLimitError();
    case 'put-back':
      throw new PutBack(outcome.reason, outcome.leastMs ?? 0);
    case 'refused':
      throw new UnrecoverableError(outcome.reason);
  }
}

function isNotNeeded(outcome: unknown): boolean {
  return typeof outcome === 'object' && outcome !== null && 'kind' in outcome && outcome.kind === 'not-needed';
}

/** The connection is watched, and its loss logged, by whoever made it. */
function ignoreConnectionErrors(): void {}
