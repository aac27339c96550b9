// What `forget` and `purge` ask on a terminal, and what follows from each answer.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { RedisLabelStore } from '../../src/devices/label-store.js';
import { RedisOutbox } from '../../src/outbox/redis-outbox.js';
import { reportFor } from '../outbox/trial-reports.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { Pty } from './pty.js';

const program = new URL('../../dist/src/cli.js', import.meta.url).pathname;
const MAC = 'da:00:00:00:00:01';

let server: RedisServer;
let redis: Redis;
let labels: RedisLabelStore;
let terminal: Pty | undefined;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  labels = new RedisLabelStore(redis, 77);
});
beforeEach(async () => {
  await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 60_000, outboxRetentionMs: 60_000 });
  await outbox.enqueue(reportFor(1));
  await outbox.close();
  await labels.put(0xda0000000001, { kind: 'known', name: 'Anna', sinceMs: 0 });
});
afterEach(() => terminal?.stop());
afterAll(async () => {
  await redis.quit();
  await server.stop();
});

function run(...args: string[]): Pty {
  const env = { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77' };
  terminal = new Pty([process.execPath, program, ...args], { cwd: '/', env });
  return terminal;
}

const hasLabel = async () => (await labels.all()).size === 1;

test.each([
  ['y', false],
  ['YES', false],
  ['n', true],
  ['', true],
  ['yesterday', true],
])('forget asks about the label: to the answer "%s" it is there afterwards: %s', async (answer, isKept) => {
  const forget = run('forget', MAC);
  await forget.answer(/da:00:00:00:00:01 has a label\. Remove it as well\? \[y\/N\] $/, answer);
  await forget.waitFor(isKept ? /It keeps its label at 1 location/ : /Its label was removed at 1 location/);
  await forget.waitFor(/1 check-in removed/);
  expect(await forget.exit()).toBe(0);
  expect(await hasLabel()).toBe(isKept);
});

test('forget asks nothing when there is no label, nor with --labels', async () => {
  const decided = run('forget', MAC, '--labels');
  await decided.waitFor(/Its label was removed/);
  expect(await decided.exit()).toBe(0);
  const without = run('forget', MAC);
  await without.waitFor(/0 check-ins removed/);
  expect(await without.exit()).toBe(0);
  expect(without.shown).not.toMatch(/\[y\/N\]/);
});

test.each(['y', 'yes', '', 'Purge'])('purge says what there is, and to "%s" it removes nothing', async (answer) => {
  const before = (await redis.keys('*')).length;
  const purge = run('purge');
  await purge.answer(/labels.*: \d+ keys?.*Failed check-ins that wait are lost\. Write "purge" to go on: $/s, answer);
  await purge.waitFor(/nothing was removed/);
  expect(await purge.exit()).toBe(1);
  expect((await redis.keys('*')).length).toBe(before);
});

test('purge removes everything when somebody writes the word', async () => {
  await redis.set('somebody-elses', 'stays');
  const purge = run('purge');
  await purge.answer(/Write "purge" to go on: $/, 'purge');
  await purge.waitFor(/\d+ keys removed\. Redis keeps nothing on a disk/);
  expect(await purge.exit()).toBe(0);
  expect(await redis.keys('*')).toEqual(['somebody-elses']);
});

test.each([
  ['forget', ['forget', MAC], /has a label/],
  ['purge', ['purge'], /Write "purge"/],
])('%s that is ended at its question has done nothing', async (_name, args, question) => {
  const before = (await redis.keys('*')).sort();
  const command = run(...args);
  await command.waitFor(question);
  // Ctrl+C.
  command.type('\u0003');
  expect(await command.exit()).not.toBe(0);
  expect((await redis.keys('*')).sort()).toEqual(before);
  expect(await hasLabel()).toBe(true);
});
