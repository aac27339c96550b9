// What every store needs of Redis: the type of a connection, and the keys that there are. Connections are made in
// sensor/redis-connection.ts alone.
import type { Cluster, Redis } from 'ioredis';

/** A connection to one server (also one that sentinels name), or to a cluster. Keys of one command must share a hash tag. */
export type RedisClient = Redis | Cluster;

/** The servers that hold keys: all primaries of a cluster. */
export function primariesOf(redis: RedisClient): Redis[] {
  return 'nodes' in redis ? redis.nodes('master') : [redis];
}

/** Every key that fits the pattern (see SCAN), in batches, wherever it is. A key that is moved meanwhile may come twice or be missed. */
export async function* keysLike(redis: RedisClient, pattern: string): AsyncGenerator<string[]> {
  for (const primary of primariesOf(redis)) {
    let cursor = '0';
    do {
      const [next, keys] = await primary.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}

/** Another connection of the same kind to the same place. */
export function duplicateOf(redis: RedisClient): RedisClient {
  return 'nodes' in redis ? redis.duplicate() : redis.duplicate();
}
