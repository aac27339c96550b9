// The order in which reports are delivered. There are two lines: devices that proved themselves go before those that did not. In each
// line the locations take turns, so that none waits for the backlog of another.
import type { RedisClient } from '../redis/client.js';

export type Line = 'proven' | 'unproven';

/**
 * Turns of a line. BullMQ has priorities from 1 to 2,097,151, the lowest first. Entries of former versions have 0, and go before all.
 */
const MAX_TURN = 2 ** 20 - 1;
/** The first priority of the devices that did not prove themselves. */
export const FIRST_UNPROVEN = MAX_TURN + 1;

export const TURNS_KEY = '{nwm:outbox}:turns';

export function lineOf(priority: number): Line {
  return priority >= FIRST_UNPROVEN ? 'unproven' : 'proven';
}

/** A location's next turn comes after its latest one, and after the turn that is served now: turns cannot be saved up. */
export function turnAfter(latest: number, served: number): number {
  return Math.min(MAX_TURN, Math.max(latest, served) + 1);
}

/**
 * The turns of all sensors on one Redis: the turn that each line serves, and the latest turn of each location. Two sensors may give the
 * same turn at the same time, which does no harm.
 */
export class RedisTurns {
  constructor(private readonly redis: RedisClient) {}

  /** Returns the priority of a location's next report. */
  async next(businessId: number, line: Line): Promise<number> {
    const field = `${line} ${businessId}`;
    const [latest, served] = await this.redis.hmget(TURNS_KEY, field, line);
    const turn = turnAfter(Number(latest ?? 0), Number(served ?? 0));
    await this.redis.hset(TURNS_KEY, field, turn);
    return line === 'proven' ? turn : FIRST_UNPROVEN - 1 + turn;
  }

  /** A report of this priority is being delivered. */
  async serve(priority: number): Promise<void> {
    const line = lineOf(priority);
    const turn = line === 'proven' ? priority : priority - FIRST_UNPROVEN + 1;
    if (turn > Number((await this.redis.hget(TURNS_KEY, line)) ?? 0)) await this.redis.hset(TURNS_KEY, line, turn);
  }

  /** Begins again with the first turn, because a line has only a million. To be called while nothing waits. */
  async reset(): Promise<void> {
    await this.redis.del(TURNS_KEY);
  }
}
