// The notices that survive restarts and that the sensors of a location share: a BullMQ queue on Redis, one for each location.
import { createHash } from 'node:crypto';
import { Job, type JobsOptions, Queue, UnrecoverableError, Worker } from 'bullmq';
import { keysLike, type RedisClient } from '../redis/client.js';
import { Lifetimes } from '../redis/lifetimes.js';
import { isAbout, type Notice, parseNotice } from './notice.js';
import { MAX_NOTICES, type NoticeQueue, type NoticeQueueEdges } from './notice-queue.js';

const QUEUE = 'notices';
/** Longer than the longest try, see Webhook. */
const LOCK_MS = 30_000;
const MAX_A_SECOND = 5;
/** Longer than BullMQ needs to put a notice back. */
const TOUCH_AFTER_MS = 500;
/** Retried until it is too old, see Webhook. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const EVERY_STATE = ['wait', 'active', 'delayed', 'completed', 'failed'] as const;

export interface RedisNoticesEdges extends NoticeQueueEdges {
  readonly onError: (error: Error) => void;
}

export class RedisNotices implements NoticeQueue {
  private readonly queue: Queue<Notice>;
  private readonly worker: Worker<Notice>;
  private readonly cleaning: NodeJS.Timeout;
  private readonly lifetimes: Lifetimes;

  /** `redis` stays the caller's. It must wait for Redis while that is away (`delivering`). `keepMs`: how long anything is kept. */
  constructor(
    redis: RedisClient,
    businessId: number,
    private readonly keepMs: number,
    private readonly edges: RedisNoticesEdges,
  ) {
    this.queue = queueOf(redis, businessId);
    this.lifetimes = new Lifetimes(redis, `${prefixOf(businessId)}:${QUEUE}`, [], {
      retentionMs: keepMs,
      outboxRetentionMs: 0,
    });
    void this.lifetimes.touch().catch(edges.onError);
    this.queue.on('error', edges.onError);
    this.worker = new Worker<Notice>(QUEUE, (job) => this.process(job), {
      connection: redis,
      prefix: prefixOf(businessId),
      concurrency: 1,
      limiter: { max: MAX_A_SECOND, duration: 1_000 },
      maximumRateLimitDelay: 5_000,
      lockDuration: LOCK_MS,
      maxStalledCount: NO_LIMIT,
    });
    this.worker.on('error', edges.onError);
    // BullMQ itself removes old ones only when another is finished.
    this.cleaning = setInterval(() => void this.clean().catch(edges.onError), Math.min(3_600_000, keepMs / 24));
  }

  async add(notice: Notice): Promise<void> {
    const { wait = 0, delayed = 0 } = await this.queue.getJobCounts('wait', 'delayed');
    if (wait + delayed >= MAX_NOTICES) {
      this.edges.onFull();
      return;
    }
    // In one step with what limits its life: a sensor that is killed in between would leave it behind for ever.
    const jobId = jobIdOf(notice);
    const job = new Job(this.queue, 'notice', notice, { ...jobOptions(this.keepMs), jobId }, jobId);
    const transaction = (await this.queue.backend.client).multi();
    await job.addJob(transaction);
    this.lifetimes.limitAdded(transaction, jobId);
    for (const [error] of (await transaction.exec()) ?? []) if (error !== null) throw error;
  }

  async forget(mac: string): Promise<void> {
    await removeAbout(this.queue, mac);
  }

  async close(): Promise<void> {
    clearInterval(this.cleaning);
    await this.worker.close();
    await this.lifetimes.touch().catch(() => {});
    await this.queue.close();
  }

  private async process(job: Job<Notice>): Promise<void> {
    const notice = parseNotice(job.data);
    if (notice === null) throw new UnrecoverableError('this entry was not written by wifi-monitor');
    const delivered = await this.edges.deliver(notice);
    this.edges.onDelivered(notice, delivered);
    switch (delivered.kind) {
      case 'done':
        return;
      case 'given-up':
        throw new UnrecoverableError(delivered.reason);
      case 'wait':
        await this.queue.rateLimit(delivered.ms);
        // BullMQ now makes the list of what waits anew, without a time to live.
        setTimeout(() => void this.lifetimes.touch().catch(this.edges.onError), TOUCH_AFTER_MS).unref();
        throw Worker.RateLimitError();
    }
  }

  private async clean(): Promise<void> {
    await this.lifetimes.touchAndClear();
    for (const state of ['completed', 'failed', 'wait'] as const) await this.queue.clean(this.keepMs, 10_000, state);
  }
}

/** Removes every notice about a device, at every location on this Redis; `mac` is written with colons. Returns how many. */
export async function forgetNotices(redis: RedisClient, mac: string): Promise<number> {
  let removed = 0;
  for await (const keys of keysLike(redis, `{nwm:*}:${QUEUE}:meta`)) {
    for (const key of keys) {
      const businessId = Number(/^\{nwm:(\d+)\}/.exec(key)?.[1]);
      const queue = queueOf(redis, businessId);
      queue.on('error', () => {});
      removed += await removeAbout(queue, mac).finally(() => queue.close());
    }
  }
  return removed;
}

async function removeAbout(queue: Queue<Notice>, mac: string): Promise<number> {
  let removed = 0;
  for (const job of await queue.getJobs([...EVERY_STATE])) {
    // A job that is removed meanwhile is listed as undefined.
    const notice = parseNotice(job?.data);
    if (notice === null || !isAbout(notice, mac)) continue;
    // What is being delivered at this moment cannot be removed.
    await job.remove().then(
      () => removed++,
      () => {},
    );
  }
  return removed;
}

/** It writes nothing by itself that has no time to live: see redis/lifetimes.ts. */
function queueOf(redis: RedisClient, businessId: number): Queue<Notice> {
  return new Queue<Notice>(QUEUE, { connection: redis, prefix: prefixOf(businessId), skipMetasUpdate: true });
}

function jobOptions(keepMs: number): JobsOptions {
  const keep = { age: Math.ceil(keepMs / 1_000) };
  return { attempts: NO_LIMIT, stackTraceLimit: 0, removeOnComplete: keep, removeOnFail: keep };
}

function prefixOf(businessId: number): string {
  return `{nwm:${businessId}}`;
}

/** The id of a visit names the device, and BullMQ writes ids into its own log. */
function jobIdOf({ id }: Notice): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}
