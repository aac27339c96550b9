// What was captured, posted and then forgotten, or is older than it may be, is nowhere any more: neither in Redis nor on its disk.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cli } from '../commands/cli.js';
import { composedRedisArguments, onDisk } from '../composed-redis.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const captures = new URL('../captures/', import.meta.url).pathname;

/** Those of the recorded morning that say most about themselves. */
const DEVICES = readFileSync(`${captures}/morning-visits.csv`, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [mac = ''] = /[0-9a-f]{2}(:[0-9a-f]{2}){5}/.exec(line) ?? [];
    return mac === '' ? [] : [mac];
  });

let server: RedisServer;
let redis: Redis;
const closing: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  server = await startRedis({ args: composedRedisArguments() });
  redis = new Redis(server.socketPath);
  closing.push(
    () => server.stop(),
    () => redis.disconnect(),
  );
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function sensor(options: Parameters<typeof TrialSensor.start>[0] = {}): Promise<TrialSensor> {
  const trial = await TrialSensor.start({ redis: server, ...options });
  closing.push(() => trial.close());
  return trial;
}

/** Gives the sensor the frames of the recorded morning, as if all came now. Returns what of it could be found: host names and addresses. */
function captureMorning(trial: TrialSensor): void {
  const file = readFileSync(`${captures}/morning.pcap`);
  // RFC draft-ietf-opsawg-pcap: 24 octets, then for each packet 16 and its own.
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    trial.source.give(file.subarray(at + 16, at + 16 + length), Date.now());
    at += 16 + length;
  }
}

/** Every way in which an address may be written, and what else the morning says of people. */
function formsOf(macs: readonly string[]): string[] {
  return macs.flatMap((mac) => {
    const digits = mac.replaceAll(':', '');
    const dotted = digits.replace(/(....)(?=.)/g, '$1.');
    return [mac, mac.replaceAll(':', '-'), digits, dotted, `${Number.parseInt(digits, 16)}`];
  });
}
const NAMES_AND_ADDRESSES = [/macbook/i, /iphone/i, /ipad/i, /galaxy/i, /10\.20\.0\.\d+/, /(?<!\d)1691484\d\d(?!\d)/];

/** What of the morning is in a text. */
function foundIn(text: string): string[] {
  const lower = text.toLowerCase();
  const macs = formsOf(DEVICES).filter((form) => lower.includes(form));
  return [...macs, ...NAMES_AND_ADDRESSES.flatMap((pattern) => pattern.exec(text)?.[0] ?? [])];
}

/** Everything in Redis, piece by piece. */
async function pieces(): Promise<{ key: string; part: string | null; value: string }[]> {
  const keys = await redis.keys('*');
  const each = (key: string, members: readonly string[]) => members.map((value) => ({ key, part: value, value }));
  const all = keys.map(async (key) => {
    switch (await redis.type(key)) {
      case 'string':
        return [{ key, part: null, value: (await redis.get(key)) ?? '' }];
      case 'hash':
        return Object.entries(await redis.hgetall(key)).map(([part, value]) => ({ key, part, value }));
      case 'list':
        return each(key, await redis.lrange(key, 0, -1));
      case 'stream':
        return (await redis.xrange(key, '-', '+')).map(([part, fields]) => ({ key, part, value: fields.join(' ') }));
      case 'zset':
        return each(key, await redis.zrange(key, 0, '-1'));
      case 'set':
        return each(key, await redis.smembers(key));
      default:
        // It has expired since it was listed.
        return [];
    }
  });
  return (await Promise.all(all)).flat();
}

async function inMemory(): Promise<string> {
  return (await pieces()).map(({ key, part, value }) => `${key} ${part} ${value}`).join('\n');
}

test('a morning that was captured, posted and forgotten is neither in Redis nor on its disk', async () => {
  const trial = await sensor();
  captureMorning(trial);
  await until('some are posted', () => trial.sandbox.failedCheckins.length >= 5);
  await until('all visits are kept', () => trial.pipeline.waiting() === 0);
  expect(foundIn(await inMemory()).length).toBeGreaterThan(20);
  expect(foundIn(onDisk(server)).length).toBeGreaterThan(20);
  await cli(['label', DEVICES[0] ?? '', '--as', 'known', '--name', "Anna's iPhone"], env());

  // What is being delivered at this moment is forgotten in the next round.
  await until('the command has forgotten all', async () => {
    const found = foundIn(await inMemory());
    const left = [...new Set(DEVICES)].filter((mac) => formsOf([mac]).some((form) => found.includes(form)));
    for (const mac of left) await cli(['forget', mac, '--labels'], env());
    return found.length === 0;
  });
  const { stdout, code } = await cli(['forget', DEVICES[0] ?? ''], env());
  expect({ stdout, code }).toEqual({
    stdout: expect.stringMatching(/1 running monitor told.*disk is clean/s),
    code: 0,
  });
  expect(foundIn(onDisk(server))).toEqual([]);
  await trial.close();
  expect(foundIn(await inMemory())).toEqual([]);
  expect(foundIn(onDisk(server))).toEqual([]);
});

test('a morning that nobody forgets is gone after RETENTION, from the disk as well', async () => {
  const trial = await sensor({ retentionMs: 2_400, outboxRetentionMs: 2_400, environment: { VISIT_GAP: '1s' } });
  captureMorning(trial);
  await until('some are posted', () => trial.sandbox.failedCheckins.length >= 5);
  expect(foundIn(onDisk(server)).length).toBeGreaterThan(20);
  await until('Redis holds nothing of it', async () => foundIn(await inMemory()).length === 0);
  await until('the disk holds nothing of it', () => foundIn(onDisk(server)).length === 0);
});

test('of a sensor that was killed and never started again, only what waits is left after RETENTION', async () => {
  await redis.call('ACL', 'SETUSER', 'sensor', 'on', '>pass', '~*', '&*', '+@all');
  const url = server.url.replace('//', '//sensor:pass@');
  const trial = await sensor({ retentionMs: 2_400, environment: { REDIS_URL: url } });
  captureMorning(trial);
  await until('some are posted', () => trial.sandbox.failedCheckins.length >= 5);
  trial.sandbox.fault({
    method: 'POST',
    path: '/api/spaces/failedcheckins',
    action: { kind: 'answer', status: 503 },
    count: 1_000_000,
  });
  const stranger = '3c:22:fb:99:99:01';
  trial.show({ mac: stranger });
  const isThere = async () => (await inMemory()).includes('3c22fb999901-');
  await until('its report waits', isThere);
  // For Redis that is what SIGKILL is: the sensor never says anything again.
  await redis.call('ACL', 'SETUSER', 'sensor', 'off');
  await redis.call('CLIENT', 'KILL', 'USER', 'sensor');

  const counts = /:(posts|unproven-posts):\d{4}-\d\d-\d\d$/;
  const waits = /:failed-checkins:(\d+-[0-9a-f]{12}-\d+|wait|prioritized|delayed|active|stalled|stalled-check)$/;
  const others = async () => (await redis.keys('*')).filter((key) => !counts.test(key) && !waits.test(key));
  await until('nothing else is left', async () => (await others()).length === 0);
  await until('what waits is all that is left', async () => {
    const jobs = (await redis.keys('*')).filter((key) => /:\d+-[0-9a-f]{12}-\d+$/.test(key));
    const states = await Promise.all(jobs.map((key) => redis.hexists(key, 'finishedOn')));
    return states.every((isFinished) => isFinished === 0);
  });
  expect(await isThere()).toBe(true);
});

test('export shows exactly what a dump of Redis holds about the device, and what the monitor remembers', async () => {
  const trial = await sensor();
  captureMorning(trial);
  await until('some are posted', () => trial.sandbox.failedCheckins.length >= 5);
  await until('all visits are kept', () => trial.pipeline.waiting() === 0);
  const mac = trial.sandbox.failedCheckins[0]?.MacAddresses?.toLowerCase() ?? '';
  await cli(['label', mac, '--as', 'known', '--name', 'Anna'], env());
  await until('the diary is written', async () => (await inMemory()).includes('labelled as Anna'));
  trial.pipeline.stop();

  const forms = formsOf([mac]);
  const dump = (await pieces()).filter(({ key, part, value }) =>
    forms.some((form) => `${key} ${part} ${value}`.includes(form)),
  );
  const { stdout, code } = await cli(['export', mac, '--json'], env());
  expect(code).toBe(0);
  const exported = JSON.parse(stdout) as { kept: typeof dump; memory: unknown[] };
  const sorted = (all: typeof dump) => all.map(({ key, part, value }) => `${key} ${part} ${value}`).sort();
  expect(sorted(exported.kept)).toEqual(sorted(dump));
  expect(exported.memory).toMatchObject([{ visit: { mac } }]);

  const words = (await cli(['export', mac], env())).stdout;
  expect(words).toMatch(/here from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC to .*, reported to Nexudus/);
  expect(words).toMatch(/labelled as known \(Anna\)/);
  expect(words).toMatch(/Failed check-in for Nexudus: /);
  expect((await cli(['export', '3c:22:fb:99:99:02'], env())).stdout).toMatch(/Redis holds nothing about it/);
});

test('purge says what and how much, asks, and leaves nothing', async () => {
  const trial = await sensor();
  captureMorning(trial);
  await until('some are posted', () => trial.sandbox.failedCheckins.length >= 5);
  await redis.set('somebody-elses', 'stays');
  const unasked = await cli(['purge'], env());
  expect(unasked).toMatchObject({ code: 1, stderr: expect.stringMatching(/nothing was removed/) });
  expect(unasked.stdout).toMatch(/visits of a device: \d+ keys.*1 monitor runs/s);
  await trial.close();
  const { stdout, code } = await cli(['purge', '--yes'], env());
  expect({ stdout, code }).toEqual({ stdout: expect.stringMatching(/\d+ keys removed\. .*disk is clean/s), code: 0 });
  expect(await redis.keys('*')).toEqual(['somebody-elses']);
  expect(foundIn(onDisk(server))).toEqual([]);
});

function env(): Record<string, string> {
  return { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77' };
}
