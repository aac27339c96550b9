// Connections to Redis, and one log line when it goes and one when it is back.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Logger } from './log.js';

const MAX_RECONNECT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 10_000;
const READY_WITHIN_MS = 5_000;

/** What ioredis and Redis say, and what it means to whoever set REDIS_URL. */
const MEANINGS: readonly [said: RegExp, meaning: string][] = [
  [/^NOAUTH/, 'it wants a password: REDIS_URL=redis://:PASSWORD@HOST or unix:///PATH?password=PASSWORD'],
  [/^WRONGPASS|invalid password/i, 'it refuses the user name or password in REDIS_URL'],
  [/DB index is out of range/i, 'it has no database of the number that REDIS_URL ends in'],
  [/enableOfflineQueue/, 'there is no connection'],
  [/Command timed out/, 'it does not answer'],
];

/** A message of Redis or ioredis in words for operators. */
export function redisTrouble(message: string): string {
  return MEANINGS.find(([said]) => said.test(message))?.[1] ?? message;
}

/** Redis goes on with database 0 when there is none of the number asked for: somebody else's, perhaps. */
const isWrongDatabase = (error: Error) => /DB index is out of range/i.test(error.message);

/** `sensing` refuses commands while Redis is away, so that callers know; `delivering` waits for it, as BullMQ needs. */
export type RedisUse = 'sensing' | 'delivering';

/** Where a `unix:` URL leads, as ioredis takes it: the path, and what follows `?` as options. Other URLs it takes as they are. */
function placeOf(url: string): string {
  const { protocol, pathname, search } = new URL(url);
  return protocol === 'unix:' ? decodeURIComponent(pathname) + search : url;
}

/** Opens a connection that reconnects for ever. Never throws; `log` hears of the connection's loss and return, once each. */
export function connectRedis(url: string, use: RedisUse, log: Logger): Redis {
  const redis = new Redis(placeOf(url), {
    maxRetriesPerRequest: null,
    enableOfflineQueue: use === 'delivering',
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, times * 100),
    ...(use === 'sensing' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}),
  });
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
  const redis = new Redis(placeOf(url), {
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
