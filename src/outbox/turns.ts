// The order in which reports go. There are two lines: devices that proved themselves go before those that did not. In each line the
// locations take turns, so that none waits for the backlog of another.
import type { RedisClient } from '../redis/client.js';

export type Line = 'proven' | 'unproven';

/** Turns of a line. BullMQ takes priorities from 1 to 2,097,151, the lowest first; 0, which entries of before have, goes before all. */
const MAX_TURN = 2 ** 20 - 1;
/** The first priority of the devices that did not prove themselves. */
export const FIRST_UNPROVEN = MAX_TURN + 1;

export const TURNS_KEY = '{nwm:outbox}:turns';

export function lineOf(priority: number): Line {
  return priority >= FIRST_UNPROVEN ? 'unproven' : 'proven';
}

/** A location's next turn comes after its latest one, but never before the turn that is served now: it had none to save up. */
export function turnAfter(latest: number, served: number): number {
  return Math.min(MAX_TURN, Math.max(latest, served) + 1);
}

/**
 * The turns of all sensors on one Redis: the turn that each line serves, and the latest one of each location. Two sensors at once may
 * give the same turn twice, which does no harm.
 */
export class RedisTurns {
  constructor(private readonly redis: RedisClient) {}

  /** The priority of a location's next report. */
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

  /** Begins anew. To be called while nothing waits: a line has a million turns. */
  async reset(): Promise<void> {
    await this.redis.del(TURNS_KEY);
  }
}
