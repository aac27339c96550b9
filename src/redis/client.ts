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

/** How long a replica may take to confirm. */
const REPLICA_WITHIN_MS = 1_000;
const LOOK_FOR_REPLICAS_EVERY_MS = 5_000;

/**
 * Waits until what these connections wrote is on a replica as well, where there are replicas. However many wait at a time, each
 * connection is asked once: what was written before the question is confirmed by its answer.
 */
export class ReplicaConfirmation {
  private running: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private readonly replicated = new WeakMap<Redis, { readonly hasReplica: boolean; readonly askedMs: number }>();

  constructor(private readonly connections: readonly RedisClient[]) {}

  /** Rejects when there are replicas and none confirms within a second, or Redis does not answer. */
  confirm(): Promise<void> {
    if (this.next !== null) return this.next;
    const next = (this.running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.next = null;
        this.running = this.ask();
        return this.running;
      });
    this.next = next;
    return next;
  }

  private async ask(): Promise<void> {
    await Promise.all(
      this.connections.flatMap(primariesOf).map(async (primary) => {
        if (!(await this.hasReplica(primary))) return;
        if ((await primary.wait(1, REPLICA_WITHIN_MS)) < 1)
          throw new Error('no replica of Redis confirms what was written');
      }),
    );
  }

  private async hasReplica(primary: Redis): Promise<boolean> {
    const known = this.replicated.get(primary);
    const askedMs = performance.now();
    if (known !== undefined && askedMs - known.askedMs < LOOK_FOR_REPLICAS_EVERY_MS) return known.hasReplica;
    const hasReplica = /^connected_slaves:[1-9]/m.test(await primary.info('replication'));
    this.replicated.set(primary, { hasReplica, askedMs });
    return hasReplica;
  }
}
