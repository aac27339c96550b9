// What Redis has on its disk: the append-only file holds every line that was ever written, until it is rewritten. Redis itself does
// that only when the file has grown, which can take months: what is gone from Redis's memory would still be there.
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { primariesOf, type RedisClient } from './client.js';

const LOOK_EVERY_MS = 50;

/** There while the file was rewritten not long ago. */
const TURN = '{nwm:outbox}:rewrite-turn';
const MAX_BETWEEN_LOOKS_MS = 3_600_000;

/** What became of an attempt to have only on the disk what is in memory. */
export type Rewritten =
  /** Nothing is on the disk but what Redis holds now. */
  | { readonly kind: 'clean' }
  /** Redis keeps nothing on a disk. */
  | { readonly kind: 'no-disk' }
  /** `isForbidden`: Redis does not allow it, now or later. */
  | { readonly kind: 'not-clean'; readonly reason: string; readonly isForbidden: boolean };

type NotClean = Rewritten & { kind: 'not-clean' };

/**
 * Lets Redis write anew what it keeps on its disk, and waits for it for at most `withinMs`. Never rejects for what Redis forbids;
 * rejects when it cannot be reached.
 */
export async function rewriteDisk(redis: RedisClient, withinMs: number): Promise<Rewritten> {
  const deadlineMs = performance.now() + withinMs;
  const all = await Promise.all(primariesOf(redis).map((primary) => rewriteServer(primary, deadlineMs)));
  const notClean = all.find(({ kind }) => kind === 'not-clean');
  return notClean ?? all.find(({ kind }) => kind === 'clean') ?? { kind: 'no-disk' };
}

async function rewriteServer(redis: Redis, deadlineMs: number): Promise<Rewritten> {
  const info = await persistence(redis);
  if (typeof info === 'string') return notClean(info, true);
  const hasSnapshots = await keepsSnapshots(redis);
  if (info.get('aof_enabled') !== '1' && hasSnapshots === false) return { kind: 'no-disk' };
  if (info.get('aof_enabled') === '1') {
    const failure = await runInBackground(redis, APPEND_ONLY_FILE, deadlineMs);
    if (failure !== null) return failure;
  }
  if (hasSnapshots === null)
    return notClean('it does not say whether it keeps snapshots (dump.rdb) as well: CONFIG GET is forbidden', true);
  if (hasSnapshots) {
    const failure = await runInBackground(redis, SNAPSHOT, deadlineMs);
    if (failure !== null) return failure;
  }
  const replicas = Number((await section(redis, 'replication')).get('connected_slaves') ?? 0);
  if (replicas > 0)
    return notClean('its replicas have files of their own: run BGREWRITEAOF, or BGSAVE, on each of them', false);
  return { kind: 'clean' };
}

interface BackgroundWork {
  readonly command: string;
  readonly parameters: readonly string[];
  /** Fields of INFO persistence that are not 0 while it goes on. */
  readonly busy: readonly string[];
  readonly status: string;
  readonly what: string;
}

const APPEND_ONLY_FILE: BackgroundWork = {
  command: 'BGREWRITEAOF',
  parameters: [],
  busy: ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'],
  status: 'aof_last_bgrewrite_status',
  what: 'its append-only file',
};
const SNAPSHOT: BackgroundWork = {
  command: 'BGSAVE',
  parameters: ['SCHEDULE'],
  busy: ['rdb_bgsave_in_progress'],
  status: 'rdb_last_bgsave_status',
  what: 'its snapshot (dump.rdb)',
};

/** Null when it is done. One that was begun before would still write what is gone by now: it is waited for, and then begun anew. */
async function runInBackground(redis: Redis, work: BackgroundWork, deadlineMs: number): Promise<NotClean | null> {
  const { command, parameters, busy, status, what } = work;
  const late = notClean(`it is still writing ${what}: run this again in a while`, false);
  const isBusy = (info: ReadonlyMap<string, string>) => busy.some((field) => info.get(field) !== '0');
  let isBegun = false;
  while (performance.now() < deadlineMs) {
    const info = await persistence(redis);
    if (typeof info === 'string') return notClean(info, true);
    if (isBusy(info)) {
      await delay(LOOK_EVERY_MS);
      continue;
    }
    if (isBegun)
      return info.get(status) === 'ok' ? null : notClean(`it failed to write ${what}: see Redis's own log`, false);
    try {
      await redis.call(command, ...parameters);
      isBegun = true;
    } catch (error) {
      if (isForbidden(error)) return notClean(`it forbids ${command} (${messageOf(error)})`, true);
      // Somebody else was quicker.
      if (!/in progress|already|scheduled/i.test(messageOf(error))) throw error;
      await delay(LOOK_EVERY_MS);
    }
  }
  return late;
}

function notClean(reason: string, isForbidden: boolean): NotClean {
  return { kind: 'not-clean', reason, isForbidden };
}

/** Whether Redis writes snapshots by itself; null when it does not say. */
async function keepsSnapshots(redis: Redis): Promise<boolean | null> {
  try {
    const answer = await redis.config('GET', 'save');
    const [, save] = Array.isArray(answer) ? answer : [];
    return typeof save === 'string' ? save !== '' : null;
  } catch {
    return null;
  }
}

/** INFO persistence; text that says why there is none. */
async function persistence(redis: Redis): Promise<ReadonlyMap<string, string> | string> {
  try {
    return await section(redis, 'persistence');
  } catch (error) {
    if (isForbidden(error)) return `it forbids INFO (${messageOf(error)})`;
    throw error;
  }
}

async function section(redis: Redis, name: string): Promise<ReadonlyMap<string, string>> {
  const text = await redis.info(name);
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Rewrites the append-only file once in each `everyMs`: one of all sensors on this Redis does so. `onForbidden` is called once when
 * Redis does not allow it. Nobody looks whether something has
 * expired since, because something always has: keys of BullMQ's that live for seconds. Returns the function that ends it.
 */
export function rewriteRegularly(
  redis: RedisClient,
  { everyMs, onForbidden }: { everyMs: number; onForbidden: () => void },
): () => void {
  let isToldForbidden = false;
  const rewrite = async () => {
    if ((await redis.set(TURN, '1', 'PX', Math.ceil(everyMs * 0.9), 'NX')) === null) return;
    for (const primary of primariesOf(redis)) {
      const info = await section(primary, 'persistence');
      // Snapshots are written anew by Redis itself whenever something has changed.
      const isBusy = APPEND_ONLY_FILE.busy.some((field) => info.get(field) !== '0');
      if (info.get('aof_enabled') === '1' && !isBusy) await primary.bgrewriteaof();
    }
  };
  const onError = (error: unknown) => {
    // That Redis is away is told elsewhere, and another fork that is under way is no failure.
    if (isToldForbidden || !isForbidden(error)) return;
    isToldForbidden = true;
    onForbidden();
  };
  const timer = setInterval(() => void rewrite().catch(onError), Math.min(MAX_BETWEEN_LOOKS_MS, everyMs));
  timer.unref();
  return () => clearInterval(timer);
}

/** What it means when Redis does not allow to rewrite the file. */
export const STAYS_ON_DISK =
  'what was forgotten or has expired stays on its disk until Redis itself writes its files anew, which can take months';

function isForbidden(error: unknown): boolean {
  return /^(NOPERM|ERR unknown command)/i.test(messageOf(error));
}
