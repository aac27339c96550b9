// `wifi-monitor label`, and what `forget` does about labels.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RedisLabelStore } from '../../src/devices/label-store.js';
import { MAX_LABELS } from '../../src/devices/labels.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { cli } from './cli.js';

const MAC = '3c:22:fb:00:00:01';

let server: RedisServer;
let redis: Redis;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  env = { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77' };
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

const label = (...args: string[]) => cli(['label', ...args], env);

test('label sets, lists and removes', async () => {
  expect(await label()).toMatchObject({ code: 0, stdout: '0 labels.' });
  expect(await label('3C-22-FB-00-00-01', '--as', 'known', '--name', 'Anna Keller')).toMatchObject({
    code: 0,
    stdout: `${MAC} is labelled as known (Anna Keller). Running monitors follow within two seconds.`,
    stderr: '',
  });
  const json = await label('3c:22:fb:00:00:02', '--as', 'equipment', '--json');
  const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const equipment = { type: 'label', mac: '3c:22:fb:00:00:02', as: 'equipment', name: null, since };
  expect(JSON.parse(json.stdout)).toEqual(equipment);

  const listed = await label('--json');
  expect(listed.stdout.split('\n').map((line) => JSON.parse(line))).toEqual([
    equipment,
    { type: 'label', mac: MAC, as: 'known', name: 'Anna Keller', since },
  ]);
  const table = (await label()).stdout;
  expect(table).toMatch(/^MAC +AS +NAME +SINCE \(UTC\)$/m);
  expect(table).toMatch(/^3c:22:fb:00:00:01 +known +Anna Keller +\d{4}-/m);
  expect(table).toMatch(/^2 labels\.$/m);

  expect(await label(MAC, '--remove')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('has no label any more'),
  });
  expect(await label(MAC, '--remove')).toMatchObject({
    code: 1,
    stderr: `wifi-monitor: ${MAC} has no label ("wifi-monitor label" lists them)`,
  });
  expect((await label('--json')).stdout.split('\n')).toHaveLength(1);
});

test.each([
  [['nonsense'], /Write a MAC address such as/],
  [['01:00:5e:00:00:01', '--as', 'equipment'], /no address of one device/],
  [['ff:ff:ff:ff:ff:ff', '--as', 'equipment'], /no address of one device/],
  [['00:00:00:00:00:00', '--remove'], /no address of one device/],
  [[MAC], /give --as equipment, --as known, or --remove/],
  [[MAC, '--name', 'Anna'], /give --as equipment, --as known, or --remove/],
  [[MAC, '--as', 'friend'], /Allowed choices are equipment, known/],
  [[MAC, '--as', 'known', '--remove'], /cannot be used with/],
  [[MAC, '--name', 'Anna', '--remove'], /cannot be used with/],
  [[MAC, '--as', 'known', '--name', ''], /Write a name of 1 to 64 characters/],
  [[MAC, '--as', 'known', '--name', 'x'.repeat(65)], /Write a name of 1 to 64 characters/],
  [[MAC, '--as', 'known', '--name', 'two\nlines'], /Write a name of 1 to 64 characters/],
  [['--as', 'known'], /give the MAC address of the device/],
  [['--remove'], /give the MAC address of the device/],
  [[MAC, '3c:22:fb:00:00:02', '--as', 'known'], /too many arguments/],
])('label %j is wrong usage: exit code 2 and words', async (args, words) => {
  const { stdout, stderr, code } = await label(...args);
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  expect(stderr).toMatch(words);
  expect(await redis.dbsize()).toBe(0);
});

test('without Redis or a location the command says what is missing; with a Redis that is away it fails', async () => {
  const bare = await cli(['label']);
  expect(bare.code).toBe(2);
  expect(bare.stderr).toMatch(/^ {2}REDIS_URL: must be set/m);
  expect(bare.stderr).toMatch(/^ {2}NEXUDUS_BUSINESS_ID: must be set/m);
  const away = await cli(['label', MAC, '--as', 'known'], { ...env, REDIS_URL: 'redis://127.0.0.1:1' });
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('Redis cannot be reached (REDIS_URL): ') });
});

test('when there are 10,000 labels the next one is refused in words', async () => {
  const value = JSON.stringify({ kind: 'equipment', name: null, sinceMs: 1 });
  const fields = Array.from({ length: MAX_LABELS }, (_, index) => (index + 1).toString(16).padStart(12, '0'));
  await redis.hset('{nwm:77}:labels', new Map(fields.map((field) => [field, value])));
  const { code, stderr } = await label(MAC, '--as', 'equipment');
  expect(code).toBe(1);
  expect(stderr).toMatch(/there are 10000 labels already: remove some first/);
});

test('forget keeps the label and says so; with --labels it removes it at every location', async () => {
  for (const business of [77, 78]) {
    const store = new RedisLabelStore(redis, business);
    await store.put(0x3c22fb000001, { kind: 'known', name: 'Anna', sinceMs: 1 });
    await store.put(0x3c22fb000002, { kind: 'known', name: 'Bob', sinceMs: 1 });
  }
  const kept = await cli(['forget', MAC], env);
  expect(kept.code).toBe(0);
  expect(kept.stdout).toMatch(/^It keeps its label at 2 locations: --labels removes that as well\.$/m);
  expect((await label('--json')).stdout).toContain(MAC);
  const removed = await cli(['forget', MAC, '--labels'], env);
  expect(removed.stdout).toMatch(/^Its label was removed at 2 locations\.$/m);
  expect((await label('--json')).stdout).not.toContain(MAC);
  expect(await redis.hlen('{nwm:78}:labels')).toBe(1);
  expect((await cli(['forget', MAC], env)).stdout).not.toMatch(/label/);
});
