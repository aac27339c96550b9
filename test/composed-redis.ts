// What Redis is told in docker/compose.yaml, for tests of what it keeps; and what it has on its disk.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisServer } from './redis-server.js';

const compose = new URL('../docker/compose.yaml', import.meta.url);

/**
 * The arguments of the Redis of compose.yaml, but for address and port. One is added: Redis packs what it writes, so that nothing could
 * be found in its files; packed or not, they hold the same.
 */
export function composedRedisArguments(): string[] {
  const [, written = ''] = /exec redis-server - (--.*) <<END/.exec(readFileSync(compose, 'utf8')) ?? [];
  const words = written.split(' ').map((word) => (word === "''" ? '' : word));
  const place = ['--bind', '--port'];
  const kept = words.filter((word, index) => !place.includes(word) && !place.includes(words[index - 1] ?? ''));
  if (!kept.includes('--appendonly')) throw new Error('compose.yaml does not start Redis as it did');
  return [...kept, '--rdbcompression', 'no'];
}

/** All that lies in the directory of the server, as text. Files come and go while Redis rewrites them. */
export function onDisk(server: RedisServer): string {
  const names = readdirSync(server.directory, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => {
      try {
        return `${name}\n${readFileSync(join(server.directory, name), 'latin1')}`;
      } catch {
        return name;
      }
    })
    .join('\n');
}
