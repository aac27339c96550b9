// What is gone from Redis's memory goes from its disk as well, as far as Redis allows.
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { rewriteDisk, rewriteRegularly } from '../../src/redis/disk.js';
import { composedRedisArguments, onDisk } from '../composed-redis.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { PATIENCE_MS, until } from '../until.js';

const SECRET = 'annas-macbook';

const closing: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serverWith(args: readonly string[]): Promise<{ server: RedisServer; redis: Redis }> {
  const server = await startRedis({ args });
  const redis = new Redis(server.socketPath);
  closing.push(
    () => server.stop(),
    () => redis.disconnect(),
  );
  return { server, redis };
}

/** Writes a secret, sees it reach the disk, and deletes it. */
async function writeAndDelete(server: RedisServer, redis: Redis): Promise<void> {
  await redis.set('device', SECRET);
  await until('it is on the disk', () => onDisk(server).includes(SECRET));
  await redis.del('device');
}

test("with compose's settings a deleted value stays on the disk until the file is rewritten", async () => {
  const { server, redis } = await serverWith(composedRedisArguments());
  await writeAndDelete(server, redis);
  expect(onDisk(server)).toContain(SECRET);
  expect(await rewriteDisk(redis, PATIENCE_MS)).toEqual({ kind: 'clean' });
  expect(onDisk(server)).not.toContain(SECRET);
});

test('a rewriting that was begun before the value was deleted does not count', async () => {
  const { server, redis } = await serverWith(composedRedisArguments());
  await redis.set('device', SECRET);
  for (let number = 0; number < 20; number++) await redis.set(`other:${number}`, 'x');
  // 20 keys take a second from now on.
  await redis.config('SET', 'rdb-key-save-delay', 50_000);
  await redis.bgrewriteaof();
  await redis.del('device');
  expect(await rewriteDisk(redis, PATIENCE_MS)).toEqual({ kind: 'clean' });
  expect(onDisk(server)).not.toContain(SECRET);
});

test('it does not wait for longer than it may, and says so', async () => {
  const { redis } = await serverWith(composedRedisArguments());
  for (let number = 0; number < 100; number++) await redis.set(`other:${number}`, 'x');
  await redis.config('SET', 'rdb-key-save-delay', 1_000_000);
  const rewritten = await rewriteDisk(redis, 300);
  expect(rewritten).toMatchObject({ kind: 'not-clean', reason: expect.stringMatching(/still writing/) });
});

test('snapshots are written anew as well', async () => {
  const { server, redis } = await serverWith(['--save', '3600', '1', '--rdbcompression', 'no']);
  await redis.set('device', SECRET);
  await redis.save();
  expect(onDisk(server)).toContain(SECRET);
  await redis.del('device');
  expect(await rewriteDisk(redis, PATIENCE_MS)).toEqual({ kind: 'clean' });
  expect(onDisk(server)).not.toContain(SECRET);
});

test('a Redis that keeps nothing on a disk has nothing to rewrite', async () => {
  const { redis } = await serverWith([]);
  expect(await rewriteDisk(redis, PATIENCE_MS)).toEqual({ kind: 'no-disk' });
});

test.each(['bgrewriteaof', 'info', 'config'])('a Redis that forbids %s is not called clean', async (command) => {
  const { server, redis } = await serverWith(composedRedisArguments());
  await redis.call('ACL', 'SETUSER', 'limited', 'on', '>pass', '~*', '&*', '+@all', `-${command}`);
  const limited = new Redis(server.socketPath, { username: 'limited', password: 'pass', enableReadyCheck: false });
  closing.push(() => limited.disconnect());
  expect(await rewriteDisk(limited, PATIENCE_MS)).toEqual({
    kind: 'not-clean',
    reason: expect.stringMatching(new RegExp(`forbid.*${command}|${command}.*forbid`, 'i')),
    isForbidden: true,
  });
});

test('replicas have disks of their own', async () => {
  const { server, redis } = await serverWith(composedRedisArguments());
  await serverWith(['--replicaof', '127.0.0.1', `${server.port}`]);
  await until('the replica is there', async () => /connected_slaves:1/.test(await redis.info('replication')));
  const rewritten = await rewriteDisk(redis, PATIENCE_MS);
  expect(rewritten).toMatchObject({ kind: 'not-clean', reason: expect.stringMatching(/replicas/) });
});

test('of all sensors on one Redis, one rewrites the file, again and again', async () => {
  const { server, redis } = await serverWith(composedRedisArguments());
  const other = new Redis(server.socketPath);
  closing.push(() => other.disconnect());
  for (const one of [redis, other]) closing.push(rewriteRegularly(one, { everyMs: 400, onForbidden: () => {} }));
  for (let time = 0; time < 2; time++) {
    await writeAndDelete(server, redis);
    await until('the disk is clean', () => !onDisk(server).includes(SECRET));
  }
  const commands = await redis.info('commandstats');
  const [, turns] = /cmdstat_set:calls=(\d+)/.exec(commands) ?? [];
  const [, rewrites] = /cmdstat_bgrewriteaof:calls=(\d+)/.exec(commands) ?? [];
  expect(Number(rewrites)).toBeLessThan(Number(turns));
});

test('it does so in each period, whether or not anything has expired in it', async () => {
  const { redis } = await serverWith(composedRedisArguments());
  closing.push(rewriteRegularly(redis, { everyMs: 100, onForbidden: () => {} }));
  const rewrites = async () => Number(/calls=(\d+)/.exec(await bgrewriteaofOf(redis))?.[1] ?? 0);
  await until('it was rewritten three times', async () => (await rewrites()) >= 3);
  // There never was another key than the one that says whose turn it is.
  expect((await redis.keys('*')).filter((key) => !key.endsWith(':rewrite-turn'))).toEqual([]);
});

test('that a Redis forbids it is told once', async () => {
  const { server, redis } = await serverWith(composedRedisArguments());
  await redis.call('ACL', 'SETUSER', 'limited', 'on', '>pass', '~*', '&*', '+@all', '-bgrewriteaof');
  const limited = new Redis(server.socketPath, { username: 'limited', password: 'pass' });
  closing.push(() => limited.disconnect());
  let told = 0;
  const onForbidden = () => {
    told++;
  };
  closing.push(rewriteRegularly(limited, { everyMs: 20, onForbidden }));
  const refused = async () => Number(/rejected_calls=(\d+)/.exec(await bgrewriteaofOf(redis))?.[1] ?? 0);
  await until('it was refused three times', async () => (await refused()) >= 3);
  expect(told).toBe(1);
});

async function bgrewriteaofOf(redis: Redis): Promise<string> {
  return (await redis.info('commandstats')).split('\n').find((line) => line.includes('cmdstat_bgrewriteaof')) ?? '';
}
