// `wifi-monitor purge`: removes everything that this project ever wrote into Redis.
import { createInterface } from 'node:readline/promises';
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { countWords } from '../presenters/count-words.js';
import type { RedisClient } from '../redis/client.js';
import { rewriteDisk } from '../redis/disk.js';
import { countKeys, removeAllKeys } from '../redis/traces.js';
import { monitorsOn } from '../sensor/monitor-channel.js';
import { withRedis } from '../sensor/redis-connection.js';
import { diskWords } from './forget.js';
import { kindOfKey } from './kept.js';

const DISK_WITHIN_MS = 60_000;

/** Asks before it does so, unless `yes`. Returns 0, or 1 when nothing was removed or the disk is not clean. @throws ConfigError */
export async function purge({ yes }: { readonly yes: boolean }): Promise<number> {
  const { redisUrl } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null) throw new ConfigError(['REDIS_URL: must be set: it says which Redis is to be emptied']);
  return withRedis(redisUrl, async (redis) => {
    const counts = [...(await countKeys(redis, kindOfKey))].sort(([a], [b]) => (a < b ? -1 : 1));
    if (counts.length === 0) {
      process.stdout.write(
        `Redis holds nothing of this project. ${diskWords(await rewriteDisk(redis, DISK_WITHIN_MS))}`,
      );
      return 0;
    }
    process.stdout.write(
      'This removes from Redis, for all locations and all sensors:\n' +
        counts.map(([kind, keys]) => `  ${kind}: ${countWords(keys, 'key')}\n`).join(''),
    );
    const monitors = await monitorsOn(redis);
    if (monitors > 0)
      process.stdout.write(
        `${countWords(monitors, 'monitor runs', 'monitors run')} and will write again what it sees: stop it first.\n`,
      );
    if (!yes && !(await isConfirmed())) {
      process.stderr.write('wifi-monitor: nothing was removed (without a terminal, --yes confirms)\n');
      return 1;
    }
    return await removeAll(redis);
  });
}

async function removeAll(redis: RedisClient): Promise<number> {
  const removed = await removeAllKeys(redis);
  const rewritten = await rewriteDisk(redis, DISK_WITHIN_MS);
  process.stdout.write(`${countWords(removed, 'key')} removed. ${diskWords(rewritten)}`);
  return rewritten.kind === 'not-clean' ? 1 : 0;
}

async function isConfirmed(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Failed check-ins that wait are lost. Write "purge" to go on: ');
  terminal.close();
  return answer.trim() === 'purge';
}
