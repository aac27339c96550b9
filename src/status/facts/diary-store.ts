// Where the diary of a location lies in Redis, for all its sensors and over restarts. Two keys, which live for RETENTION after the last
// entry: {nwm:BUSINESS}:diary is a hash with one field a device, and {nwm:BUSINESS}:diary:changes a sorted set that says when each
// field was last written. A dry run has two of its own, {nwm:BUSINESS}:diary:dry-run and {nwm:BUSINESS}:diary:dry-run:changes.
import { type MacAddress, macDigits, parseMac } from '../../addresses/mac-address.js';
import { keysLike, type RedisClient } from '../../redis/client.js';
import { type DiaryVisit, parseVisits } from './diary-entry.js';

/** Fields that are read in one go. */
const SCAN_COUNT = 500;
/** A time that Redis tells, in microseconds since the epoch. It may be set back a little. */
export type ChangeTime = number;
const LOOK_BACK_US = 2_000_000;

/**
 * Writes a device's visits, unless another sensor has written them since they were read. KEYS: hash, sorted set. ARGV: field, the text
 * that was read ('' for none), the text in its place, ms to live.
 */
const WRITE = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local now = redis.call('TIME')
redis.call('ZADD', KEYS[2], string.format('%.0f', now[1] * 1000000 + now[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1`;

/** By the clock of the server that holds KEYS[1]. */
const NOW = `
local now = redis.call('TIME')
return string.format('%.0f', now[1] * 1000000 + now[2])`;

export interface DiaryStoreOptions {
  readonly businessId: number;
  readonly retentionMs: number;
  readonly isDryRun: boolean;
}

export class DiaryStore {
  private readonly key: string;

  /** `redis` stays the caller's. */
  constructor(
    private readonly redis: RedisClient,
    private readonly options: DiaryStoreOptions,
  ) {
    this.key = keyOf(options.businessId, options.isDryRun);
  }

  /** That of another location on the same Redis. */
  of(businessId: number): DiaryStore {
    return new DiaryStore(this.redis, { ...this.options, businessId });
  }

  /** All devices, some at a time. Rejects when Redis does not answer, as do the others. */
  async *all(): AsyncGenerator<Map<MacAddress, readonly DiaryVisit[]>> {
    let cursor = '0';
    do {
      const [next, pairs] = await this.redis.hscan(this.key, cursor, 'COUNT', SCAN_COUNT);
      cursor = next;
      const found = new Map<MacAddress, readonly DiaryVisit[]>();
      for (let at = 0; at < pairs.length; at += 2) {
        const mac = parseMac(pairs[at] ?? '');
        const visits = parseVisits(pairs[at + 1] ?? null);
        if (mac !== null && visits !== null) found.set(mac, visits);
      }
      yield found;
    } while (cursor !== '0');
  }

  async now(): Promise<ChangeTime> {
    return Number(await this.redis.eval(NOW, 1, this.key));
  }

  /** Which devices were written since then, or a little before, and when. */
  async changedSince(time: ChangeTime): Promise<Map<MacAddress, ChangeTime>> {
    const pairs = await this.redis.zrangebyscore(`${this.key}:changes`, time - LOOK_BACK_US, '+inf', 'WITHSCORES');
    const changed = new Map<MacAddress, ChangeTime>();
    for (let at = 0; at < pairs.length; at += 2) {
      const mac = parseMac(pairs[at] ?? '');
      if (mac !== null) changed.set(mac, Number(pairs[at + 1]));
    }
    return changed;
  }

  /** What is written about these devices, as text; null where there is nothing. */
  read(macs: readonly MacAddress[]): Promise<(string | null)[]> {
    return macs.length === 0 ? Promise.resolve([]) : this.redis.hmget(this.key, ...macs.map(macDigits));
  }

  /** Returns false when `before` is no longer what is written there. */
  async write(mac: MacAddress, before: string | null, visits: readonly DiaryVisit[]): Promise<boolean> {
    const { key, redis, options } = this;
    const text = JSON.stringify(visits);
    const answer = await redis.eval(
      WRITE,
      2,
      key,
      `${key}:changes`,
      macDigits(mac),
      before ?? '',
      text,
      options.retentionMs,
    );
    return answer === 1;
  }

  async forget(macs: readonly MacAddress[]): Promise<void> {
    if (macs.length === 0) return;
    const fields = macs.map(macDigits);
    await this.redis.hdel(this.key, ...fields);
    await this.redis.zrem(`${this.key}:changes`, ...fields);
  }
}

function keyOf(businessId: number | '*', isDryRun: boolean): string {
  return `{nwm:${businessId}}:diary${isDryRun ? ':dry-run' : ''}`;
}

/** Removes a device from every location's diary on this Redis, and from what is said there of others. Returns in how many it was. */
export async function forgetInDiaries(redis: RedisClient, mac: MacAddress): Promise<number> {
  let removed = 0;
  for (const isDryRun of [false, true]) {
    for await (const keys of keysLike(redis, keyOf('*', isDryRun))) {
      for (const key of keys) {
        removed += await redis.hdel(key, macDigits(mac));
        await redis.zrem(`${key}:changes`, macDigits(mac));
        await forgetAsKin(redis, key, mac);
      }
    }
  }
  return removed;
}

async function forgetAsKin(redis: RedisClient, key: string, mac: MacAddress): Promise<void> {
  let cursor = '0';
  do {
    const [next, pairs] = await redis.hscan(key, cursor, 'COUNT', SCAN_COUNT);
    cursor = next;
    for (let at = 0; at < pairs.length; at += 2) {
      const [field = '', text = ''] = pairs.slice(at, at + 2);
      const visits = text.includes(`${mac}`) ? parseVisits(text) : null;
      if (visits?.some(({ kin }) => kin?.mac === mac) !== true) continue;
      const cleaned = visits.map((visit) => (visit.kin?.mac === mac ? { ...visit, kin: null } : visit));
      // The running sensors have forgotten it already, so none writes it again.
      await redis.hset(key, field, JSON.stringify(cleaned));
    }
  } while (cursor !== '0');
}
