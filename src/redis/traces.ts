// All that this project keeps in one Redis: what names one device, and how many keys there are of each kind.
import { formatMac, type MacAddress, macDigits } from '../addresses/mac-address.js';
import { keysLike, type RedisClient } from './client.js';

/** Every key of this project begins so. */
const ALL_KEYS = '{nwm:*';

/** A key that names the device, or a part of what is in a key that does. */
export interface Trace {
  readonly key: string;
  /** The field of a hash; the member of a set or a list; the id of an entry of a stream. Null where the whole key is meant. */
  readonly part: string | null;
  readonly value: string;
  /** How long the key is kept from now on, ms; null when nothing limits it. */
  readonly livesMs: number | null;
}

/** Whether a text names the device, however its address is written. */
function namer(mac: MacAddress): (text: string) => boolean {
  const digits = macDigits(mac);
  const written = [digits, formatMac(mac), formatMac(mac).replaceAll(':', '-'), digits.replace(/(....)(?=.)/g, '$1.')];
  const number = new RegExp(`(?<!\\d)${mac}(?!\\d)`);
  return (text) => written.some((form) => text.toLowerCase().includes(form)) || number.test(text);
}

/** Everything that names the device, whichever of our keys it is in. Of a key that is named after it, all that it holds. */
export async function tracesOf(redis: RedisClient, mac: MacAddress): Promise<Trace[]> {
  const names = namer(mac);
  const traces: Trace[] = [];
  for await (const keys of keysLike(redis, ALL_KEYS)) {
    for (const key of keys) {
      const [parts, livesMs] = await Promise.all([partsOf(redis, key), redis.pttl(key)]);
      for (const [part, value] of parts) {
        if (!names(key) && !names(part ?? '') && !names(value)) continue;
        traces.push({ key, part, value, livesMs: livesMs < 0 ? null : livesMs });
      }
    }
  }
  return traces.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** What a key holds, part by part. */
async function partsOf(redis: RedisClient, key: string): Promise<readonly (readonly [string | null, string])[]> {
  const each = (members: readonly string[]) => members.map((member) => [member, member] as const);
  switch (await redis.type(key)) {
    case 'string':
      return [[null, (await redis.get(key)) ?? '']];
    case 'hash':
      return Object.entries(await redis.hgetall(key));
    case 'list':
      return each(await redis.lrange(key, 0, -1));
    case 'set':
      return each(await redis.smembers(key));
    case 'zset':
      return each(await redis.zrange(key, 0, '-1'));
    case 'stream':
      return (await redis.xrange(key, '-', '+')).map(([id, fields]) => [id, fields.join(' ')] as const);
    default:
      return [];
  }
}

/** How many keys there are, by what `kindOf` says of each. */
export async function countKeys(
  redis: RedisClient,
  kindOf: (key: string) => string,
): Promise<ReadonlyMap<string, number>> {
  const seen = new Set<string>();
  for await (const keys of keysLike(redis, ALL_KEYS)) for (const key of keys) seen.add(key);
  const counts = new Map<string, number>();
  for (const key of seen) counts.set(kindOf(key), (counts.get(kindOf(key)) ?? 0) + 1);
  return counts;
}

/** Removes every key of this project. Returns how many there were. */
export async function removeAllKeys(redis: RedisClient): Promise<number> {
  let removed = 0;
  // One by one: in a cluster they lie in different slots.
  for await (const keys of keysLike(redis, ALL_KEYS)) for (const key of keys) removed += await redis.unlink(key);
  return removed;
}
