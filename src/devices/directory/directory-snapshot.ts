// The directory as Redis keeps it, so that a sensor that restarts while Nexudus is away can decide at once.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isDeviceMac } from '../../addresses/mac-address.js';
import type { FullReads, KnownUser } from '../../nexudus/known-devices.js';
import type { RedisClient } from '../../redis/client.js';

/** A hash: one field a user, one a full record read, and the field `readAt`. */
const READ_AT = 'readAt';
const BATCH = 500;
/** A snapshot that is being written is gone this long after its last piece: the sensor that wrote it has ended. */
const UNFINISHED_LIVES_MS = 10 * 60_000;

/**
 * Puts the new snapshot (KEYS[1]) in the place of the old one (KEYS[2]) if all its ARGV[1] fields are there: a Redis that came back
 * empty while it was written has only the end of it.
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

/** Changes a snapshot that is there: readAt, its time to live, then pairs of a field and its value ('' takes the field out). */
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

  /** `redis` stays the caller's. `retentionMs`: the snapshot is gone this long after it was last written. */
  constructor(
    private readonly redis: RedisClient,
    businessId: number,
    private readonly retentionMs: number,
  ) {
    this.key = `{nwm:${businessId}}:directory`;
  }

  /** Calls back with each user; then answers when the directory was read, or null when there is no (whole) snapshot. What does not fit is skipped. */
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
   * Replaces the snapshot by what `users` gives, all at once at the end; of sensors that write at the same time the last one counts.
   * @throws when Redis did not take, or did not keep, all of it: the old snapshot is then as it was
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
