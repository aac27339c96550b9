// Connections to Redis, and one log line when it goes and one when it is back.
import { Redis } from 'ioredis';
import type { Logger } from './log.js';

const LONGEST_RECONNECT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 10_000;

/** `sensing` refuses commands while Redis is away, so that callers know; `delivering` waits for it, as BullMQ needs. */
export type RedisUse = 'sensing' | 'delivering';

/** Opens a connection that reconnects for ever. Never throws; `log` hears of the connection's loss and return, once each. */
export function connectRedis(url: string, use: RedisUse, log: Logger): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    enableOfflineQueue: use === 'delivering',
    retryStrategy: (times) => Math.min(LONGEST_RECONNECT_MS, times * 100),
    ...(use === 'sensing' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}),
  });
  let isLost = false;
  redis.on('error', (error: Error) => {
    if (!isLost) log.warn({ cause: error.message }, `Redis cannot be reached (${use}); visits wait until it is back`);
    isLost = true;
  });
  redis.on('close', () => {
    // An orderly end is no loss; reconnecting is, and may come without an error before it.
    if (redis.status === 'end' || isLost) return;
    isLost = true;
    log.warn(`Redis closed the connection (${use}); visits wait until it is back`);
  });
  redis.on('ready', () => {
    if (isLost) log.info(`Redis is back (${use})`);
    isLost = false;
  });
  return redis;
}

/**
 * Connects, does `work`, and disconnects: for commands that a person waits for. Never waits for a Redis that is away.
 * @throws Error in words for people when Redis cannot be reached
 */
export async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
    connectTimeout: 5_000,
  });
  let cause = 'no answer';
  redis.on('error', (error: Error) => {
    cause = error.message;
  });
  try {
    await redis.connect().catch(() => {
      throw new Error(`Redis cannot be reached (REDIS_URL): ${cause}`);
    });
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
