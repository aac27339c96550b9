// The outbox that survives restarts and that sensors share: a BullMQ queue on Redis, one for all businesses, because
// Nexudus limits an account and not a location.
import { Job, type JobsOptions, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { MacAddress } from '../addresses/mac-address.js';
import type { RedisClient } from '../redis/client.js';
import { Lifetimes, type Retentions } from '../redis/lifetimes.js';
import {
  AWAITS_PROOF,
  type Cleaned,
  type Deliver,
  type Deliverer,
  type DeliveryHooks,
  type DropFilter,
  FIRST_PUT_BACK_MS,
  MAX_WAIT_MS,
  type Outbox,
  type OutboxCounts,
  type OutboxItem,
  type Outcome,
  putBackMs,
  type Restored,
} from './outbox.js';
import type { Report } from './report.js';
import { parseReport } from './stored-report.js';
import { FIRST_UNPROVEN, type Line, lineOf, RedisTurns, TURNS_KEY } from './turns.js';

/** The braces keep all keys of the queue in one slot of a Redis Cluster. */
const PREFIX = '{nwm:outbox}';
const QUEUE = 'failed-checkins';
const QUEUE_KEY = `${PREFIX}:${QUEUE}`;
/** How many reports were dropped because they had waited too long; gone a retention after the latest. */
const DROPPED = `${PREFIX}:dropped`;
/** Longer than the longest post (25 s, see PATIENCE): a sensor that lost Redis has given it up before another takes the entry over. */
const LOCK_MS = 30_000;
/** Together with the longest post, less than the lock. */
const MAX_LOCK_ANSWER_MS = 4_000;
const STALLED_CHECK_MS = 15_000;
/** An entry is retried until Nexudus takes or refuses it. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const STATES = ['failed', 'active', 'waiting', 'delayed'] as const;
/** The names of the states in BullMQ. Entries of former versions have no priority: they are in `wait`, and go first. */
const BULLMQ_STATES = {
  failed: ['failed'],
  active: ['active'],
  waiting: ['wait', 'prioritized'],
  delayed: ['delayed'],
} as const;
/** To find the oldest entry, so many delayed entries are read. */
const MAX_ASKED = 100;
/** Entries are dropped in batches of this size. */
const BATCH = 500;
/** At one cleaning; the next one goes on. */
const MAX_CLEANED = 10_000;

/** See MAX_WAIT_MS for how long anything waits by default. */
export type RedisOutboxOptions = Pick<Retentions, 'retentionMs'> & Partial<Retentions>;

export class RedisOutbox implements Outbox {
  readonly lifetimes: Lifetimes;
  private readonly queue: Queue<Report>;
  private readonly redis: RedisClient;
  private readonly turns: RedisTurns;
  private readonly jobOptions: JobsOptions;
  private readonly retentions: Retentions;

  /**
   * `redis` belongs to the caller: `close` does not end it. Its commands must wait while Redis is away (`delivering`), because a queue
   * whose first command fails never works again.
   */
  constructor(redis: RedisClient, options: RedisOutboxOptions) {
    this.redis = redis;
    this.turns = new RedisTurns(redis);
    this.retentions = { outboxRetentionMs: MAX_WAIT_MS, ...options };
    this.lifetimes = new Lifetimes(redis, QUEUE_KEY, [TURNS_KEY], this.retentions);
    const keep = { age: Math.ceil(options.retentionMs / 1_000) };
    this.queue = new Queue<Report>(QUEUE, {
      connection: redis,
      prefix: PREFIX,
      // It would give what it writes no time to live: see lifetimes.ts.
      skipMetasUpdate: true,
    });
    this.jobOptions = {
      attempts: NO_LIMIT,
      backoff: { type: 'put-back' },
      stackTraceLimit: 0,
      removeOnComplete: keep,
      removeOnFail: keep,
    };
    this.queue.on('error', ignoreConnectionErrors);
  }

  /** In one step with what limits its life: a sensor that is killed in between would leave it behind for ever. */
  async enqueue(report: Report): Promise<void> {
    const { id } = report;
    const priority = await this.turns.next(report.businessId, report.proven ? 'proven' : 'unproven');
    const options = { ...this.jobOptions, jobId: id, priority, timestamp: await this.nowMs() };
    const job = new Job(this.queue, 'failed-checkin', report, options, id);
    const transaction = (await this.queue.backend.client).multi();
    await job.addJob(transaction);
    this.lifetimes.limitAdded(transaction, id);
    for (const [error] of (await transaction.exec()) ?? []) if (error !== null) throw error;
  }

  /** Moves the finished job back in one step, so that only one of two sensors succeeds, and the job is not lost. */
  async restore(id: string): Promise<Restored> {
    const state = await this.queue.getJobState(id);
    if (state === 'active') return 'busy';
    const job = state === 'completed' ? await this.queue.getJob(id) : undefined;
    if (job === undefined || !isNotNeeded(job.returnvalue)) return 'none';
    try {
      await this.lifetimes.limitWaiting(id, await this.ageMs(job));
      await job.retry('completed');
    } catch (error) {
      if ((await this.queue.getJobState(id)) === 'completed') throw error;
    }
    return 'restored';
  }

  async prove(id: string, businessId: number): Promise<'done' | 'busy'> {
    const job = await this.queue.getJob(id);
    // For what was delivered a turn would be wasted: the next report of the location would have to wait for it.
    if (job === undefined || isDelivered(job)) return 'done';
    // The line alone says who is proven: the report itself may be written to by who delivers it at this moment.
    if (lineOf(job.priority) !== 'proven') await this.moveToEnd(job, businessId, 'proven');
    const state = await this.queue.getJobState(id);
    if (state === 'active') return 'busy';
    if (state === 'delayed' && job.failedReason === AWAITS_PROOF) {
      // Another sensor may have done it at the same time.
      await job.promote().catch(() => {});
    }
    return 'done';
  }

  /** Puts an entry, in any state, at the end of a line of its location. */
  async moveToEnd(job: Job<Report>, businessId: number, line: Line): Promise<void> {
    await job.changePriority({ priority: await this.turns.next(businessId, line) });
  }

  /** Puts an entry at the end of its line, and returns that. While it was being delivered, its device may have proved itself. */
  async moveToEndOfItsLine(id: string, businessId: number): Promise<Line> {
    const job = await this.queue.getJob(id);
    if (job === undefined) return 'unproven';
    const line = lineOf(job.priority);
    await this.moveToEnd(job, businessId, line);
    return line;
  }

  /** How long ago an entry was added, by the clock of Redis. */
  async ageMs({ timestamp }: Job<Report>): Promise<number> {
    return (await this.nowMs()) - timestamp;
  }

  /**
   * The time of Redis, ms since the epoch: the same for all sensors. The clock of a sensor may be wrong by years, and by that clock
   * others would take what it added for overdue.
   */
  private async nowMs(): Promise<number> {
    const [seconds = 0, microseconds = 0] = (await this.redis.time()).map(Number);
    return seconds * 1_000 + Math.floor(microseconds / 1_000);
  }

  /** An entry of this priority is being delivered. Rejects when Redis cannot be reached. */
  async serve(priority: number): Promise<void> {
    if (priority > 0) await this.turns.serve(priority);
  }

  async counts(): Promise<OutboxCounts> {
    const [counts, failed, dropped] = await Promise.all([
      this.queue.getJobCounts(),
      this.lifetimes.failed(),
      this.redis.get(DROPPED),
    ]);
    const { waiting = 0, paused = 0, prioritized = 0, delayed = 0, active = 0 } = counts;
    return { waiting: waiting + paused + prioritized, delayed, active, failed, dropped: Number(dropped ?? 0) };
  }

  /** In a line locations take turns, so the first of a line is about as old as the oldest. */
  async oldestMs(): Promise<number | null> {
    const firstUnproven = await this.redis.zrangebyscore(
      this.queue.toKey('prioritized'),
      FIRST_UNPROVEN * 2 ** 32,
      '+inf',
      'LIMIT',
      0,
      1,
    );
    const oldest = await Promise.all([
      this.queue.getJobs(['wait', 'prioritized', 'active'], 0, 0, true),
      this.queue.getJobs(['delayed'], 0, MAX_ASKED - 1, true),
      Promise.all(firstUnproven.map((id) => this.queue.getJob(id))),
    ]);
    // One that is removed meanwhile is listed as undefined.
    const added = oldest.flat().flatMap((job) => (job === undefined ? [] : [job.timestamp]));
    // By the clock of this machine, as the port says.
    return added.length === 0 ? null : Math.min(...added) + Date.now() - (await this.nowMs());
  }

  async list(most: number): Promise<OutboxItem[]> {
    const items: OutboxItem[] = [];
    for (const state of STATES) {
      if (items.length >= most) break;
      const jobs: (Job<Report> | undefined)[] = [];
      for (const bullmqState of BULLMQ_STATES[state]) {
        const left = most - items.length - jobs.length;
        if (left > 0) jobs.push(...(await this.queue.getJobs([bullmqState], 0, left - 1, true)));
      }
      for (const job of jobs) {
        const report = reportIn(job);
        if (report === null || job?.id === undefined) continue;
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
      if (job?.id === undefined || !(await job.isFailed())) continue;
      await this.lifetimes.limitWaiting(job.id, await this.ageMs(job));
      // Its turn is long over. Without a new one, all that are retried would go before what other locations bring.
      const report = reportIn(job);
      if (report !== null) await this.moveToEnd(job, report.businessId, lineOf(job.priority));
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

  async dropAll({ isUnproven = false, beforeMs = Number.POSITIVE_INFINITY }: DropFilter): Promise<{
    dropped: number;
    busy: number;
  }> {
    let dropped = 0;
    let busy = 0;
    for (const state of ['failed', 'wait', 'prioritized', 'delayed', 'active'] as const) {
      // What stays moves to the front, so that the next batch begins behind it.
      for (let kept = 0; ; ) {
        const jobs = await this.queue.getJobs([state], kept, kept + BATCH - 1, true);
        if (jobs.length === 0) break;
        for (const job of jobs as (Job<Report> | undefined)[]) {
          const isMeant =
            job !== undefined && job.timestamp < beforeMs && !(isUnproven && reportIn(job)?.proven !== false);
          if (isMeant && (await isRemoved(job))) dropped++;
          else {
            kept++;
            if (isMeant) busy++;
          }
        }
      }
    }
    return { dropped, busy };
  }

  /** Redis does most of this by itself (see lifetimes.ts), but neither counts what it drops nor takes members out of sets. */
  async clean(): Promise<Cleaned> {
    const { retentionMs } = this.retentions;
    await this.lifetimes.touchAndClear();
    // BullMQ goes by the clock of this machine, which may be ahead of that of Redis.
    const graceMs = retentionMs + Date.now() - (await this.nowMs());
    await this.queue.clean(graceMs, MAX_CLEANED, 'completed');
    await this.queue.clean(graceMs, MAX_CLEANED, 'failed');
    const dropped = await this.dropOverdue();
    const { waiting, delayed, active } = await this.counts();
    if (waiting + delayed + active === 0) await this.turns.reset();
    return { dropped };
  }

  /** Drops what has waited for longer than anything may. What is being delivered is dropped the next time. */
  private async dropOverdue(): Promise<number> {
    const { retentionMs, outboxRetentionMs } = this.retentions;
    const waiting: (Job<Report> | undefined)[] = await this.queue.getJobs(['wait', 'prioritized', 'delayed']);
    const oldestMs = (await this.nowMs()) - outboxRetentionMs;
    let dropped = 0;
    for (const job of waiting) if (job !== undefined && job.timestamp <= oldestMs && (await isRemoved(job))) dropped++;
    await this.lifetimes.limitFormer(waiting.flatMap((job) => job?.id ?? []));
    if (dropped > 0) await this.redis.multi().incrby(DROPPED, dropped).pexpire(DROPPED, retentionMs).exec();
    return dropped;
  }

  /**
   * Removes every entry of a device, delivered ones too, and takes it out of the entries of others. What is being delivered can be
   * neither removed nor changed: it counts as busy.
   */
  async forget(mac: MacAddress): Promise<{ removed: number; busy: number }> {
    let removed = 0;
    let busy = 0;
    const jobs = await this.queue.getJobs(['wait', 'prioritized', 'delayed', 'completed', 'failed', 'active']);
    for (const job of jobs) {
      // A job that is removed meanwhile is listed as undefined.
      if (job?.data.kin?.mac === mac && !(await this.forgetKin(job))) busy++;
      if (job?.data.mac !== mac) continue;
      if (await isRemoved(job)) removed++;
      else busy++;
    }
    await this.lifetimes.touchAndClear();
    return { removed, busy };
  }

  /** Returns false when the entry is being delivered: whoever delivers it writes it as it was. */
  private async forgetKin(job: Job<Report>): Promise<boolean> {
    if (await job.isActive()) return false;
    const { kin: _kin, ...report } = job.data;
    // An entry that is gone meanwhile names nobody.
    await job.updateData({ ...report, likelyOwner: null }).catch(() => {});
    return true;
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

export interface RedisDeliveryOptions extends DeliveryHooks {
  /** Least time between two tries, over all sensors, ms. */
  readonly spacingMs: number;
  readonly firstPutBackMs?: number;
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
      const report = reportIn(job);
      if (report === null) {
        await outbox.lifetimes.limitFinished(job.id ?? '');
        throw new UnrecoverableError('this entry was not written by wifi-monitor');
      }
      await outbox.serve(job.priority);
      const markSent = async (sent: boolean) => {
        await job.updateData({ ...report, sent });
        if (sent) await holdLock(job, token);
      };
      const outcome = await deliver(report, markSent, Date.now() - (await outbox.ageMs(job)));
      options.onOutcome(report, outcome);
      return await conclude(job, report, outcome, outbox, ownPause);
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
          putBackMs(error instanceof PutBack ? error.how : {}, tries - 1, options.firstPutBackMs ?? FIRST_PUT_BACK_MS),
      },
    },
  );
  worker.on('error', options.onError);
  const ownPause = new OwnPause(worker, options.mayResume);
  return {
    async close() {
      ownPause.end();
      await worker.close();
    },
  };
}

/** Stops this sensor's worker for a while, and leaves alone those of others. */
class OwnPause {
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly worker: Worker,
    private readonly mayResume: (() => Promise<boolean>) | undefined,
  ) {}

  async begin(ms: number): Promise<void> {
    await this.worker.pause(true);
    this.wait(ms);
  }

  end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private wait(ms: number): void {
    if (this.isOver) return;
    this.timer = setTimeout(() => void this.resume(ms), ms);
  }

  private async resume(ms: number): Promise<void> {
    if ((await this.mayResume?.()) === false) this.wait(ms);
    else if (!this.isOver) await this.worker.resume();
  }
}

/** Puts an entry back, for longer with each try. */
class PutBack extends Error {
  constructor(
    reason: string,
    readonly how: Parameters<typeof putBackMs>[0],
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

async function conclude(
  job: Job<Report>,
  report: Report,
  outcome: Outcome,
  outbox: RedisOutbox,
  ownPause: OwnPause,
): Promise<Pick<Outcome, 'kind'>> {
  const isFinished = ['posted', 'found', 'handed-over', 'not-needed', 'refused'].includes(outcome.kind);
  if (isFinished) await outbox.lifetimes.limitFinished(job.id ?? '');
  else await outbox.lifetimes.limitWaiting(job.id ?? '', await outbox.ageMs(job));
  switch (outcome.kind) {
    case 'posted':
    case 'found':
    case 'not-needed':
      return outcome;
    case 'handed-over':
      // Not the decision: it may name somebody.
      return { kind: outcome.kind };
    case 'pause':
      await outbox.pauseAll(outcome.ms);
      await job.updateProgress({ reason: outcome.reason });
      throw Worker.RateLimitError();
    case 'pause-own':
      await ownPause.begin(outcome.ms);
      await job.updateProgress({ reason: outcome.reason });
      // It only gives the entry back: that all wait is asked for with `pauseAll`.
      throw Worker.RateLimitError();
    case 'put-back':
      if (outcome.isRefused) await outbox.moveToEndOfItsLine(report.id, report.businessId);
      throw new PutBack(outcome.reason, outcome);
    case 'await-proof': {
      // Many may wait for tomorrow. With the turns of today they would then go before what other locations bring.
      const line = await outbox.moveToEndOfItsLine(report.id, report.businessId);
      throw new PutBack(outcome.reason, line === 'proven' ? {} : { leastMs: outcome.ms });
    }
    case 'refused':
      throw new UnrecoverableError(outcome.reason);
  }
}

/** The report of an entry, in the line that it stands in by now. Null: the entry was removed, or is none of ours. */
function reportIn(job: Job<Report> | undefined): Report | null {
  const report = parseReport(job?.data);
  return report === null || job === undefined ? null : { ...report, proven: lineOf(job.priority) === 'proven' };
}

/** Removes an entry. Returns false when it cannot be removed, because it is being delivered. */
async function isRemoved(job: Job<Report>): Promise<boolean> {
  try {
    await job.remove();
    return true;
  } catch {
    return false;
  }
}

/** Whether an entry is finished, and cannot be restored. */
function isDelivered({ finishedOn, returnvalue }: Job<Report>): boolean {
  return finishedOn !== undefined && returnvalue !== null && !isNotNeeded(returnvalue);
}

function isNotNeeded(outcome: unknown): boolean {
  return typeof outcome === 'object' && outcome !== null && 'kind' in outcome && outcome.kind === 'not-needed';
}

/** The connection is watched, and its loss logged, by whoever made it. */
function ignoreConnectionErrors(): void {}
