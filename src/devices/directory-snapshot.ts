// The directory as Redis keeps it, so that a sensor that restarts while Nexudus is away can decide at once.
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FullReads, KnownUser } from '../nexudus/known-devices.js';
import { isDeviceMac } from './mac-address.js';

/** A hash: one field a user, one a full record read, and the field `readAt`. */
const READ_AT = 'readAt';
const BATCH = 500;

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
  private readonly nextKey: string;

  /** `redis` stays the caller's. `retentionMs`: the snapshot is gone this long after it was last written. */
  constructor(
    private readonly redis: Redis,
    businessId: number,
    private readonly retentionMs: number,
  ) {
    this.key = `{nwm:${businessId}}:directory`;
    this.nextKey = `${this.key}:next`;
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

  /** Replaces the snapshot by what `users` gives, all at once at the end. */
  async replace(users: Iterable<KnownUser>, fullReads: FullReads, readAt: Date): Promise<void> {
    await this.redis.del(this.nextKey);
    let fields: string[] = [];
    const flush = async () => {
      if (fields.length > 0) await this.redis.hset(this.nextKey, ...fields);
      fields = [];
    };
    for (const user of users) {
      fields.push(...userField(user));
      if (fields.length >= BATCH * 2) await flush();
    }
    for (const [userId, read] of fullReads) {
      fields.push(`full:${userId}`, JSON.stringify(read));
      if (fields.length >= BATCH * 2) await flush();
    }
    fields.push(READ_AT, readAt.toISOString());
    await flush();
    await this.redis.multi().pexpire(this.nextKey, this.retentionMs).rename(this.nextKey, this.key).exec();
  }

  /** Writes the users that changed into a snapshot that is there. */
  async update(users: readonly KnownUser[], readAt: Date): Promise<void> {
    const fields = [READ_AT, readAt.toISOString()];
    for (const user of users) {
      if (user.macs.length > 0) fields.push(...userField(user));
      else await this.redis.hdel(this.key, `user:${user.userId}`);
    }
    await this.redis
      .multi()
      .hset(this.key, ...fields)
      .pexpire(this.key, this.retentionMs)
      .exec();
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
