// How many failed check-ins may still be posted today (UTC), counted for all sensors on one Redis together.
import type { Redis } from 'ioredis';

/** Takes one post out of the day's number. Answers whether it was still there; rejects when the count cannot be kept. */
export type ClaimPost = () => Promise<boolean>;

const KEPT_SECONDS = 2 * 86_400;

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** For one process. `perDay`: at least 1. */
export function claimInMemory(perDay: number): ClaimPost {
  let day = today();
  let used = 0;
  return async () => {
    if (day !== today()) {
      day = today();
      used = 0;
    }
    if (used >= perDay) return false;
    used++;
    return true;
  };
}

/** For all sensors on this Redis. */
export function claimInRedis(redis: Redis, perDay: number): ClaimPost {
  return async () => {
    const key = `{nwm:outbox}:posts:${today()}`;
    const used = await redis.incr(key);
    if (used === 1) await redis.expire(key, KEPT_SECONDS);
    return used <= perDay;
  };
}
