// What the hub's page shows of each sensor and its location: when it was last heard, its clock, what it sent. In Redis, for all replicas.
import { z } from 'zod';
import type { RedisClient } from '../redis/client.js';
import type { Settlement } from '../visits/register/visit-register.js';
import type { HandOverMessage } from './protocol.js';
import type { KnownSensor, SensorTokens } from './sensor-tokens.js';

/** By name of the sensor. */
const HEARD = '{nwm:hub}:heard';
/** A sensor that says much is noted this often. */
const NOTE_EVERY_MS = 5_000;
const COUNTS_KEPT_SECONDS = 3 * 86_400;

const HEARD_ENTRY = z.object({
  heardMs: z.number(),
  version: z.string(),
  clockOffsetMs: z.number().nullable(),
  openVisits: z.number().nullable(),
  waiting: z.number().nullable(),
  troubles: z.array(z.string()),
});
type HeardEntry = z.infer<typeof HEARD_ENTRY>;

/** Settled today (UTC). */
export interface LocationCounts {
  readonly visits: number;
  readonly unrecognised: number;
}

export interface LocationFacts extends LocationCounts {
  readonly sensor: string;
  readonly businessId: number;
  readonly sinceMs: number;
  /** Null when it was never heard. */
  readonly heard: HeardEntry | null;
}

const today = () => new Date().toISOString().slice(0, 10);
const countsKey = (day: string) => `{nwm:hub}:counts:${day}`;

export class Locations {
  /** Steady time at which each sensor was noted by this process. */
  private readonly notedMs = new Map<string, number>();

  /** `redis` stays the caller's. */
  constructor(
    private readonly redis: RedisClient,
    private readonly tokens: SensorTokens,
  ) {}

  async heard({ name }: KnownSensor, { version, clockOffsetMs, state }: HandOverMessage): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - (this.notedMs.get(name) ?? Number.NEGATIVE_INFINITY) < NOTE_EVERY_MS) return;
    this.notedMs.set(name, nowMs);
    const entry: HeardEntry = {
      heardMs: Date.now(),
      version,
      clockOffsetMs,
      openVisits: state?.openVisits ?? null,
      waiting: state?.waiting ?? null,
      troubles: state?.troubles ?? [],
    };
    await this.redis.hset(HEARD, name, JSON.stringify(entry));
  }

  /** How many visits of the location were settled today. */
  async takenToday(businessId: number): Promise<number> {
    return Number((await this.redis.hget(countsKey(today()), `${businessId}:visits`)) ?? 0);
  }

  /** Counts what was settled just now. */
  async count(businessId: number, settled: readonly Settlement[]): Promise<void> {
    if (settled.length === 0) return;
    const key = countsKey(today());
    const unrecognised = settled.filter((settlement) => settlement === 'reported' || settlement === 'spaced').length;
    const counting = this.redis.multi().hincrby(key, `${businessId}:visits`, settled.length);
    if (unrecognised > 0) counting.hincrby(key, `${businessId}:unrecognised`, unrecognised);
    await counting.expire(key, COUNTS_KEPT_SECONDS).exec();
  }

  /** One entry for each sensor, in the order of their names. */
  async all(): Promise<LocationFacts[]> {
    const [sensors, heard, counts] = await Promise.all([
      this.tokens.list(),
      this.redis.hgetall(HEARD),
      this.redis.hgetall(countsKey(today())),
    ]);
    return sensors.map(({ name, businessId, sinceMs }) => ({
      sensor: name,
      businessId,
      sinceMs,
      heard: parseHeard(heard[name]),
      visits: Number(counts[`${businessId}:visits`] ?? 0),
      unrecognised: Number(counts[`${businessId}:unrecognised`] ?? 0),
    }));
  }

  /** The sensor is no more. */
  async forget(name: string): Promise<void> {
    await this.redis.hdel(HEARD, name);
  }
}

function parseHeard(value: string | undefined): HeardEntry | null {
  try {
    return HEARD_ENTRY.safeParse(JSON.parse(value ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}
