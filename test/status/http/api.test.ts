// The JSON API: what integrators build on.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseMac } from '../../../src/addresses/mac-address.js';
import type { Update } from '../../../src/status/http/live-feed.js';
import { type RedisServer, startRedis } from '../../redis-server.js';
import { TrialSensor } from '../../trial-sensor.js';
import { PATIENCE_MS, until } from '../../until.js';
import { ask } from '../ask.js';
import { zoneAtNoon } from '../noon.js';

const PHONE = { mac: 'da:a1:19:00:00:01', ip: '10.0.0.11', hostname: 'phone', vlan: 20 };
const LAPTOP = { mac: '3c:22:fb:00:00:02', ip: '10.0.0.12' };
const CHECKINS = '/api/spaces/failedcheckins';
const REFUSAL = { Message: 'No such location.', WasSuccessful: false, Errors: [{ Message: 'No such location.' }] };
const JSON_TYPE = { 'content-type': 'application/json' };

const timeZone = zoneAtNoon();
let trial: TrialSensor;
let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
  trial = await TrialSensor.start({ redis, timeZone, known: { [LAPTOP.mac]: 'Ana' } });
});
afterEach(async () => {
  redis.resume();
  await trial.close();
  await redis.stop();
});

const get = async (path: string) => JSON.parse((await ask(`${trial.url}${path}`)).text) as Record<string, unknown>;
/**
 * The answer as soon as it has all these parts. A busy machine may need longer for the outbox than the server waits for it,
 * which is answered with an error.
 */
async function answerWith(path: string, ...parts: readonly string[]): Promise<Record<string, unknown>> {
  let text = '';
  await until(`${path} has ${parts.join(' and ')}`, async () => {
    ({ text } = await ask(`${trial.url}${path}`));
    return parts.every((part) => text.includes(part));
  });
  return JSON.parse(text) as Record<string, unknown>;
}
const retry = (id: string | null) =>
  ask(`${trial.url}/api/outbox/retry`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ id }) });
const refuse = (count: number) =>
  trial.sandbox.fault({
    method: 'POST',
    path: CHECKINS,
    count,
    action: { kind: 'answer', status: 400, body: REFUSAL },
  });

/** Messages of the live feed, as they come. */
async function listen(stop: AbortSignal): Promise<Update[]> {
  const updates: Update[] = [];
  const { body } = await fetch(`${trial.url}/api/events`, { signal: stop });
  const read = async () => {
    let rest = '';
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const messages = (rest + piece).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) {
        if (message.startsWith('data: ')) updates.push(JSON.parse(message.slice(6)) as Update);
      }
    }
  };
  read().catch(() => {});
  return updates;
}

test('a device has the shape of `replay --json`, and what became of its report', async () => {
  trial.show(PHONE);
  trial.show(LAPTOP);
  const { devices } = await answerWith('/api/devices', '"open":2', '"state":"posted"', '"recognised"');
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(devices).toEqual([
    {
      type: 'visit',
      mac: PHONE.mac,
      vendor: null,
      kind: null,
      randomised: true,
      firstSeen: time,
      lastSeen: time,
      sightings: 2,
      lastSighting: expect.any(String),
      keepAlives: 0,
      via: ['arp', 'dhcp'],
      ips: [PHONE.ip],
      hostname: 'phone',
      vendorClass: null,
      vlan: 20,
      decision: 'unrecognised',
      reason: 'nobody registered this private (randomised) address',
      coworker: null,
      failedCheckin: {
        BusinessId: 77,
        CheckinAttemptTime: expect.stringMatching(/Z$/),
        CheckinAttemptTimeLocal: expect.any(String),
        Source: 3,
        MacAddresses: PHONE.mac.toUpperCase(),
        Description: expect.stringContaining('phone'),
      },
      id: expect.stringMatching(/^77-daa119000001-\d+$/),
      here: true,
      visitsToday: 1,
      report: {
        state: 'posted',
        reason: null,
        recordId: trial.sandbox.failedCheckins[0]?.Id,
        at: time,
      },
      label: null,
    },
    expect.objectContaining({
      mac: LAPTOP.mac,
      vendor: 'Apple, Inc.',
      kind: 'Apple',
      decision: 'recognised',
      coworker: { id: null, name: 'Ana' },
      report: { state: 'none', reason: null, recordId: null, at: null },
    }),
  ]);
});

test('the day tells of those who left, too; a story of all visits, decisions and reports', async () => {
  trial.show(PHONE);
  trial.show(LAPTOP);
  await answerWith('/api/devices', '"state":"posted"', '"recognised"');
  trial.allLeave();
  trial.show(LAPTOP);
  await answerWith('/api/devices', '"open":1');
  const { date, devices } = await get('/api/today');
  expect(date).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(devices).toMatchObject([
    { mac: LAPTOP.mac, here: true, visitsToday: 1 },
    { mac: PHONE.mac, here: false, visitsToday: 1, hostname: 'phone', report: { state: 'posted' } },
  ]);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const story = await get(`/api/devices/${PHONE.mac.toUpperCase().replaceAll(':', '-')}`);
  expect(story).toMatchObject({
    device: { mac: PHONE.mac, here: false },
    nexudusMac: PHONE.mac.toUpperCase(),
    day: { date, from: time },
    visits: [
      {
        from: time,
        to: time,
        over: true,
        via: ['arp', 'dhcp'],
        settlement: 'reported',
        decisions: [{ at: time, decision: 'unrecognised', coworker: null }],
        reports: [{ state: 'waiting' }, { state: 'posted', recordId: trial.sandbox.failedCheckins[0]?.Id, at: time }],
      },
    ],
    hostnames: ['phone'],
    ips: [PHONE.ip],
    kin: [],
    suggestion: null,
  });
  const answer = async (path: string) => (await ask(`${trial.url}/api/devices/${path}`)).code;
  expect(await answer('3c:22:fb:00:00:99')).toBe(404);
  for (const path of ['nonsense', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '%00'])
    expect(await answer(path)).toBe(400);
});

test('health tells everything that /healthz tells', async () => {
  // What is told of Redis may change between the two questions.
  await vi.waitFor(async () => {
    const { uptimeSeconds, ...health } = await get('/api/health');
    expect(uptimeSeconds).toEqual(expect.any(Number));
    expect(await get('/healthz')).toMatchObject(health);
  }, PATIENCE_MS);
  trial.interface.state = 'no-link';
  expect(await answerWith('/api/health', '"reasons":["eth0: no-link"]')).toMatchObject({ status: 'degraded' });
  expect((await ask(`${trial.url}/api/health`)).code).toBe(200);
});

test('a refused check-in is listed with the reason, and a retry sends it once more', async () => {
  refuse(1);
  trial.show(PHONE);
  const outbox = await answerWith('/api/outbox', '"failed":1', '"state":"failed"');
  expect(outbox).toEqual({
    counts: { waiting: 0, delayed: 0, active: 0, failed: 1, dropped: 0 },
    oldest: null,
    paused: null,
    entries: [
      {
        type: 'entry',
        id: expect.stringMatching(/^77-daa119000001-\d+$/),
        state: 'failed',
        added: expect.stringMatching(/Z$/),
        attempts: 1,
        reason: expect.stringContaining('No such location.'),
        proven: expect.any(Boolean),
        failedCheckin: expect.objectContaining({ MacAddresses: PHONE.mac.toUpperCase() }),
      },
    ],
  });
  const told = await answerWith('/api/devices', '"report":{"state":"refused"');
  expect(JSON.stringify(told)).toMatch(/"report":\{"state":"refused","reason":"[^"]*No such location/);

  const missing = await retry('77-000000000000-1');
  expect([missing.code, missing.text]).toEqual([404, '{"error":"no refused entry has this id"}']);
  const [entry] = outbox.entries as { id: string }[];
  expect(await retry(entry?.id ?? '')).toMatchObject({ code: 200, text: '{"retried":1}' });
  await until('it is posted', () => trial.sandbox.failedCheckins.length === 1);
  await answerWith('/api/devices', '"state":"posted"');
});

test('a retry of all sends every refused one', async () => {
  refuse(2);
  trial.show(PHONE);
  trial.show({ mac: '3c:22:fb:00:00:03' });
  await answerWith('/api/outbox', '"failed":2');
  expect(await retry(null)).toMatchObject({ text: '{"retried":2}' });
  await until('both are posted', () => trial.sandbox.failedCheckins.length === 2);
});

test('while Redis hangs, devices and health are answered, and the outbox is said not to be', async () => {
  trial.show(PHONE);
  await until('it is posted', () => trial.sandbox.failedCheckins.length === 1);
  redis.pause();
  await answerWith('/api/health', 'Redis does not answer');
  const answer = await ask(`${trial.url}/api/outbox`);
  expect([answer.code, answer.text]).toEqual([503, '{"error":"the outbox does not answer (Redis)"}']);
  expect((await retry(null)).code).toBe(503);
  expect((await get('/api/devices')).open).toBe(1);
  redis.resume();
  await until('Redis is back', async () => (await ask(`${trial.url}/api/outbox`)).code === 200);
});

test('the first message of the live feed greets the page, also when the outbox is late and a device comes meanwhile', async () => {
  redis.pause();
  const stop = new AbortController();
  const updates = await listen(stop.signal);
  try {
    trial.show(PHONE);
    await until('everything is sent', () => updates.some(({ complete }) => complete === true));
    expect(updates[0]).toHaveProperty('hello');
    expect(updates.flatMap(({ devices = [] }) => devices).map(({ mac }) => mac)).toContain(PHONE.mac);
  } finally {
    stop.abort();
  }
});

test('the live feed tells everything at first, then what is new, changed and gone', async () => {
  trial.show(LAPTOP);
  const stop = new AbortController();
  const updates = await listen(stop.signal);
  try {
    await until('everything is told', () => updates.some(({ complete }) => complete === true));
    expect(updates[0]).toMatchObject({
      hello: { timeZone, dryRun: false, session: false },
      status: { health: { version: '0.1.0' }, arrivals: {}, counters: { frames: 1 } },
    });
    await until('the outbox is told', () => updates.some(({ outbox }) => outbox?.entries.length === 0));
    expect(updates.flatMap(({ devices = [] }) => devices).map(({ mac }) => mac)).toContain(LAPTOP.mac);

    const latest = (mac: string) =>
      updates.flatMap(({ devices = [] }) => devices).findLast((device) => device.mac === mac);
    trial.show(PHONE);
    await until('the newcomer is told', () => latest(PHONE.mac) !== undefined);
    await until('its report is told', () => latest(PHONE.mac)?.report.state === 'posted');
    await until('the arrivals are told', () =>
      updates.some(({ status }) => status?.arrivals.hours.some(({ unrecognised }) => unrecognised === 1)),
    );

    // The register may have been away a moment ago, when the laptop came; it is asked again later.
    await until('the laptop is decided', () => latest(LAPTOP.mac)?.decision === 'recognised');
    // What follows from the decision may be told by itself; it is, before the second status that comes after it.
    await until('nothing waits', () => trial.pipeline.waiting() === 0);
    const settled = updates.length;
    await until('all of it is told', () => updates.slice(settled).filter(({ status }) => status).length >= 2);
    const told = updates.length;
    trial.show(LAPTOP, Date.now() + 60_000);
    await until('it is told that the laptop was seen again', () =>
      updates.slice(told).some(({ seen }) => seen?.[LAPTOP.mac]?.[2] === 2),
    );
    // Being seen again is no reason to tell everything about it again.
    expect(updates.slice(told).some(({ devices = [] }) => devices.some(({ mac }) => mac === LAPTOP.mac))).toBe(false);

    trial.allLeave();
    await until('it is told that the phone left', () => latest(PHONE.mac)?.here === false);
    expect(latest(PHONE.mac)).toMatchObject({ hostname: 'phone', report: { state: 'posted' }, visitsToday: 1 });
    trial.pipeline.forget(parseMac(PHONE.mac) ?? 0);
    await until('it is told that the phone is gone', () => updates.some(({ gone = [] }) => gone.includes(PHONE.mac)));
  } finally {
    stop.abort();
  }
});
