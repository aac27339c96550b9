// How many failed check-ins may still be posted today (UTC), by all sensors on one Redis together. A part is kept for devices that
// proved themselves, so that made-up addresses cannot use up the day.
import type { RedisClient } from '../redis/client.js';

/** The part of the day for devices that did not prove themselves. */
const UNPROVEN_SHARE = 0.6;

/**
 * `granted`: the post may be made. `kept`: the posts that are left today are for devices that proved themselves. `used-up`: no post is
 * left today.
 */
export type Claimed = 'granted' | 'kept' | 'used-up';

export interface Claim {
  readonly claimed: Claimed;
  /** To be called when the post was certainly not made. */
  giveBack(): Promise<void>;
}

export interface DaySpent {
  readonly posts: number;
  readonly perDay: number;
  /** How many of the posts were for devices that did not prove themselves. */
  readonly unproven: number;
  readonly unprovenPerDay: number;
}

/** Both reject when the count cannot be kept. */
export interface DayBudget {
  claim(isProven: boolean): Promise<Claim>;
  spent(): Promise<DaySpent>;
}

const DAY_MS = 86_400_000;

/** Returns the ms until the next day begins. */
export function untilNextDayMs(): number {
  return DAY_MS - (Date.now() % DAY_MS);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Adds to one of today's two numbers, and returns it. */
type Add = (what: 'posts' | 'unproven', more: 1 | 0 | -1, day: string) => Promise<number>;

/** `perDay`: at least 1. */
function budget(perDay: number, add: Add): DayBudget {
  const unprovenPerDay = Math.ceil(perDay * UNPROVEN_SHARE);
  return {
    async claim(isProven) {
      const day = today();
      const giveBackUnproven = async () => {
        if (!isProven) await add('unproven', -1, day);
      };
      if (!isProven && (await add('unproven', 1, day)) > unprovenPerDay) {
        await giveBackUnproven();
        return { claimed: 'kept', async giveBack() {} };
      }
      const giveBack = async () => {
        await giveBackUnproven();
        await add('posts', -1, day);
      };
      if ((await add('posts', 1, day)) <= perDay) return { claimed: 'granted', giveBack };
      await giveBack();
      return { claimed: 'used-up', async giveBack() {} };
    },
    async spent() {
      const day = today();
      const [posts, unproven] = await Promise.all([add('posts', 0, day), add('unproven', 0, day)]);
      return { posts, perDay, unproven, unprovenPerDay };
    },
  };
}

/** For one process. */
export function budgetInMemory(perDay: number): DayBudget {
  let current = '';
  let used = { posts: 0, unproven: 0 };
  return budget(perDay, async (what, more, day) => {
    if (today() !== current) {
      current = today();
      used = { posts: 0, unproven: 0 };
    }
    if (day === current) used[what] += more;
    return used[what];
  });
}

/** For all sensors on this Redis. */
export function budgetInRedis(redis: RedisClient, perDay: number): DayBudget {
  return budget(perDay, async (what, more, day) => {
    const key = what === 'posts' ? `{nwm:outbox}:posts:${day}` : `{nwm:outbox}:unproven-posts:${day}`;
    if (more === 0) return Number((await redis.get(key)) ?? 0);
    // Nobody asks for it once the day is over. It is given up then, and a post that began before midnight may still give one back.
    const leftMs = Math.max(1_000, Date.parse(day) + DAY_MS - Date.now());
    const answers = await redis.multi().incrby(key, more).pexpire(key, leftMs).exec();
    const [error, used] = answers?.[0] ?? [new Error('Redis does not count the posts')];
    if (error) throw error;
    return Number(used);
  });
}
