// The snapshot of the directory in Redis, with which a sensor that restarts while Nexudus is away can decide at once.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isDeviceMac } from '../../addresses/mac-address.js';
import type { FullReads, KnownUser } from '../../nexudus/known-devices.js';
import type { RedisClient } from '../../redis/client.js';

/** The snapshot is a hash with a field for each user, one for each full record that was read, and the field `readAt`. */
const READ_AT = 'readAt';
const BATCH = 500;
/** An unfinished snapshot expires this long after its last piece was written, because its sensor has ended. */
const UNFINISHED_LIVES_MS = 10 * 60_000;

/**
 * Replaces the old snapshot (KEYS[2]) by the new one (KEYS[1]) if that has all its ARGV[1] fields. If Redis came back empty while it
 * was written, it has only the last ones.
 */
const FINISH = `
if redis.call('HLEN', KEYS[1]) ~= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('HSET', KEYS[1], '${READ_AT}', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('RENAME', KEYS[1], KEYS[2])
return 1`;

/** Changes an existing snapshot. The arguments: readAt, time to live, then pairs of a field and its value ('' removes the field). */
const UPDATE = `
if redis.call('HEXISTS', KEYS[1], '${READ_AT}') == 0 then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', KEYS[1], '${READ_AT}', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

const MACS = z.array(z.number().int().refine(isDeviceMac));
const USER = z.object({
  name: z.string(),
  active: z.boolean(),
  coworker: z.object({ id: z.number().int(), name: z.string(), active: z.boolean(), archived: z.boolean() }).nullable(),
  macs: MACS,
});
const FULL_READ = z.object({ updatedOn: z.string(), macs: MACS });

export class DirectorySnapshot {
  private readonly key: string;

  /** `redis` belongs to the caller. The snapshot expires `retentionMs` after it was last written. */
  constructor(
    private readonly redis: RedisClient,
    businessId: number | 'all',
    private readonly retentionMs: number,
  ) {
    this.key = `{nwm:${businessId}}:directory`;
  }

  /**
   * Calls `onUser` for each user, and adds to `fullReads`. Returns when the directory was read from Nexudus; null when there is no
   * complete snapshot. Fields of another shape are skipped.
   */
  async load(onUser: (user: KnownUser) => void, fullReads: FullReads): Promise<Date | null> {
    const readAt = z.iso.datetime().safeParse(await this.redis.hget(this.key, READ_AT));
    if (!readAt.success) return null;
    let cursor = '0';
    do {
      const [next, fields] = await this.redis.hscan(this.key, cursor, 'COUNT', BATCH);
      cursor = next;
      for (let index = 0; index + 1 < fields.length; index += 2)
        take(fields[index] ?? '', fields[index + 1] ?? '', onUser, fullReads);
    } while (cursor !== '0');
    return new Date(readAt.data);
  }

  /**
   * Replaces the snapshot by `users` and `fullReads`. The new snapshot appears at once, at the end. If several sensors write at the
   * same time, the last one counts.
   * @throws when Redis did not take, or did not keep, all of it. The old snapshot is unchanged then
   */
  async replace(users: Iterable<KnownUser>, fullReads: FullReads, readAt: Date): Promise<void> {
    const nextKey = `${this.key}:next:${randomUUID()}`;
    let fields = new Map<string, string>();
    let written = 0;
    const flush = async () => {
      if (fields.size === 0) return;
      const answers = await this.redis.multi().hset(nextKey, fields).pexpire(nextKey, UNFINISHED_LIVES_MS).exec();
      for (const [error] of answers ?? []) if (error !== null) throw error;
      written += fields.size;
      fields = new Map();
    };
    for (const user of users) {
      fields.set(...userField(user));
      if (fields.size >= BATCH) await flush();
    }
    for (const [userId, read] of fullReads) {
      fields.set(`full:${userId}`, JSON.stringify(read));
      if (fields.size >= BATCH) await flush();
    }
    await flush();
    const finish = [written, readAt.toISOString(), this.retentionMs];
    const isWhole = await this.redis.eval(FINISH, 2, nextKey, this.key, ...finish);
    if (isWhole !== 1) throw new Error('Redis lost a part of the directory while it was written');
  }

  /** Writes the users that changed into the snapshot. Returns false, and writes nothing, when there is none. */
  async update(users: readonly KnownUser[], readAt: Date): Promise<boolean> {
    const fields = users.flatMap((user) => (user.macs.length > 0 ? userField(user) : [`user:${user.userId}`, '']));
    const answer = await this.redis.eval(UPDATE, 1, this.key, readAt.toISOString(), this.retentionMs, ...fields);
    return answer === 1;
  }
}

function userField({ userId, name, active, coworker, macs }: KnownUser): [string, string] {
  return [`user:${userId}`, JSON.stringify({ name, active, coworker, macs })];
}

function take(field: string, value: string, onUser: (user: KnownUser) => void, fullReads: FullReads): void {
  const [, kind, idText] = /^(user|full):(-?\d+)$/.exec(field) ?? [];
  const id = Number(idText);
  if (kind === 'user') {
    const user = USER.safeParse(parsed(value));
    if (user.success) onUser({ userId: id, ...user.data });
  } else if (kind === 'full') {
    const read = FULL_READ.safeParse(parsed(value));
    if (read.success) fullReads.set(id, read.data);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
