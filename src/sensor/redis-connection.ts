// Makes connections to Redis, of every kind that REDIS_URL allows. The loss and the return of a connection are logged once each.
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { type RedisPlace, redisPlace } from '../config/redis-url.js';
import type { RedisClient } from '../redis/client.js';
import type { Logger } from './log.js';

const MAX_RECONNECT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 10_000;
const READY_WITHIN_MS = 5_000;
/** If a connection leads to a replica, because the primary has moved, it is made anew, but only once in this time. */
const LEAVE_REPLICA_EVERY_MS = 5_000;
const SAY_REPLICA_EVERY_MS = 300_000;
/** A primary that sends nothing for so long, although it was asked something, is left. BullMQ's workers ask for ten seconds at most. */
const ANSWERS_WITHIN_MS = 30_000;
/** How long a cluster's nodes may take to say which slots they have. */
const SLOTS_WITHIN_MS = 5_000;

/** Messages of ioredis and Redis, and what they mean for operators. */
const MEANINGS: readonly [said: RegExp, meaning: string][] = [
  [
    /^NOAUTH/,
    'it wants a password: write it into REDIS_URL, as redis://:PASSWORD@HOST or unix:///PATH?password=PASSWORD',
  ],
  [/^WRONGPASS|invalid password/i, 'it refuses the user name or password in REDIS_URL'],
  [/DB index is out of range/i, 'it has no database of the number that REDIS_URL ends in'],
  [/enableOfflineQueue/, 'there is no connection'],
  [/^NOPERM/, 'the user in REDIS_URL may not do that ("wifi-monitor doctor" says what it must be allowed)'],
  [/All sentinels are unreachable/, 'none of the sentinels in REDIS_URL knows a primary of that name'],
  [/Failed to refresh slots cache|None of startup nodes/, 'no node of the cluster in REDIS_URL answers'],
  [/CLUSTERDOWN/, 'the cluster is down: some of its slots have no primary'],
  [/cluster support disabled/, 'it is no cluster: write redis:// in REDIS_URL'],
  [/Command timed out/, 'it does not answer'],
];

/** Returns a message of Redis or ioredis in words for operators. */
export function redisTrouble(message: string): string {
  return MEANINGS.find(([said]) => said.test(message))?.[1] ?? message;
}

/** Redis uses database 0 when the database in REDIS_URL does not exist. That one may belong to somebody else. */
const isWrongDatabase = (error: Error) => /DB index is out of range/i.test(error.message);

/** While Redis is away, commands fail with `sensing`, and wait with `delivering`, as BullMQ needs it. */
export type RedisUse = 'sensing' | 'delivering';

/** Options of all kinds of connections. In a cluster they are for each node. */
type CommonOptions = Pick<
  RedisOptions,
  'maxRetriesPerRequest' | 'retryStrategy' | 'connectTimeout' | 'commandTimeout' | 'enableOfflineQueue' | 'lazyConnect'
>;

/** Makes the client for any place. All clients are made here. */
function clientFor(place: RedisPlace, options: CommonOptions, onReplica: () => void = () => {}): RedisClient {
  const login = {
    ...(place.username === null ? {} : { username: place.username }),
    ...(place.password === null ? {} : { password: place.password }),
  };
  const single = { ...options, ...login, reconnectOnError: leaveReplica(onReplica) };
  switch (place.kind) {
    case 'server': {
      const { address, db, tls, family } = place;
      return new Redis({
        ...single,
        ...address,
        db,
        ...(family === null ? {} : { family }),
        ...(tls ? { tls: {} } : {}),
      });
    }
    case 'socket':
      return new Redis({ ...single, path: place.path, db: place.db });
    case 'sentinel': {
      const { sentinels, name, db, tls, sentinelUsername, sentinelPassword } = place;
      return new Redis({
        ...single,
        sentinels: [...sentinels],
        name,
        db,
        sentinelRetryStrategy: options.retryStrategy ?? (() => null),
        // A primary that hangs keeps its connections. ioredis's failoverDetector is no way out: when the sentinels name another primary
        // while a connection is being made, ioredis 6.0 ends it for ever.
        socketTimeout: ANSWERS_WITHIN_MS,
        ...(sentinelUsername === null ? {} : { sentinelUsername }),
        ...(sentinelPassword === null ? {} : { sentinelPassword }),
        ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      });
    }
    case 'cluster': {
      const { retryStrategy, enableOfflineQueue, lazyConnect, ...nodes } = options;
      return new Cluster([...place.nodes], {
        clusterRetryStrategy: retryStrategy ?? null,
        ...(enableOfflineQueue === undefined ? {} : { enableOfflineQueue }),
        ...(lazyConnect === undefined ? {} : { lazyConnect }),
        slotsRefreshTimeout: SLOTS_WITHIN_MS,
        redisOptions: { ...nodes, ...login, ...(place.tls ? { tls: {} } : {}) },
        // With TLS a node must be reached by the name in its certificate.
        ...(place.tls
          ? { dnsLookup: (name: string, found: (error: null, address: string) => void) => found(null, name) }
          : {}),
      });
    }
  }
}

/** Says whether an error means that the primary is elsewhere by now. The command itself fails, and its caller tries it again. */
function leaveReplica(onReplica: () => void): (error: Error) => boolean {
  let leftMs = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    const nowMs = performance.now();
    if (!message.startsWith('READONLY') || nowMs - leftMs < LEAVE_REPLICA_EVERY_MS) return false;
    leftMs = nowMs;
    onReplica();
    return true;
  };
}

/** Opens a connection that reconnects for ever. Never throws; `log` hears of the connection's loss and return, once each. */
export function connectRedis(url: string, use: RedisUse, log: Logger): RedisClient {
  let isLeaving = false;
  let saidMs = Number.NEGATIVE_INFINITY;
  const onReplica = () => {
    isLeaving = true;
    if (performance.now() - saidMs < SAY_REPLICA_EVERY_MS) return;
    saidMs = performance.now();
    log.warn(`Redis is a read-only replica (${use}): looking for the primary; visits wait until it is found`);
  };
  const options = {
    maxRetriesPerRequest: null,
    enableOfflineQueue: use === 'delivering',
    retryStrategy: (times: number) => Math.min(MAX_RECONNECT_MS, times * 100),
    ...(use === 'sensing' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}),
  };
  const redis = clientFor(redisPlace(url), options, onReplica);
  let isLost = false;
  redis.on('error', (error: Error) => {
    if (isWrongDatabase(error)) {
      // Not from within ioredis, which would take it for one of its own.
      process.nextTick(() => {
        throw new Error(`Redis: ${redisTrouble(error.message)}`);
      });
    }
    if (!isLost)
      log.warn(
        { cause: redisTrouble(error.message) },
        `Redis cannot be reached (${use}); visits wait until it is back`,
      );
    isLost = true;
  });
  redis.on('close', () => {
    // An orderly end is no loss; reconnecting is, and may come without an error before it.
    if (redis.status === 'end' || isLost || isLeaving) return;
    isLost = true;
    log.warn(`Redis closed the connection (${use}); visits wait until it is back`);
  });
  redis.on('ready', () => {
    isLeaving = false;
    if (isLost) log.info(`Redis is back (${use})`);
    isLost = false;
  });
  return redis;
}

/**
 * Connects, does `work`, and disconnects: for commands that a person waits for. Never waits for a Redis that is away.
 * @throws Error in words for people when Redis cannot be reached
 */
export async function withRedis<T>(url: string, work: (redis: RedisClient) => Promise<T>): Promise<T> {
  const redis = clientFor(redisPlace(url), {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
    connectTimeout: READY_WITHIN_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
  });
  let cause = 'it does not answer';
  redis.on('error', (error: Error) => {
    cause = redisTrouble(error.message);
  });
  const unreachable = () => new Error(`Redis cannot be reached (REDIS_URL): ${cause}`);
  try {
    // It can accept the connection and then say nothing.
    const late = delay(READY_WITHIN_MS, undefined, { ref: false }).then(() => Promise.reject(unreachable()));
    const connected = redis.connect().catch(() => Promise.reject(unreachable()));
    await Promise.race([connected, late]);
    if (/has no database/.test(cause)) throw unreachable();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
