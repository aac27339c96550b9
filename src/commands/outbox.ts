// `wifi-monitor outbox`: lists what waits for Nexudus and what it refused, with the reason. An operator can retry or drop an entry.
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { RedisOutbox } from '../outbox/redis-outbox.js';
import { countWords } from '../presenters/count-words.js';
import { outboxEntryJson } from '../presenters/outbox-json.js';
import { printTable } from '../presenters/table.js';
import { withRedis } from '../sensor/redis-connection.js';

const MAX_LISTED = 1_000;

async function withOutbox<T>(work: (outbox: RedisOutbox) => Promise<T>): Promise<T> {
  const { redisUrl, retentionMs, outboxRetentionMs } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null)
    throw new ConfigError(['REDIS_URL: must be set: without Redis the outbox lives inside the monitor alone']);
  return withRedis(redisUrl, async (redis) => {
    const outbox = new RedisOutbox(redis, { retentionMs, outboxRetentionMs });
    try {
      return await work(outbox);
    } finally {
      await outbox.close();
    }
  });
}

/** Prints the entries that are not delivered, failed ones first. @throws ConfigError */
export function outboxList(options: { readonly json: boolean }): Promise<number> {
  return withOutbox(async (outbox) => {
    const items = await outbox.list(MAX_LISTED);
    if (options.json) {
      for (const item of items) process.stdout.write(`${JSON.stringify(outboxEntryJson(item))}\n`);
      return 0;
    }
    const rows = items.map(({ id, state, addedMs, reason }) => [
      id,
      state,
      new Date(addedMs).toISOString().slice(0, 19),
      reason ?? '',
    ]);
    printTable(
      [{ title: 'ID' }, { title: 'STATE' }, { title: 'ADDED (UTC)', dispensable: 1 }, { title: 'REASON', least: 20 }],
      rows,
    );
    const { waiting, delayed, active, failed, dropped } = await outbox.counts();
    process.stdout.write(
      `${countWords(waiting + delayed + active, 'on its way', 'on their way')} (${delayed} put back), ` +
        `${failed} refused by Nexudus${dropped === 0 ? '' : `, ${dropped} dropped after waiting for too long`}.\n`,
    );
    return 0;
  });
}

/** Sends a refused entry, or all of them, again. @throws ConfigError */
export function outboxRetry(id: string | undefined, options: { readonly all: boolean }): Promise<number> {
  if ((id === undefined) === !options.all)
    throw new ConfigError(['outbox retry: give either the ID of an entry or --all']);
  return withOutbox(async (outbox) => {
    const retried = await outbox.retry(options.all ? null : (id ?? null));
    if (retried === 0 && id !== undefined)
      throw new Error(`no refused entry has the ID ${id} ("wifi-monitor outbox" lists them)`);
    process.stdout.write(`${retried} sent once more.\n`);
    return 0;
  });
}

export interface DropFlags {
  readonly all: boolean;
  readonly unproven: boolean;
  /** ms since the epoch. */
  readonly before?: number | undefined;
}

/** Takes an entry out for good, or all that fit the options. @throws ConfigError */
export function outboxDrop(id: string | undefined, { all, unproven, before }: DropFlags): Promise<number> {
  const isFiltered = unproven || before !== undefined;
  if ([id !== undefined, all, isFiltered].filter(Boolean).length !== 1) {
    throw new ConfigError(['outbox drop: give either the ID of an entry, or --all, or --unproven and --before']);
  }
  return withOutbox(async (outbox) => {
    if (id === undefined) {
      const { dropped, busy } = await outbox.dropAll({
        isUnproven: unproven,
        ...(before === undefined ? {} : { beforeMs: before }),
      });
      process.stdout.write(`${dropped} dropped${busy === 0 ? '' : `, ${busy} not: it is being delivered`}.\n`);
      return 0;
    }
    if (!(await outbox.drop(id))) throw new Error(`no entry has the ID ${id} ("wifi-monitor outbox" lists them)`);
    process.stdout.write(`${id} dropped.\n`);
    return 0;
  });
}
