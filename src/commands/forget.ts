// `wifi-monitor forget MAC`: removes a device everywhere outside Nexudus.
import { createInterface } from 'node:readline/promises';
import { formatMac, type MacAddress, macDigits } from '../addresses/mac-address.js';
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { labelsEverywhere } from '../devices/label-store.js';
import { forgetNotices } from '../notices/redis-notices.js';
import { RedisOutbox } from '../outbox/redis-outbox.js';
import { countWords } from '../presenters/count-words.js';
import { keysLike, type RedisClient } from '../redis/client.js';
import { type Rewritten, rewriteDisk } from '../redis/disk.js';
import { tracesOf } from '../redis/traces.js';
import { askMonitors } from '../sensor/monitor-channel.js';
import { withRedis } from '../sensor/redis-connection.js';
import { forgetInDiaries } from '../status/facts/diary-store.js';

const DISK_WITHIN_MS = 60_000;

/** Returns 0, or 1 when a check-in of the device is being delivered at this moment or the disk is not clean. @throws ConfigError */
export async function forget(mac: MacAddress, options: { readonly labels: boolean }): Promise<number> {
  const { redisUrl, retentionMs, outboxRetentionMs } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null) {
    throw new ConfigError([
      'REDIS_URL: must be set: without Redis nothing is kept but in the running monitor, which forgets on restart',
    ]);
  }
  return withRedis(redisUrl, async (redis) => {
    const hasLabel = (await labelsEverywhere(redis, mac, { remove: false })) > 0;
    const labels = options.labels || (hasLabel && (await askForLabels(mac)));
    // Running sensors come first, because they could write it again.
    const monitors = await askMonitors(redis, 'forget', mac);
    const visits = await forgetVisits(redis, mac);
    const outbox = new RedisOutbox(redis, { retentionMs, outboxRetentionMs });
    const entries = await outbox.forget(mac).finally(() => outbox.close());
    await forgetNotices(redis, formatMac(mac));
    const diaries = await forgetInDiaries(redis, mac);
    const labelled = await labelsEverywhere(redis, mac, { remove: labels });
    const rewritten = await rewriteDisk(redis, DISK_WITHIN_MS);
    const left = await tracesOf(redis, mac);
    const isRegistered = left.some(({ key }) => key.endsWith(':directory'));
    process.stdout.write(
      `${formatMac(mac)}: ${countWords(monitors.heard, 'running monitor')} told, ` +
        `visits of ${countWords(Math.max(visits, diaries), 'location')} and ${countWords(entries.removed, 'check-in')} removed.\n` +
        labelWords(labelled, labels) +
        diskWords(rewritten) +
        (isRegistered ? 'It is registered in Nexudus: the copy of that goes when it is removed there.\n' : '') +
        'Failed check-ins that were posted, and the registration if there is one, are in Nexudus: remove them there.\n',
    );
    if (monitors.answers.length < monitors.heard)
      process.stderr.write('wifi-monitor: not every monitor has answered: run this again when all of them work\n');
    if (entries.busy > 0)
      process.stderr.write(
        'wifi-monitor: a check-in of this device is being delivered right now: run this again in a minute\n',
      );
    return entries.busy > 0 || monitors.answers.length < monitors.heard || rewritten.kind === 'not-clean' ? 1 : 0;
  });
}

/** A label is an operator's own word, so it goes only if somebody says so. */
async function askForLabels(mac: MacAddress): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${formatMac(mac)} has a label. Remove it as well? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Removes the device's visits at every location on this Redis. Returns at how many it had any. */
async function forgetVisits(redis: RedisClient, mac: MacAddress): Promise<number> {
  let removed = 0;
  // One by one: in a cluster the locations' keys lie in different slots.
  for await (const keys of keysLike(redis, `{nwm:*}:visits:${macDigits(mac)}`))
    for (const key of keys) removed += await redis.del(key);
  return removed;
}

function labelWords(labels: number, isRemoved: boolean): string {
  if (labels === 0) return '';
  if (isRemoved) return `Its label was removed at ${countWords(labels, 'location')}.\n`;
  return `It keeps its label at ${countWords(labels, 'location')}: --labels removes that as well.\n`;
}

export function diskWords(rewritten: Rewritten): string {
  switch (rewritten.kind) {
    case 'clean':
      return "Redis's disk is clean: its files were written anew.\n";
    case 'no-disk':
      return 'Redis keeps nothing on a disk.\n';
    case 'not-clean':
      return `Redis's disk may still hold it: ${rewritten.reason}.\n`;
  }
}
