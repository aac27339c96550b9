// Who may hand over visits: the sensors' tokens. Redis holds a digest of each, the sensor's name and the business it is bound to.
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { RedisClient } from '../redis/client.js';

/** By name: business, digest of the token, since when. */
const SENSORS = '{nwm:hub}:sensors';
/** By digest of the token: the sensor's name. */
const TOKENS = '{nwm:hub}:tokens';

/** KEYS: sensors, tokens. ARGV: name, entry, digest. Returns 0 when there is a sensor of that name. */
const ADD = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
return 1`;

/** KEYS: sensors, tokens. ARGV: name, digest. Returns 0 when there is none, or another by now. */
const REVOKE = `
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
return 1`;

export const SENSOR_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

const ENTRY = z.object({
  businessId: z.number().int().positive(),
  digest: z.string().length(64),
  sinceMs: z.number().int().nonnegative(),
});

export interface KnownSensor {
  readonly name: string;
  readonly businessId: number;
  /** When it was added, ms since the epoch. */
  readonly sinceMs: number;
}

/** `redis` stays the caller's. All methods reject when Redis does not answer. */
export class SensorTokens {
  constructor(private readonly redis: RedisClient) {}

  /** Returns the token, which is kept nowhere; null when there is a sensor of that name. */
  async add(name: string, businessId: number): Promise<string | null> {
    // 256 random bits: nobody guesses them, so a plain digest is enough.
    const token = randomBytes(32).toString('base64url');
    const digest = digestOf(token);
    const entry = JSON.stringify({ businessId, digest, sinceMs: Date.now() });
    return (await this.redis.eval(ADD, 2, SENSORS, TOKENS, name, entry, digest)) === 1 ? token : null;
  }

  /** From the next request on the token is worth nothing. Returns whether there was such a sensor. */
  async revoke(name: string): Promise<boolean> {
    const entry = parseEntry(await this.redis.hget(SENSORS, name));
    if (entry === null) return false;
    return (await this.redis.eval(REVOKE, 2, SENSORS, TOKENS, name, entry.digest)) === 1;
  }

  /** In the order of their names. */
  async list(): Promise<KnownSensor[]> {
    const sensors: KnownSensor[] = [];
    for (const [name, value] of Object.entries(await this.redis.hgetall(SENSORS))) {
      const entry = parseEntry(value);
      if (entry !== null) sensors.push({ name, businessId: entry.businessId, sinceMs: entry.sinceMs });
    }
    return sensors.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whose token this is; null when it is nobody's, or was revoked. Asks Redis each time, so that a revoked one is out at once. */
  async sensorOf(token: string): Promise<KnownSensor | null> {
    const digest = digestOf(token);
    const name = await this.redis.hget(TOKENS, digest);
    if (name === null) return null;
    const entry = parseEntry(await this.redis.hget(SENSORS, name));
    return entry?.digest === digest ? { name, businessId: entry.businessId, sinceMs: entry.sinceMs } : null;
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function parseEntry(value: string | null): z.infer<typeof ENTRY> | null {
  try {
    return ENTRY.safeParse(JSON.parse(value ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}
