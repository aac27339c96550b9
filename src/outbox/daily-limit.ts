// How many failed check-ins may still be posted today (UTC), counted for all sensors on one Redis together.
import type { RedisClient } from '../redis/client.js';

/** One post out of the day's number, or the news that there is none left. `giveBack` when the post was certainly not made. */
export interface Claim {
  readonly isGranted: boolean;
  giveBack(): Promise<void>;
}

/** Rejects when the count cannot be kept. */
export type ClaimPost = () => Promise<Claim>;

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
    const isGranted = used < perDay;
    if (isGranted) used++;
    const claimedOn = day;
    return {
      isGranted,
      async giveBack() {
        if (isGranted && claimedOn === day) used--;
      },
    };
  };
}

/** For all sensors on this Redis. */
export function claimInRedis(redis: RedisClient, perDay: number): ClaimPost {
  return async () => {
    const key = `{nwm:outbox}:posts:${today()}`;
    const giveBack = async () => {
      await redis.decr(key);
    };
    const used = await redis.incr(key);
    if (used === 1) await redis.expire(key, KEPT_SECONDS);
    const isGranted = used <= perDay;
    if (!isGranted) await giveBack();
    return { isGranted, giveBack };
  };
}
