// How long what BullMQ keeps in Redis lives. BullMQ gives none of its keys a time to live, and removes finished jobs only when another
// one is finished. So a sensor that is killed, and never started again, would leave the MAC addresses in them behind for ever. With
// the times to live that are set here Redis removes them by itself.
import type { RedisClient } from './client.js';

/** More events than BullMQ needs to keep for anybody here. */
const MAX_EVENTS = 100;

/** What the queue needs to exist: gone when nobody has used the queue for the retention. The events name jobs, and thereby devices. */
const STRUCTURE = ['meta', 'events', 'id', 'pc', 'marker'] as const;
/** What waits. Gone when nothing was added, moved or looked after for as long as anything may wait. */
const WAITING = ['wait', 'paused', 'active', 'delayed', 'prioritized', 'stalled'] as const;
/** Names of finished jobs: gone a retention after the last of them was finished, or the queue was last used. */
const FINISHED = ['completed', 'failed'] as const;
/** A member of these sets that is no job. Its score is infinite, so it is never old. */
const KEEPER = 'keeper';

/**
 * KEYS: what waits, what is finished, the structure. ARGV: retention and longest wait, ms; MAX_EVENTS; 1 to empty the events. BullMQ adds to the events in each
 * of its scripts, and to a set of finished jobs whenever it finishes one. So these are made here, empty, as long as somebody uses the
 * queue: what BullMQ would make has no time to live.
 */
const [FIRST_FINISHED, FIRST_STRUCTURE] = [WAITING.length + 1, WAITING.length + FINISHED.length + 1];
const TOUCH = `
for i = ${FIRST_FINISHED}, ${FIRST_STRUCTURE - 1} do redis.call('ZADD', KEYS[i], '+inf', '${KEEPER}') end
local meta, events = KEYS[${FIRST_STRUCTURE}], KEYS[${FIRST_STRUCTURE + 1}]
if ARGV[4] == '1' then redis.call('DEL', events) end
redis.call('HSETNX', meta, 'opts.maxLenEvents', ARGV[3])
if redis.call('EXISTS', events) == 0 then
  redis.call('XADD', events, '*', 'event', 'none')
  redis.call('XTRIM', events, 'MAXLEN', 0)
end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], i < ${FIRST_FINISHED} and ARGV[2] or ARGV[1]) end`;

/** Gives KEYS[1] a time to live (ARGV[1], ms) if it has none. */
const LIMIT = `if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end`;

/** What a transaction of BullMQ and one of ioredis have in common. */
interface Transaction {
  runCommand(name: string, values: unknown[]): unknown;
}

export interface Retentions {
  /** How long what is finished (delivered, refused, not needed) is kept, ms: a visit that could still be added again must be found. */
  readonly retentionMs: number;
  /** How long anything waits for Nexudus at most, ms. */
  readonly outboxRetentionMs: number;
}

export class Lifetimes {
  private readonly keys: readonly string[];

  /** `queueKey` is the beginning of all keys of the queue, without the colon behind it; `moreKeys` live as long as its structure. */
  constructor(
    private readonly redis: RedisClient,
    private readonly queueKey: string,
    moreKeys: readonly string[],
    private readonly retentions: Retentions,
  ) {
    this.keys = [...WAITING, ...FINISHED, ...STRUCTURE].map((name) => this.key(name)).concat(moreKeys);
  }

  /** Appends to the transaction that adds a job what limits its life; a job that was there before keeps the limit that it has. */
  limitAdded(transaction: Transaction, id: string): void {
    transaction.runCommand('eval', [TOUCH, this.keys.length, ...this.keys, ...this.touchArguments()]);
    transaction.runCommand('eval', [LIMIT, 1, this.key(id), this.longestWaitMs()]);
  }

  /** To be called just before BullMQ finishes a job: whatever happens then, nothing of it is left a retention from now. */
  async limitFinished(id: string): Promise<void> {
    await this.touch();
    await this.redis.pexpire(this.key(id), this.retentions.retentionMs);
  }

  /** How many jobs have failed. */
  failed(): Promise<number> {
    return this.redis.zcount(this.key('failed'), '-inf', '(+inf');
  }

  /** To be called just before a job that was finished, or was about to be, waits again; `ageMs` is how long ago it first came. */
  async limitWaiting(id: string, ageMs: number): Promise<void> {
    await this.touch();
    await this.redis.pexpire(this.key(id), Math.max(1, Math.round(this.longestWaitMs() - ageMs)));
  }

  /** Keeps the queue for another retention. To be called much more often than that, and before a worker starts. */
  async touch(): Promise<void> {
    await this.redis.eval(TOUCH, this.keys.length, ...this.keys, ...this.touchArguments());
  }

  /**
   * The same, and empties BullMQ's log of what happened, which nobody reads, and which names jobs and thereby devices. Trimming would
   * not do: Redis keeps the text of entries that were taken out of a stream, and writes it to its disk.
   */
  async touchAndClear(): Promise<void> {
    await this.redis.eval(TOUCH, this.keys.length, ...this.keys, ...this.touchArguments(true));
  }

  /** Limits the lives of jobs that wait and that an earlier version added. */
  async limitFormer(ids: readonly string[]): Promise<void> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.eval(LIMIT, 1, this.key(id), this.longestWaitMs());
    await pipeline.exec();
  }

  private key(name: string): string {
    return `${this.queueKey}:${name}`;
  }

  /** Longer than anything waits while a sensor runs, which counts and logs what it drops. Without one Redis drops it. */
  private longestWaitMs(): number {
    const { retentionMs, outboxRetentionMs } = this.retentions;
    return outboxRetentionMs + retentionMs;
  }

  private touchArguments(clear = false): readonly number[] {
    return [this.retentions.retentionMs, this.longestWaitMs(), MAX_EVENTS, clear ? 1 : 0];
  }
}
