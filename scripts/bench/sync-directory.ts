// A process of its own for the benchmark: reads the whole directory once, unpaced, and prints what that took as JSON.
// node sync-directory.js API_URL [REDIS_URL]. With Redis it writes the snapshot with which a monitor starts.
import { Directory } from '../../src/devices/directory/directory.js';
import { DirectorySnapshot } from '../../src/devices/directory/directory-snapshot.js';
import { DirectorySync } from '../../src/devices/directory/directory-sync.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { createLogger } from '../../src/sensor/log.js';
import { connectRedis } from '../../src/sensor/redis-connection.js';

const DAY_MS = 86_400_000;

export interface SyncResult {
  readonly devices: number;
  readonly ms: number;
  readonly residentMb: number;
  readonly peakMb: number;
}

const [url = '', redisUrl] = process.argv.slice(2);
const log = await createLogger('error');
const redis = redisUrl === undefined ? null : connectRedis(redisUrl, 'delivering', log);
const directory = new Directory();
const client = createNexudusClient({
  url,
  auth: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
});
const began = performance.now();
// The snapshot is written before the directory counts as loaded.
await new Promise<void>((resolve) => {
  new DirectorySync({
    client,
    directory,
    snapshot: redis === null ? null : new DirectorySnapshot(redis, 77, DAY_MS),
    refreshMs: DAY_MS,
    log,
    onLoaded: resolve,
    onCurrent: () => {},
    pace: async () => {},
  }).start();
});
const result: SyncResult = {
  devices: directory.size,
  ms: performance.now() - began,
  residentMb: process.memoryUsage.rss() / 1e6,
  peakMb: process.resourceUsage().maxRSS / 1e3,
};
console.log(JSON.stringify(result));
process.exit();
