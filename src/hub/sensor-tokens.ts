// Who may hand over visits: the sensors' tokens. Redis holds a digest of each, the sensor's name and the business it is bound to.
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { RedisClient } from '../redis/client.js';

/** By name: business, digest of the token, since when. */
const SENSORS = '{nwm:hub}:sensors';
/** By digest of the token: the sensor's name and business. */
const TOKENS = '{nwm:hub}:tokens';

/** KEYS: sensors, tokens. ARGV: name, its entry, digest, what the token stands for. Returns 0 when there is a sensor of that name. */
const ADD = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1`;

/** KEYS: sensors, tokens. ARGV: name, its entry, digest. Returns 0 when there is none, or another by now. */
const REVOKE = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[3])
return 1`;

export const SENSOR_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

const ENTRY = z.object({
  businessId: z.number().int().positive(),
  digest: z.string().length(64),
  sinceMs: z.number().int().nonnegative(),
});

const SENSOR = z.object({
  name: z.string(),
  businessId: z.number().int().positive(),
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
    const sinceMs = Date.now();
    const entry = JSON.stringify({ businessId, digest, sinceMs });
    const sensor: KnownSensor = { name, businessId, sinceMs };
    const added = await this.redis.eval(ADD, 2, SENSORS, TOKENS, name, entry, digest, JSON.stringify(sensor));
    return added === 1 ? token : null;
  }

  /** From the next request on the token is worth nothing. Returns whether there was such a sensor. */
  async revoke(name: string): Promise<boolean> {
    const value = await this.redis.hget(SENSORS, name);
    const entry = parsed(value, ENTRY);
    if (value === null || entry === null) return false;
    return (await this.redis.eval(REVOKE, 2, SENSORS, TOKENS, name, value, entry.digest)) === 1;
  }

  /** In the order of their names. */
  async list(): Promise<KnownSensor[]> {
    const sensors: KnownSensor[] = [];
    for (const [name, value] of Object.entries(await this.redis.hgetall(SENSORS))) {
      const entry = parsed(value, ENTRY);
      if (entry !== null) sensors.push({ name, businessId: entry.businessId, sinceMs: entry.sinceMs });
    }
    return sensors.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whose token this is; null when it is nobody's, or was revoked. Asks Redis each time, so that a revoked one is out at once. */
  async sensorOf(token: string): Promise<KnownSensor | null> {
    return parsed(await this.redis.hget(TOKENS, digestOf(token)), SENSOR);
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function parsed<T>(value: string | null, schema: z.ZodType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(value ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}
