// What operators say of devices: names that are safe to show, and the stores that keep labels.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MacAddress } from '../../src/addresses/mac-address.js';
import {
  FollowedLabels,
  type LabelStore,
  labelsEverywhere,
  MemoryLabelStore,
  RedisLabelStore,
} from '../../src/devices/label-store.js';
import { type Label, Labels, labelName, MAX_LABELS } from '../../src/devices/labels.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';

const MAC = 0x3c22fb000001;
const PRINTER: Label = { kind: 'equipment', name: 'Printer', sinceMs: 1_790_000_000_000 };
const ANNA: Label = { kind: 'known', name: 'Anna Keller', sinceMs: 1_790_000_000_000 };

let server: RedisServer;
let redis: Redis;
let closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  redis = new Redis(server.url);
  redis.on('error', () => {});
});
beforeEach(() => redis.flushall());
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

test.each([
  ['Printer', 'Printer'],
  ['  Anna \u00a0 Keller ', 'Anna Keller'],
  ['Žofie, 2. patro (“levá”)', 'Žofie, 2. patro (“levá”)'],
  ['<b>bold</b>', '<b>bold</b>'],
  ['😀'.repeat(64), '😀'.repeat(64)],
])('the name %j is kept as %j', (given, kept) => {
  expect(labelName(given)).toBe(kept);
});

test.each([
  '',
  '   ',
  'x'.repeat(65),
  '😀'.repeat(65),
  'x'.repeat(1_000_000),
  'two\nlines',
  'a\u0000b',
  'a\u001b[31mred',
  'right \u202eot tfel',
  'invisible\u200b',
  'half \ud83d',
])('the name %j is refused', (given) => {
  expect(labelName(given)).toBeNull();
});

test('the index names the devices whose label is another now', () => {
  const labels = new Labels();
  expect([
    ...labels.replace(
      new Map([
        [MAC, PRINTER],
        [MAC + 1, ANNA],
      ]),
    ),
  ]).toEqual([MAC, MAC + 1]);
  expect(labels.of(MAC)).toEqual(PRINTER);
  expect([
    ...labels.replace(
      new Map([
        [MAC, { ...PRINTER, sinceMs: 1 }],
        [MAC + 1, ANNA],
      ]),
    ),
  ]).toEqual([]);
  expect([...labels.replace(new Map([[MAC, { ...PRINTER, name: 'Scanner' }]]))]).toEqual([MAC, MAC + 1]);
  expect(labels.of(MAC + 1)).toBeNull();
});

test.each<[string, () => LabelStore]>([
  ['memory', () => new MemoryLabelStore(() => {})],
  ['Redis', () => new RedisLabelStore(redis, 77)],
])('in %s a label is there until it is removed, and the latest one counts', async (_name, make) => {
  const store = make();
  expect(await store.remove(MAC)).toBe(false);
  expect(await store.put(MAC, PRINTER)).toBe(true);
  expect(await store.put(MAC, ANNA)).toBe(true);
  expect(await store.put(MAC + 1, PRINTER)).toBe(true);
  expect(await store.labelOf(77, MAC)).toEqual(ANNA);
  expect([...(await store.all())].sort(([a], [b]) => a - b)).toEqual([
    [MAC, ANNA],
    [MAC + 1, PRINTER],
  ]);
  expect(await store.remove(MAC)).toBe(true);
  expect(await store.labelOf(77, MAC)).toBeNull();
  expect((await store.all()).size).toBe(1);
});

test.each<[string, () => Promise<LabelStore>]>([
  [
    'memory',
    async () => {
      const store = new MemoryLabelStore(() => {});
      for (let mac = 1; mac <= MAX_LABELS; mac++) await store.put(mac, PRINTER);
      return store;
    },
  ],
  [
    'Redis',
    async () => {
      const fields = Array.from({ length: MAX_LABELS }, (_, index) => (index + 1).toString(16).padStart(12, '0'));
      await redis.hset('{nwm:77}:labels', new Map(fields.map((field) => [field, JSON.stringify(PRINTER)])));
      return new RedisLabelStore(redis, 77);
    },
  ],
])('in %s there are at most 10,000 labels, and one of them can still be changed', async (_name, fill) => {
  const store = await fill();
  expect(await store.put(MAC, ANNA)).toBe(false);
  expect(await store.labelOf(77, MAC)).toBeNull();
  expect(await store.put(1, ANNA)).toBe(true);
  expect(await store.remove(2)).toBe(true);
  expect(await store.put(MAC, ANNA)).toBe(true);
  expect((await store.all()).size).toBe(MAX_LABELS);
});

test('the version of the labels is gone a day after the last of them, and stays while there is one', async () => {
  const store = new RedisLabelStore(redis, 77);
  const life = () => redis.ttl('{nwm:77}:labels:version');
  await store.put(MAC, PRINTER);
  await store.put(MAC + 1, PRINTER);
  await store.remove(MAC);
  expect(await life()).toBe(-1);
  await store.remove(MAC + 1);
  expect(await life()).toBeGreaterThan(0);
  expect(await life()).toBeLessThanOrEqual(86_400);
  await store.put(MAC, PRINTER);
  expect(await life()).toBe(-1);
});

test('what is no label of ours is left out', async () => {
  const store = new RedisLabelStore(redis, 77);
  await store.put(MAC, PRINTER);
  const rubbish = {
    'no mac': JSON.stringify(PRINTER),
    ffffffffffff: JSON.stringify(PRINTER),
    '3c22fb000002': 'not json',
    '3c22fb000003': JSON.stringify({ ...PRINTER, kind: 'friend' }),
    '3c22fb000004': JSON.stringify({ ...PRINTER, name: 'right \u202eot tfel' }),
    '3c22fb000005': JSON.stringify({ ...PRINTER, name: 'x'.repeat(65) }),
    '3c22fb000006': JSON.stringify({ ...PRINTER, sinceMs: 1e300 }),
    '3c22fb000007': 'null',
  };
  await redis.hset('{nwm:77}:labels', rubbish);
  expect([...(await store.all())]).toEqual([[MAC, PRINTER]]);
  expect(await store.labelOf(77, 0x3c22fb000003)).toBeNull();
});

test('each business has labels of its own; another one can be asked for, and forgetting finds all', async () => {
  const here = new RedisLabelStore(redis, 77);
  await here.put(MAC, PRINTER);
  await new RedisLabelStore(redis, 78).put(MAC, ANNA);
  expect(await here.labelOf(78, MAC)).toEqual(ANNA);
  expect(await here.labelOf(79, MAC)).toBeNull();
  expect(await labelsEverywhere(redis, MAC, { remove: false })).toBe(2);
  expect(await labelsEverywhere(redis, MAC, { remove: true })).toBe(2);
  expect(await here.labelOf(77, MAC)).toBeNull();
  expect(await labelsEverywhere(redis, MAC, { remove: true })).toBe(0);
});

async function follow(): Promise<{ labels: () => ReadonlyMap<MacAddress, Label>; times: () => number }> {
  const own = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  own.on('error', () => {});
  await until('Redis is connected', () => own.status === 'ready');
  let labels: ReadonlyMap<MacAddress, Label> = new Map();
  let times = 0;
  const followed = new FollowedLabels(new RedisLabelStore(own, 77), (all) => {
    labels = all;
    times++;
  });
  await followed.start();
  closing.push(() => {
    followed.close();
    own.disconnect();
  });
  return { labels: () => labels, times: () => times };
}

test('who follows has the labels at the start, hears of every change, and of nothing else', async () => {
  const store = new RedisLabelStore(redis, 77);
  await store.put(MAC, PRINTER);
  const { labels, times } = await follow();
  expect([...labels()]).toEqual([[MAC, PRINTER]]);
  await store.put(MAC, ANNA);
  await until('it is followed', () => labels().get(MAC)?.kind === 'known');
  await new RedisLabelStore(redis, 78).put(MAC + 1, PRINTER);
  await store.remove(MAC);
  await until('it is followed', () => labels().size === 0);
  expect(times()).toBe(3);
});

test('while Redis is away the labels stay, and a change made meanwhile is found afterwards', async () => {
  const store = new RedisLabelStore(redis, 77);
  await store.put(MAC, PRINTER);
  const { labels } = await follow();
  await server.kill();
  await until('Redis is missed', () => redis.status !== 'ready');
  expect(labels().size).toBe(1);
  await server.start();
  await until('Redis is back', () => redis.status === 'ready');
  expect(await store.labelOf(77, MAC)).toEqual(PRINTER);
  await store.put(MAC + 1, ANNA);
  await until('it is followed', () => labels().size === 2);
});
