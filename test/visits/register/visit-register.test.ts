// Both registers against the same rules, and the Lua scripts on a real Redis.
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryVisitRegister } from '../../../src/visits/register/memory-visit-register.js';
import { RedisVisitRegister } from '../../../src/visits/register/redis-visit-register.js';
import { MAX_VISITS, type VisitRegister, visitId } from '../../../src/visits/register/visit-register.js';
import { type RedisServer, startRedis } from '../../redis-server.js';

const GAP = 900_000;
const RETENTION = 86_400_000;
const START = 1_790_000_000_000;
const MAC = 0x3c22fb000001;

let server: RedisServer;
let redis: Redis;
let business = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

function redisRegister(retentionMs = RETENTION): RedisVisitRegister {
  business++;
  return new RedisVisitRegister(redis, { businessId: business, gapMs: GAP, retentionMs });
}

const minutes = (count: number) => START + count * 60_000;

test('a visit id holds business, MAC and start, and no colon', () => {
  expect(visitId(77, MAC, START)).toBe('77-3c22fb000001-1790000000000');
});

describe.each<[string, () => VisitRegister]>([
  ['memory', () => new MemoryVisitRegister(GAP, RETENTION)],
  ['Redis', () => redisRegister()],
])('the visit register in %s', (_name, make) => {
  test('joins sightings without a longer gap to one visit, and begins another after it', async () => {
    const register = make();
    expect((await register.registerSightings(MAC, minutes(0), minutes(1))).startMs).toBe(minutes(0));
    expect((await register.registerSightings(MAC, minutes(16), minutes(20))).startMs).toBe(minutes(0));
    expect((await register.registerSightings(MAC, minutes(35) + 1, minutes(40))).startMs).toBe(minutes(35) + 1);
  });

  test('keeps the id when an earlier sighting arrives late', async () => {
    const register = make();
    await register.registerSightings(MAC, minutes(10), minutes(11));
    expect((await register.registerSightings(MAC, minutes(2), minutes(3))).startMs).toBe(minutes(10));
    // The earlier sighting has still made the visit longer to the front.
    expect((await register.registerSightings(MAC, minutes(-10), minutes(-9))).startMs).toBe(minutes(10));
  });

  test('a sighting that arrives late and bridges two visits makes them one, settled if either was', async () => {
    const register = make();
    await register.registerSightings(MAC, minutes(0), minutes(0));
    await register.registerSightings(MAC, minutes(25), minutes(25));
    await register.settleVisit(MAC, minutes(25), 'reported');
    expect(await register.registerSightings(MAC, minutes(12), minutes(12))).toMatchObject({
      startMs: minutes(0),
      settlement: 'reported',
    });
  });

  test('a late sighting of a visit long past finds that visit, not the present one', async () => {
    const register = make();
    await register.registerSightings(MAC, minutes(0), minutes(5));
    await register.settleVisit(MAC, minutes(0), 'recognised');
    await register.registerSightings(MAC, minutes(60), minutes(65));
    expect(await register.registerSightings(MAC, minutes(3), minutes(4))).toMatchObject({
      startMs: minutes(0),
      settlement: 'recognised',
    });
    expect(await register.registerSightings(MAC, minutes(66), minutes(66))).toMatchObject({
      startMs: minutes(60),
      settlement: null,
    });
  });

  test('the first settlement stays, and the latest report is remembered over visits', async () => {
    const register = make();
    await register.registerSightings(MAC, minutes(0), minutes(0));
    await register.settleVisit(MAC, minutes(0), 'reported');
    await register.settleVisit(MAC, minutes(0), 'ignored');
    expect(await register.registerSightings(MAC, minutes(1), minutes(1))).toMatchObject({
      settlement: 'reported',
      lastReportedMs: minutes(0),
    });
    for (let visit = 1; visit <= MAX_VISITS + 2; visit++) {
      const answer = await register.registerSightings(MAC, minutes(visit * 60), minutes(visit * 60));
      expect(answer).toMatchObject({ settlement: null, lastReportedMs: minutes(0) });
      await register.settleVisit(MAC, minutes(visit * 60), 'spaced');
    }
  });

  test('what a label settled is replaced by any other settlement, and replaces none', async () => {
    const register = make();
    const settlement = async () => (await register.registerSightings(MAC, minutes(0), minutes(1))).settlement;
    await register.registerSightings(MAC, minutes(0), minutes(0));
    await register.settleVisit(MAC, minutes(0), 'labelled');
    expect(await settlement()).toBe('labelled');
    await register.settleVisit(MAC, minutes(0), 'spaced');
    expect(await settlement()).toBe('spaced');
    await register.settleVisit(MAC, minutes(0), 'labelled');
    expect(await settlement()).toBe('spaced');
  });

  test.each([[[0, 25]], [[25, 0]]])(
    'of two visits that are joined, one of them labelled, the other settlement stays (%j)',
    async ([labelled = 0, reported = 0]) => {
      const register = make();
      for (const at of [0, 25]) await register.registerSightings(MAC, minutes(at), minutes(at));
      await register.settleVisit(MAC, minutes(labelled), 'labelled');
      await register.settleVisit(MAC, minutes(reported), 'reported');
      expect((await register.registerSightings(MAC, minutes(12), minutes(12))).settlement).toBe('reported');
    },
  );

  test('an early visit that was found late and is one too many is gone with the next sighting', async () => {
    const register = make();
    for (let visit = 1; visit <= MAX_VISITS; visit++)
      await register.registerSightings(MAC, minutes(visit * 16), minutes(visit * 16));
    await register.registerSightings(MAC, minutes(0), minutes(0));
    await register.registerSightings(MAC, minutes(MAX_VISITS * 16), minutes(MAX_VISITS * 16));
    expect((await register.registerSightings(MAC, minutes(0), minutes(1))).startMs).toBe(minutes(16));
  });

  test('devices do not mix, and forgetting one leaves the other', async () => {
    const register = make();
    await register.registerSightings(MAC, minutes(0), minutes(0));
    await register.registerSightings(MAC + 1, minutes(5), minutes(5));
    await register.forget(MAC);
    expect((await register.registerSightings(MAC, minutes(7), minutes(7))).startMs).toBe(minutes(7));
    expect((await register.registerSightings(MAC + 1, minutes(8), minutes(8))).startMs).toBe(minutes(5));
  });
});

/** One that outlasts the test below, and one that does not. */
const RETENTIONS = fc.constantFrom(RETENTION, 100 * 60_000);

test('Redis and memory give the same answers to any sequence, in any order of time', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('sight' as const),
      // Room for more visits than are kept.
      at: fc.integer({ min: 0, max: 240 }),
      lasts: fc.integer({ min: 0, max: 10 }),
    }),
    fc.record({
      kind: fc.constant('settle' as const),
      how: fc.constantFrom('reported' as const, 'recognised' as const, 'labelled' as const),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), RETENTIONS, async (steps, kept) => {
      const memory = new MemoryVisitRegister(GAP, kept);
      const stored = redisRegister(kept);
      let latest = minutes(0);
      for (const one of steps) {
        if (one.kind === 'sight') {
          const expected = memory.registerSightings(MAC, minutes(one.at), minutes(one.at + one.lasts));
          expect(await stored.registerSightings(MAC, minutes(one.at), minutes(one.at + one.lasts))).toEqual(expected);
          latest = expected.startMs;
        } else {
          memory.settleVisit(MAC, latest, one.how);
          await stored.settleVisit(MAC, latest, one.how);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('fifty sensors that see the same burst at once agree on one start', async () => {
  business++;
  const options = { businessId: business, gapMs: GAP, retentionMs: RETENTION };
  const connections = Array.from({ length: 50 }, () => new Redis(server.url));
  const answers = await Promise.all(
    connections.map((connection, index) =>
      new RedisVisitRegister(connection, options).registerSightings(MAC, START + index, START + 2_000),
    ),
  );
  expect(new Set(answers.map(({ startMs }) => startMs)).size).toBe(1);
  await Promise.all(connections.map((connection) => connection.quit()));
});

test('a visit in Redis has one key, tagged by business, that is cleaned up after the retention and is under 300 bytes', async () => {
  const register = redisRegister();
  await register.registerSightings(MAC, minutes(0), minutes(1));
  await register.settleVisit(MAC, minutes(0), 'reported');
  const key = `{nwm:${business}}:visits:3c22fb000001`;
  expect(await redis.get(key)).toBe(`${minutes(0)}|${minutes(0)}:${minutes(0)}:${minutes(1)}:r`);
  const ttl = await redis.pttl(key);
  expect(ttl).toBeGreaterThan(RETENTION / 2);
  expect(ttl).toBeLessThanOrEqual(RETENTION);
  expect(Number(await redis.call('MEMORY', 'USAGE', key))).toBeLessThan(300);
});

test('of a guest who comes every day Redis keeps no visit that ended longer ago than the retention, and no such report', async () => {
  const register = redisRegister();
  const day = 1_440;
  await register.registerSightings(MAC, minutes(0), minutes(1));
  await register.settleVisit(MAC, minutes(0), 'reported');
  await register.registerSightings(MAC, minutes(day - 10), minutes(day - 9));
  const key = `{nwm:${business}}:visits:3c22fb000001`;
  expect((await redis.get(key))?.split('|')).toHaveLength(3);
  expect(await register.registerSightings(MAC, minutes(day + 60), minutes(day + 61))).toMatchObject({
    startMs: minutes(day + 60),
    lastReportedMs: null,
  });
  expect(await redis.get(key)).not.toContain(`${minutes(0)}`);
  expect((await redis.get(key))?.split('|')).toHaveLength(3);
});

test('rubbish under the key of a device does not stop the register', async () => {
  const register = redisRegister();
  await redis.set(`{nwm:${business}}:visits:3c22fb000001`, 'not|ours:at:all|');
  expect((await register.registerSightings(MAC, minutes(0), minutes(0))).startMs).toBe(minutes(0));
});

test('the memory of a long replay does not grow with the devices that are long gone', () => {
  const register = new MemoryVisitRegister(GAP, RETENTION);
  for (let day = 0; day < 10; day++) {
    for (let device = 0; device < 1_000; device++)
      register.registerSightings(day * 1_000 + device + 1, minutes(day * 1440), minutes(day * 1440));
  }
  expect(register.size).toBeLessThanOrEqual(3_000);
});

test.each<[string, () => VisitRegister]>([
  ['memory', () => new MemoryVisitRegister(GAP, RETENTION)],
  ['Redis', () => redisRegister()],
])(
  'in %s, a visit that comes so late that it may have been dropped is told from one that is new',
  async (_name, make) => {
    const register = make();
    const isOld = async (at: number) =>
      (await register.registerSightings(MAC, minutes(at), minutes(at))).isOlderThanKept;
    for (let visit = 0; visit <= MAX_VISITS; visit++) expect(await isOld(visit * 16)).toBe(false);
    // The first one is gone. Whoever brings it again, and again because something failed, learns that.
    expect([await isOld(0), await isOld(0)]).toEqual([true, true]);
    expect(await isOld(2 * 16)).toBe(false);
  },
);
