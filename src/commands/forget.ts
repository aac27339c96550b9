// `wifi-monitor forget MAC`: removes a device everywhere outside Nexudus.
import { formatMac, type MacAddress, macDigits } from '../addresses/mac-address.js';
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { labelsEverywhere } from '../devices/label-store.js';
import { forgetNotices } from '../notices/redis-notices.js';
import { RedisOutbox } from '../outbox/redis-outbox.js';
import { countWords } from '../presenters/count-words.js';
import { keysLike, type RedisClient } from '../redis/client.js';
import { tellToForget } from '../sensor/forget-channel.js';
import { withRedis } from '../sensor/redis-connection.js';

/** Returns 0, or 1 when a check-in of the device is being delivered at this moment. @throws ConfigError */
export async function forget(mac: MacAddress, options: { readonly labels: boolean }): Promise<number> {
  const { redisUrl, retentionMs, outboxRetentionMs } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null) {
    throw new ConfigError([
      'REDIS_URL: must be set: without Redis nothing is kept but in the running monitor, which forgets on restart',
    ]);
  }
  return withRedis(redisUrl, async (redis) => {
    // Running sensors come first, because they could write it again.
    const monitors = await tellToForget(redis, mac);
    const visits = await forgetVisits(redis, mac);
    const outbox = new RedisOutbox(redis, { retentionMs, outboxRetentionMs });
    const entries = await outbox.forget(mac).finally(() => outbox.close());
    await forgetNotices(redis, formatMac(mac));
    const labels = await labelsEverywhere(redis, mac, { remove: options.labels });
    process.stdout.write(
      `${formatMac(mac)}: ${countWords(monitors, 'running monitor')} told, ` +
        `visits of ${countWords(visits, 'location')} and ${countWords(entries.removed, 'check-in')} removed.\n` +
        labelWords(labels, options.labels) +
        'Failed check-ins that were posted, and the registration if there is one, are in Nexudus: remove them there.\n',
    );
    if (entries.busy === 0) return 0;
    process.stderr.write(
      'wifi-monitor: a check-in of this device is being delivered right now: run this again in a minute\n',
    );
    return 1;
  });
}

/** Removes the device's visits at every location on this Redis. Returns at how many it had any. */
async function forgetVisits(redis: RedisClient, mac: MacAddress): Promise<number> {
  let removed = 0;
  // Each key on its own, because in a cluster the keys of different locations are in different slots.
  for await (const keys of keysLike(redis, `{nwm:*}:visits:${macDigits(mac)}`))
    for (const key of keys) removed += await redis.del(key);
  return removed;
}

function labelWords(labels: number, isRemoved: boolean): string {
  if (labels === 0) return '';
  if (isRemoved) return `Its label was removed at ${countWords(labels, 'location')}.\n`;
  return `It keeps its label at ${countWords(labels, 'location')}: --labels removes that as well.\n`;
}
