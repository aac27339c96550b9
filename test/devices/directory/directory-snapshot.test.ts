// The snapshot in a real Redis: whole or not at all, whoever else writes and whatever Redis forgets meanwhile.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DirectorySnapshot } from '../../../src/devices/directory/directory-snapshot.js';
import type { FullReads, KnownUser } from '../../../src/nexudus/known-devices.js';
import { type RedisServer, startRedis } from '../../redis-server.js';

const KEY = '{nwm:77}:directory';
const READ_AT = new Date('2026-03-02T09:00:00Z');
const NO_READS: FullReads = new Map();

let server: RedisServer;
let redis: Redis;
let snapshot: DirectorySnapshot;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  snapshot = new DirectorySnapshot(redis, 77, 86_400_000);
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
});

function user(userId: number, macs = [0x3c22fb000000 + userId]): KnownUser {
  return { userId, name: `User ${userId}`, active: true, coworker: null, macs };
}

function* users(count: number): Generator<KnownUser> {
  for (let id = 1; id <= count; id++) yield user(id);
}

async function loaded(): Promise<{ readAt: Date | null; users: Map<number, KnownUser>; fullReads: FullReads }> {
  const found = new Map<number, KnownUser>();
  const fullReads: FullReads = new Map();
  const readAt = await snapshot.load((each) => found.set(each.userId, each), fullReads);
  return { readAt, users: found, fullReads };
}

test('what was written is loaded, and is gone some day', async () => {
  const reads: FullReads = new Map([[2, { updatedOn: '2026-03-01T00:00:00Z', macs: [0x3c22fb000002] }]]);
  await snapshot.replace(users(1_200), reads, READ_AT);
  const found = await loaded();
  expect(found.readAt).toEqual(READ_AT);
  expect(found.users).toEqual(new Map([...users(1_200)].map((each) => [each.userId, each])));
  expect(found.fullReads).toEqual(reads);
  expect(await redis.keys('*')).toEqual([KEY]);
  expect(await redis.pttl(KEY)).toBeGreaterThan(0);
});

test('a directory without users is a snapshot too', async () => {
  await snapshot.replace([], NO_READS, READ_AT);
  expect(await loaded()).toEqual({ readAt: READ_AT, users: new Map(), fullReads: new Map() });
});

test('an update changes the users that it names, and takes out who has no device any more', async () => {
  await snapshot.replace(users(3), NO_READS, READ_AT);
  const later = new Date('2026-03-02T10:00:00Z');
  expect(await snapshot.update([user(1, []), user(2, [0x3c22fb0000aa]), user(4)], later)).toBe(true);
  const found = await loaded();
  expect(found.readAt).toEqual(later);
  expect([...found.users.values()].sort((a, b) => a.userId - b.userId)).toEqual([
    user(2, [0x3c22fb0000aa]),
    user(3),
    user(4),
  ]);
});

test('an update of a snapshot that is gone writes nothing and says so', async () => {
  expect(await snapshot.update([user(5)], READ_AT)).toBe(false);
  expect(await redis.keys('*')).toEqual([]);
});

test('of two sensors that write at once each writes a whole directory', async () => {
  const other = redis.duplicate();
  try {
    const theirs = new DirectorySnapshot(other, 77, 86_400_000);
    await Promise.all([snapshot, theirs].map((each) => each.replace(users(5_000), NO_READS, READ_AT)));
  } finally {
    other.disconnect();
  }
  expect((await loaded()).users.size).toBe(5_000);
  expect(await redis.keys('*')).toEqual([KEY]);
});

test('a directory of which Redis lost the beginning is not taken for whole', async () => {
  let emptied: Promise<unknown> = Promise.resolve();
  function* withLoss(): Generator<KnownUser> {
    for (const each of users(1_200)) {
      if (each.userId === 700) emptied = redis.flushall();
      yield each;
    }
  }
  await expect(snapshot.replace(withLoss(), NO_READS, READ_AT)).rejects.toThrow('Redis lost a part');
  await emptied;
  expect(await redis.keys('*')).toEqual([]);
});

test('what a sensor that ended half-way leaves behind goes by itself, and the old snapshot stays', async () => {
  await snapshot.replace(users(3), NO_READS, READ_AT);
  function* withEnd(): Generator<KnownUser> {
    yield* users(700);
    throw new Error('the sensor ended');
  }
  await expect(snapshot.replace(withEnd(), NO_READS, READ_AT)).rejects.toThrow('the sensor ended');
  const left = (await redis.keys('*')).filter((key) => key !== KEY);
  expect(left).toHaveLength(1);
  for (const key of left) expect(await redis.pttl(key)).toBeGreaterThan(0);
  expect((await loaded()).users.size).toBe(3);
});
