// `wifi-monitor suggest`: what looks like equipment, as a running sensor noted it.

import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { mergeVisits } from '../../src/status/facts/diary-entry.js';
import { DiaryStore } from '../../src/status/facts/diary-store.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { diaryVisit } from '../status/facts/diary-visits.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';
import { cli } from './cli.js';

const HOUR = 3_600_000;
const PRINTER = '00:1b:a9:00:00:05';
const ACCESS_POINT = '78:45:58:00:00:06';

let server: RedisServer;
let redis: Redis;
let env: Record<string, string>;
let trial: TrialSensor | undefined;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
beforeEach(async () => {
  await redis.flushall();
  env = { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77', SPACE_TIMEZONE: 'Europe/Madrid' };
});
afterEach(async () => {
  await trial?.close();
  trial = undefined;
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const suggest = (...args: string[]) => cli(['suggest', ...args], env);
const json = async () => {
  const { stdout } = await suggest('--json');
  return stdout === '' ? [] : stdout.split('\n').map((line) => JSON.parse(line));
};

/** A device that was here for as long as two days. */
async function wasHere(mac: number, service: string | null = null): Promise<void> {
  const [startMs, lastMs] = [Date.now() - 48 * HOUR, Date.now() - 1_000];
  const visit = diaryVisit({ startMs, lastMs, service, hostnames: ['desk'] }, 'unrecognised');
  const store = new DiaryStore(redis, { businessId: 77, retentionMs: 24 * HOUR, isDryRun: false });
  expect(await store.write(mac, null, mergeVisits([], [visit]))).toBe(true);
}

test('what a sensor noted is suggested as a table, as commands, as a setting and as JSON, until it is labelled', async () => {
  expect(await suggest()).toMatchObject({ code: 0, stdout: expect.stringContaining('Of 0 devices seen lately, none') });
  trial = await TrialSensor.start({ redis: server });
  trial.show({ mac: PRINTER, hostname: 'BRN001BA9000005' });
  trial.show({ mac: ACCESS_POINT, hostname: 'lounge' });
  trial.show({ mac: '3c:22:fb:00:00:01', hostname: 'anns-laptop' });
  await until('all are noted', async () => (await redis.hlen('{nwm:77}:diary')) === 3);
  const suggestions = await json();
  expect(suggestions.map(({ mac }) => mac).sort()).toEqual([PRINTER, ACCESS_POINT]);
  expect(suggestions.find(({ mac }) => mac === PRINTER)).toEqual({
    type: 'suggestion',
    mac: PRINTER,
    hostname: 'BRN001BA9000005',
    vendor: expect.stringMatching(/brother/i),
    kind: 'printer',
    lastSeen: expect.stringMatching(/Z$/),
    reasons: ['is of a kind that stays in the building (printer)'],
    needsCare: false,
  });
  env.IGNORE_MACS = '00:11:22';
  const { code, stdout } = await suggest();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^MAC +NAME +KIND +LAST SEEN \(UTC\) +WHY$/m);
  expect(stdout).toContain(`wifi-monitor label ${PRINTER} --as equipment`);
  expect(stdout).toMatch(/^IGNORE_MACS=00:11:22,[0-9a-f:]{17},[0-9a-f:]{17}$/m);

  expect((await cli(['label', PRINTER, '--as', 'equipment'], env)).code).toBe(0);
  expect((await json()).map(({ mac }) => mac)).toEqual([ACCESS_POINT]);
  expect((await cli(['label', PRINTER, '--remove'], env)).code).toBe(0);
  await until('it is asked about again', async () => (await json()).length === 2);
  expect((await cli(['forget', PRINTER], env)).code).toBe(0);
  expect((await json()).map(({ mac }) => mac)).toEqual([ACCESS_POINT]);
});

test('a dry run suggests what it saw itself', async () => {
  env.DRY_RUN = 'true';
  trial = await TrialSensor.start({ redis: server, environment: { DRY_RUN: 'true' } });
  trial.show({ mac: PRINTER, hostname: 'BRN001BA9000005' });
  await until('it is noted', async () => (await json()).length === 1);
  env.DRY_RUN = 'false';
  expect(await json()).toEqual([]);
});

test('who was here through the night is suggested; who answers as a server with care, and not as a setting', async () => {
  await wasHere(0x3c22fb000001);
  await wasHere(0x3c22fb000002, 'a second DHCP server');
  const { stdout } = await suggest();
  expect(stdout).toMatch(/^3c:22:fb:00:00:01 .*it was here through the night$/m);
  expect(stdout).toMatch(/^3c:22:fb:00:00:02 .*it was here through the night; it answers as a second DHCP server$/m);
  expect(stdout).toContain('look at the device itself first');
  expect(stdout).toMatch(/^IGNORE_MACS=3c:22:fb:00:00:01$/m);
});

test('without Redis or a location it says what to set', async () => {
  const { code, stderr } = await cli(['suggest']);
  expect(code).toBe(2);
  expect(stderr).toContain('REDIS_URL: must be set');
  expect(stderr).toContain('NEXUDUS_BUSINESS_ID: must be set');
});
