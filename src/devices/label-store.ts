// Where labels are kept: in Redis until they are removed, for all sensors of a business, or in the memory of one process.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { isDeviceMac, type MacAddress, macDigits, parseMac } from '../addresses/mac-address.js';
import { keysLike, type RedisClient } from '../redis/client.js';
import { LABEL_KINDS, type Label, labelName, MAX_LABELS } from './labels.js';

/** A label must be in force after two seconds, with the time for reading it. */
const LOOK_EVERY_MS = 500;

export interface LabelStore {
  /** Whether labels outlive this process. */
  readonly isLasting: boolean;
  /** Returns false when there are MAX_LABELS already. Rejects when the store cannot be reached, as do the others. */
  put(mac: MacAddress, label: Label): Promise<boolean>;
  /** Returns whether there was one. */
  remove(mac: MacAddress): Promise<boolean>;
  all(): Promise<ReadonlyMap<MacAddress, Label>>;
  /** Reads a label from the store, of any business. */
  labelOf(businessId: number, mac: MacAddress): Promise<Label | null>;
}

export type OnLabels = (labels: ReadonlyMap<MacAddress, Label>) => void;

export class MemoryLabelStore implements LabelStore {
  readonly isLasting = false;
  private labels: ReadonlyMap<MacAddress, Label> = new Map();

  /** `onLabels` is called with all labels whenever one has changed. */
  constructor(private readonly onLabels: OnLabels) {}

  async put(mac: MacAddress, label: Label): Promise<boolean> {
    if (!this.labels.has(mac) && this.labels.size >= MAX_LABELS) return false;
    this.labels = new Map(this.labels).set(mac, label);
    this.onLabels(this.labels);
    return true;
  }

  async remove(mac: MacAddress): Promise<boolean> {
    const labels = new Map(this.labels);
    if (!labels.delete(mac)) return false;
    this.labels = labels;
    this.onLabels(labels);
    return true;
  }

  async all(): Promise<ReadonlyMap<MacAddress, Label>> {
    return this.labels;
  }

  async labelOf(_businessId: number, mac: MacAddress): Promise<Label | null> {
    return this.labels.get(mac) ?? null;
  }
}

/**
 * KEYS[1] is a hash with a field for each device. KEYS[2] is the version, a random text that is replaced with every change. It is not a
 * counter, because a Redis that lost its last second would count to the same number twice.
 */
const PUT = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[4])
return 1`;

const REMOVE = `
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
-- Without labels nothing is to be left. That the text is gone by then is a change as well.
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('EXPIRE', KEYS[2], 86400) end
return 1`;

const STORED_LABEL = z.object({
  kind: z.enum(LABEL_KINDS),
  name: z
    .string()
    .refine((name) => labelName(name) === name)
    .nullable(),
  sinceMs: z.number().int().nonnegative().max(8_640_000_000_000_000),
});

const labelsKey = (businessId: number | '*') => `{nwm:${businessId}}:labels`;
const versionKey = (key: string) => `${key}:version`;

export class RedisLabelStore implements LabelStore {
  readonly isLasting = true;
  private readonly key: string;

  /** `redis` belongs to the caller. */
  constructor(
    private readonly redis: RedisClient,
    businessId: number,
  ) {
    this.key = labelsKey(businessId);
  }

  async put(mac: MacAddress, label: Label): Promise<boolean> {
    const { key, redis } = this;
    const value = JSON.stringify(label);
    return (await redis.eval(PUT, 2, key, versionKey(key), macDigits(mac), value, MAX_LABELS, randomUUID())) === 1;
  }

  remove(mac: MacAddress): Promise<boolean> {
    return removeFrom(this.redis, this.key, mac);
  }

  async all(): Promise<ReadonlyMap<MacAddress, Label>> {
    const labels = new Map<MacAddress, Label>();
    for (const [field, value] of Object.entries(await this.redis.hgetall(this.key))) {
      const mac = parseMac(field);
      const label = parseLabel(value);
      if (mac === null || !isDeviceMac(mac) || label === null) continue;
      labels.set(mac, label);
      if (labels.size >= MAX_LABELS) break;
    }
    return labels;
  }

  async labelOf(businessId: number, mac: MacAddress): Promise<Label | null> {
    return parseLabel(await this.redis.hget(labelsKey(businessId), macDigits(mac)));
  }

  /** Reads the version, which differs after every change; null when nothing was ever labelled. */
  version(): Promise<string | null> {
    return this.redis.get(versionKey(this.key));
  }
}

/**
 * The labels in Redis, with a call for each change. It polls instead of subscribing, because a message can be lost, and a sensor
 * would not notice that.
 */
export class FollowedLabels implements LabelStore {
  readonly isLasting = true;
  private seen: string | null | undefined;
  private looking: Promise<void> = Promise.resolve();
  private readonly closing = new AbortController();

  /** `onLabels` is called with all labels at first, and whenever one has changed. */
  constructor(
    private readonly store: RedisLabelStore,
    private readonly onLabels: OnLabels,
  ) {}

  /** Resolves when the labels were read for the first time, or could not be read. Goes on reading until `close`. */
  async start(): Promise<void> {
    await this.look().catch(() => {});
    void this.follow();
  }

  async put(mac: MacAddress, label: Label): Promise<boolean> {
    const isPut = await this.store.put(mac, label);
    await this.look().catch(() => {});
    return isPut;
  }

  async remove(mac: MacAddress): Promise<boolean> {
    const isRemoved = await this.store.remove(mac);
    await this.look().catch(() => {});
    return isRemoved;
  }

  all(): Promise<ReadonlyMap<MacAddress, Label>> {
    return this.store.all();
  }

  labelOf(businessId: number, mac: MacAddress): Promise<Label | null> {
    return this.store.labelOf(businessId, mac);
  }

  close(): void {
    this.closing.abort();
  }

  private async follow(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
      // While Redis is away, known labels stay in force.
      if (!signal.aborted) await this.look().catch(() => {});
    }
  }

  /** Looks come one after the other, so that an earlier result never replaces a later one. */
  private look(): Promise<void> {
    const next = this.looking.catch(() => {}).then(() => this.readIfChanged());
    this.looking = next;
    return next;
  }

  private async readIfChanged(): Promise<void> {
    // The version is read first, so that a change in between is read again the next time.
    const version = await this.store.version();
    if (version === this.seen || this.closing.signal.aborted) return;
    this.onLabels(await this.store.all());
    this.seen = version;
  }
}

/** Returns how many labels a device has, at all businesses on this Redis. With `remove`, removes them. */
export async function labelsEverywhere(
  redis: RedisClient,
  mac: MacAddress,
  { remove }: { remove: boolean },
): Promise<number> {
  let found = 0;
  for await (const keys of keysLike(redis, labelsKey('*'))) {
    for (const key of keys) {
      const isThere = remove ? await removeFrom(redis, key, mac) : (await redis.hexists(key, macDigits(mac))) === 1;
      if (isThere) found++;
    }
  }
  return found;
}

async function removeFrom(redis: RedisClient, key: string, mac: MacAddress): Promise<boolean> {
  return (await redis.eval(REMOVE, 2, key, versionKey(key), macDigits(mac), randomUUID())) === 1;
}

/** Returns null for a value that is no label, because others can write to Redis as well. */
function parseLabel(value: string | null): Label | null {
  try {
    return STORED_LABEL.safeParse(JSON.parse(value ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}
