// The diary in Redis: sensors of a location share it, a restart keeps it, every key dies, and forgetting is for good.
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DecisionKind } from '../../../src/devices/decision.js';
import type { VisitRecord } from '../../../src/pipeline/record.js';
import { Diary, type DiaryOptions } from '../../../src/status/facts/diary.js';
import { DiaryStore, forgetInDiaries } from '../../../src/status/facts/diary-store.js';
import { Visit } from '../../../src/visits/visit.js';
import { reportFor } from '../../outbox/trial-reports.js';
import { type RedisServer, startRedis } from '../../redis-server.js';
import { until } from '../../until.js';
import { diaryVisit } from './diary-visits.js';

const MAC = 0x3c22fb000001;
const FIELD = '3c22fb000001';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let server: RedisServer;
let redis: Redis;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
  redis.disconnect();
  await server.stop();
});

function open(options: Partial<DiaryOptions> = {}): Diary {
  const { businessId = 77, retentionMs = DAY, isDryRun = false } = options;
  const diary = new Diary({
    businessId,
    retentionMs,
    gapMs: HOUR,
    isDryRun,
    store: new DiaryStore(redis, { businessId, retentionMs, isDryRun }),
    serviceOf: () => null,
    ...options,
  });
  diary.start();
  closing.push(() => diary.close());
  return diary;
}

function record(visit: Visit, kind: DecisionKind = 'unrecognised', more: Partial<VisitRecord> = {}): VisitRecord {
  const { mac, firstMs: startMs } = visit;
  return {
    visit,
    startMs,
    decision: { kind, reason: `because it is ${kind}`, hint: null, owner: null },
    settlement: kind === 'unrecognised' ? 'reported' : 'recognised',
    report: { ...reportFor(1), id: `77-${FIELD}-${startMs}`, mac, startMs },
    ...more,
  };
}

const visitOf = (mac = MAC, startMs = Date.now() - HOUR) => {
  const visit = new Visit(mac, startMs);
  visit.lastMs = visit.lastSightingMs = startMs + HOUR / 2;
  return visit;
};
const isWritten = (key = '{nwm:77}:diary') =>
  until('it is written', async () => (await redis.hexists(key, FIELD)) === 1);

test('what one sensor notes another reads: arrival, decision, report, departure; a restart keeps it', async () => {
  const [first, second] = [open(), open()];
  const visit = visitOf();
  const { firstMs: startMs } = visit;
  visit.hostname = 'anns-laptop';
  first.onDecision(record(visit));
  await until('the other knows', () => second.get(MAC) !== null);
  expect(second.visitOf(MAC, startMs)).toEqual(first.visitOf(MAC, startMs));
  expect(second.visitOf(MAC, startMs)).toMatchObject({
    hostnames: ['anns-laptop'],
    decisions: [{ kind: 'unrecognised' }],
    reports: [{ state: 'waiting' }],
  });
  // The other delivers it.
  second.onOutcome({ ...reportFor(1), mac: MAC, startMs }, { kind: 'posted', recordId: 5 });
  const states = (diary: Diary) => diary.visitOf(MAC, startMs)?.reports.map(({ state }) => state);
  await until('the first knows', () => states(first)?.at(-1) === 'posted');
  const entry = second.get(MAC);
  expect(entry !== null && second.isHere(entry)).toBe(true);
  first.onEnded(record(visit));
  await until('it has left', () => second.visitOf(MAC, startMs)?.overMs === visit.lastMs);
  const left = second.get(MAC);
  expect(left !== null && second.isHere(left)).toBe(false);

  const third = open();
  await until('it is read', () => third.get(MAC) !== null);
  expect(third.visitOf(MAC, startMs)).toEqual(first.visitOf(MAC, startMs));
  expect(states(third)).toEqual(['waiting', 'posted']);
});

test('two sensors that write about one device at the same time lose nothing', async () => {
  const diaries = [open(), open(), open()];
  const startMs = Date.now() - HOUR;
  for (let round = 0; round < 20; round++) {
    diaries.forEach((diary, n) => {
      const visit = visitOf(MAC, startMs + round);
      visit.hostname = `name-${n}`;
      diary.onDecision(record(visit, 'recognised'));
    });
  }
  const names = ['name-0', 'name-1', 'name-2'];
  await until('all know all', () =>
    diaries.every((diary) => {
      const visits = diary.get(MAC)?.visits ?? [];
      return visits.length === 20 && visits.every(({ hostnames }) => names.every((name) => hostnames.includes(name)));
    }),
  );
});

test('a report of another location that is delivered here is told in the diary of that one', async () => {
  const [here, there] = [open(), open({ businessId: 78 })];
  const visit = visitOf();
  const { firstMs: startMs } = visit;
  // Delivery can be quicker than the other sensor.
  here.onOutcome({ ...reportFor(1), businessId: 78, mac: MAC, startMs }, { kind: 'not-needed', reason: 'labelled' });
  there.onDecision(record(visit));
  await until('it is told', () => there.visitOf(MAC, startMs)?.reports.at(-1)?.state === 'not-needed');
  expect(here.get(MAC)).toBeNull();
});

test('every key has a time to live and the tag of its business; a dry run has keys of its own', async () => {
  open().onDecision(record(visitOf()));
  await isWritten();
  const dry = open({ isDryRun: true });
  dry.onDecision(record(visitOf(), 'recognised'));
  await isWritten('{nwm:77}:diary:dry-run');
  const keys = (await redis.keys('*')).sort();
  expect(keys).toEqual([
    '{nwm:77}:diary',
    '{nwm:77}:diary:changes',
    '{nwm:77}:diary:dry-run',
    '{nwm:77}:diary:dry-run:changes',
  ]);
  for (const key of keys) {
    const ttl = await redis.pttl(key);
    expect(ttl, key).toBeGreaterThan(0);
    expect(ttl, key).toBeLessThanOrEqual(DAY);
  }
});

test('what is older than RETENTION is neither shown nor kept', async () => {
  const old = open();
  old.onDecision(record(visitOf(MAC, Date.now() - 3 * HOUR)));
  await isWritten();
  // A sensor with a shorter retention, whose cleaning is due after a twenty-fourth of it.
  const diary = open({ retentionMs: 240 });
  await until('it is removed', async () => (await redis.hlen('{nwm:77}:diary')) === 0);
  expect(diary.get(MAC)).toBeNull();
  expect(await redis.zcard('{nwm:77}:diary:changes')).toBe(0);
});

test('a device that is forgotten stays forgotten, at every location, also while it is being written', async () => {
  const diaries = [open(), open({ businessId: 78 }), open({ isDryRun: true })];
  for (const diary of diaries) diary.onDecision(record(visitOf()));
  for (const key of ['{nwm:77}:diary', '{nwm:78}:diary', '{nwm:77}:diary:dry-run']) await isWritten(key);
  for (const diary of diaries) {
    diary.onDecision(record(visitOf(MAC, Date.now() - 2 * HOUR)));
    diary.onForget(MAC);
  }
  await forgetInDiaries(redis, MAC);
  const other = 0x3c22fb000002;
  for (const diary of diaries) diary.onDecision(record(visitOf(other)));
  for (const key of ['{nwm:77}:diary', '{nwm:78}:diary', '{nwm:77}:diary:dry-run']) {
    await until('the other device is written', async () => (await redis.hlen(key)) > 0);
    expect(await redis.hkeys(key)).toEqual(['3c22fb000002']);
    expect(await redis.zrange(`${key}:changes`, '0', '-1')).toEqual(['3c22fb000002']);
  }
  for (const diary of diaries) expect(diary.get(MAC)).toBeNull();
});

test('what is said of relatives is forgotten with a device, by sensors that run and for those that do not', async () => {
  const [first, second] = [open(), open()];
  const other = visitOf(0x3c22fb000002);
  other.kin = { mac: MAC, by: 'host name' };
  first.onDecision(record(other));
  const kinIn = (diary: Diary) => diary.get(0x3c22fb000002)?.visits.at(-1)?.kin?.mac;
  await until('the other knows', () => kinIn(second) === MAC);
  // The tracker has forgotten it as well.
  other.kin = null;
  for (const diary of [first, second]) {
    diary.onForget(MAC);
    await diary.forget(MAC);
  }
  const text = async (key = '{nwm:77}:diary') => JSON.stringify(await redis.hgetall(key));
  expect(await text()).not.toContain(`${MAC}`);
  first.onEnded(record(other));
  await until('the departure is known', () => second.get(0x3c22fb000002)?.visits.at(-1)?.overMs !== 0);
  expect([kinIn(first), kinIn(second)]).toEqual([undefined, undefined]);
  expect(await text()).not.toContain(`${MAC}`);

  await redis.hset(
    '{nwm:79}:diary',
    '3c22fb000002',
    JSON.stringify([diaryVisit({ startMs: 1, kin: { mac: MAC, by: 'x' } })]),
  );
  await forgetInDiaries(redis, MAC);
  expect(await text('{nwm:79}:diary')).not.toContain(`${MAC}`);
});

test('what others write there is nothing of ours; a device behind it is written all the same', async () => {
  await redis.hset('{nwm:77}:diary', { nonsense: 'x', [FIELD]: '[{"startMs":"<script>"}]' });
  const diary = open();
  const visit = visitOf();
  diary.onDecision(record(visit));
  const text = () => redis.hget('{nwm:77}:diary', FIELD);
  await until('it is written', async () => (await text())?.includes(`${visit.firstMs}`) === true);
  expect(diary.get(MAC)?.visits).toHaveLength(1);
});

test('while Redis is away the diary goes on in memory, and is written when it is back', async () => {
  const diary = open();
  await until('it has looked', async () => (await redis.ping()) === 'PONG');
  const ended = new Promise((resolve) => redis.once('close', resolve));
  await server.stop();
  await ended;
  diary.onDecision(record(visitOf()));
  expect(diary.get(MAC)?.visits).toHaveLength(1);
  server = await startRedis({ port: Number(new URL(server.url).port) });
  await isWritten();
});

test('a visit is withdrawn, waits again without its label, and is posted: the diary tells all of it', () => {
  const diary = open({ store: null });
  const visit = visitOf();
  const { firstMs: startMs } = visit;
  const report = { ...reportFor(1), mac: MAC, startMs };
  diary.onDecision(record(visit));
  diary.onDecidedAnew(record(visit, 'ignored', { settlement: 'reported', report: null }));
  diary.onOutcome(report, { kind: 'not-needed', reason: 'labelled as equipment' });
  diary.onDecidedAnew(record(visit, 'unrecognised', { report: null }));
  diary.onOutcome(report, { kind: 'put-back', reason: 'odd answer' });
  diary.onOutcome(report, { kind: 'posted', recordId: 9 });
  const { decisions, reports } = diary.visitOf(MAC, startMs) ?? {};
  expect(decisions?.map(({ kind }) => kind).at(-1)).toBe('unrecognised');
  expect(reports?.map(({ state }) => state).at(-1)).toBe('posted');
});

test('a flood of devices that nobody knows does not fill the memory: the oldest give way', () => {
  const diary = open({ store: null });
  for (let n = 0; n < 20_500; n++) diary.onDecision(record(visitOf(n + 1), 'recognised'));
  expect([...diary.all()]).toHaveLength(20_000);
  expect(diary.get(1)).toBeNull();
  expect(diary.get(20_500)).not.toBeNull();
});
