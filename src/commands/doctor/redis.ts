// The part of `wifi-monitor doctor` about Redis: version, role, persistence, memory, and what the user in REDIS_URL may do.
import type { Redis } from 'ioredis';
import { primariesOf, type RedisClient } from '../../redis/client.js';
import { type Rewritten, rewriteDisk, STAYS_ON_DISK } from '../../redis/disk.js';
import { type Finding, fail, note, ok } from './finding.js';

/** BullMQ needs this version. KEEPTTL in settle.lua needs 6.0. */
const MIN_REDIS: readonly [number, number] = [6, 2];

/** A large file takes longer; that it can be rewritten is known by then. */
const DISK_WITHIN_MS = 10_000;

/** What a user for sensors must be allowed, as ACL SETUSER takes it. */
export const REDIS_PERMISSIONS =
  '~{nwm:* &nwm:* +@read +@write +@connection +@transaction +@scripting +@pubsub +time -@dangerous +info +bgrewriteaof +bgsave +config|get';
const CLUSTER_PERMISSIONS = '+cluster|slots +cluster|shards +cluster|nodes +cluster|info';

const KEY = '{nwm:doctor}:trial';
const OTHER_KEY = '{nwm:doctor}:other';
/**
 * Every command that this project and BullMQ's scripts use. Redis checks permission first, so it does not matter that most of these
 * fail because the key has another type.
 */
const TRIALS: readonly (readonly [command: string, ...args: (string | number)[]])[] = [
  ...['GET', 'TYPE', 'PTTL', 'EXISTS', 'PERSIST', 'INCR', 'DECR', 'HGETALL', 'HLEN', 'LLEN', 'LPOP', 'RPOP'].map(
    (command) => [command, KEY] as const,
  ),
  ...['SCARD', 'SMEMBERS', 'XLEN', 'ZCARD', 'ZPOPMIN'].map((command) => [command, KEY] as const),
  ...['HGET', 'HMGET', 'HEXISTS', 'HDEL', 'LPUSH', 'RPUSH', 'LPOS', 'SADD', 'SREM', 'SISMEMBER', 'ZREM', 'ZSCORE'].map(
    (command) => [command, KEY, 'field'] as const,
  ),
  ...['LRANGE', 'LTRIM', 'ZRANGE', 'ZREVRANGE', 'ZCOUNT', 'ZRANGEBYSCORE', 'ZREMRANGEBYSCORE', 'ZREMRANGEBYRANK'].map(
    (command) => [command, KEY, 0, 1] as const,
  ),
  ['SET', KEY, 'text', 'PX', 60_000, 'KEEPTTL'],
  ['SET', KEY, 'text', 'PX', 60_000],
  ['EXPIRE', KEY, 60],
  ['PEXPIRE', KEY, 60_000],
  ['PEXPIREAT', KEY, 4_102_444_800_000],
  ['INCRBY', KEY, 1],
  ['RENAME', KEY, OTHER_KEY],
  ['HSET', KEY, 'field', 'value'],
  ['HMSET', KEY, 'field', 'value'],
  ['HINCRBY', KEY, 'field', 1],
  ['HSCAN', KEY, 0],
  ['SSCAN', KEY, 0],
  ['LINDEX', KEY, 0],
  ['LSET', KEY, 0, 'value'],
  ['LREM', KEY, 1, 'value'],
  ['RPOPLPUSH', KEY, OTHER_KEY],
  ['ZADD', KEY, 1, 'member'],
  ['ZREVRANGEBYSCORE', KEY, 1, 0],
  ['ZRANGEBYLEX', KEY, '-', '+'],
  ['ZLEXCOUNT', KEY, '-', '+'],
  ['BZPOPMIN', KEY, 0.01],
  ['XADD', KEY, '*', 'field', 'value'],
  ['XRANGE', KEY, '-', '+'],
  ['XDEL', KEY, '1-1'],
  ['XTRIM', KEY, 'MAXLEN', 0],
  ['XREAD', 'COUNT', 1, 'STREAMS', KEY, '0'],
  ['EVAL', "return redis.call('TIME')[1]", 1, KEY],
  ['UNLINK', OTHER_KEY],
  ['DEL', KEY],
  // Last, because it goes to any node of a cluster.
  ['PUBLISH', 'nwm:doctor', 'trial'],
];

/** Tries every command and looks at every primary. `redis` must be connected. */
export async function examineRedis(redis: RedisClient): Promise<Finding[]> {
  const primaries = primariesOf(redis);
  const permissions = await tryPermissions(redis, primaries);
  if (permissions.health === 'FAIL') return [permissions];
  const findings: Finding[] = [permissions];
  if ('nodes' in redis)
    findings.push(ok('Redis', `a cluster of ${primaries.length} primaries; what follows is said of each that differs`));
  for (const primary of primaries)
    for (const finding of findingsOf(await primary.info()))
      if (!findings.some(({ text }) => text === finding.text)) findings.push(finding);
  return [...findings, aboutDisk(await rewriteDisk(redis, DISK_WITHIN_MS))];
}

function findingsOf(info: string): Finding[] {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = MIN_REDIS;
  const findings = [
    major > leastMajor || (major === leastMajor && minor >= leastMinor)
      ? ok('Redis', `version ${version}`)
      : fail('Redis', `version ${version} is too old: use ${leastMajor}.${leastMinor} or later`),
  ];
  if (field('role') !== 'master')
    findings.push(fail('Redis', 'this is a read-only replica: give the address of the primary in REDIS_URL'));
  findings.push(
    field('aof_enabled') === '1'
      ? ok('Redis', 'AOF persistence is on (what a crash can still cost: see docker/README.md, "Redis")')
      : fail('Redis', 'AOF persistence is off: a restart of Redis loses what waits. Set "appendonly yes"'),
  );
  const policy = field('maxmemory_policy');
  const limit = Number(field('maxmemory'));
  findings.push(
    limit === 0 || policy === 'noeviction'
      ? ok('Redis', limit === 0 ? 'no memory limit' : `memory limit ${field('maxmemory_human')}, without eviction`)
      : fail('Redis', `with maxmemory-policy ${policy} Redis may throw waiting check-ins away. Set it to noeviction`),
  );
  return findings;
}

function aboutDisk(rewritten: Rewritten): Finding {
  switch (rewritten.kind) {
    case 'clean':
      return ok('Redis', 'what is forgotten or has expired can be removed from its disk');
    case 'no-disk':
      return ok('Redis', 'nothing is kept on a disk');
    case 'not-clean':
      return note('Redis', rewritten.isForbidden ? `${rewritten.reason}: ${STAYS_ON_DISK}` : rewritten.reason);
  }
}

/** Whether MULTI is refused. Only the EXEC after it shows that. */
async function isRefusedTransaction(redis: RedisClient): Promise<boolean> {
  try {
    await redis.multi().exists(KEY).exec();
    return false;
  } catch (error) {
    return error instanceof Error && /EXEC without MULTI|NOPERM|EXECABORT/.test(error.message);
  }
}

async function tryPermissions(redis: RedisClient, primaries: readonly Redis[]): Promise<Finding> {
  const denied = new Set<string>();
  let areKeysDenied = false;
  const attempt = async (command: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!message.includes('NOPERM') && !message.includes('no permissions')) {
        // This is an error of the command itself, so it may be run.
        if (/^(ERR|WRONGTYPE|MISCONF|OOM|READONLY)/.test(message)) return;
        throw error;
      }
      if (/\bkeys?\b/i.test(message)) areKeysDenied = true;
      else denied.add(/channel/i.test(message) ? `${command} (channels)` : command);
    }
  };
  await attempt('INFO', () => Promise.all(primaries.map((primary) => primary.info())));
  await attempt('SCAN', () => Promise.all(primaries.map((primary) => primary.scan(0, 'COUNT', 1))));
  for (const [command, ...args] of TRIALS) await attempt(command, () => redis.call(command, ...args));
  if (!areKeysDenied && (await isRefusedTransaction(redis))) denied.add('MULTI');
  if (denied.size === 0 && !areKeysDenied) return ok('Redis', 'the user may run every command that is needed');
  const what = [...(denied.size === 0 ? [] : [[...denied].join(', ')]), ...(areKeysDenied ? ['keys {nwm:*'] : [])];
  const more = 'nodes' in redis ? ` ${CLUSTER_PERMISSIONS}` : '';
  return fail(
    'Redis',
    `the user in REDIS_URL may not use: ${what.join('; ')}. Allow it with ACL SETUSER NAME ${REDIS_PERMISSIONS}${more}`,
  );
}
