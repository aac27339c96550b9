// The hub's status page in a real browser, its API and its metrics: a line for each sensor, and no MAC anywhere.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { ask } from '../status/ask.js';
import { seriousViolations, TestBrowser, textOf } from '../status/browser.js';
import { until } from '../until.js';
import { message, TrialHub, visit } from './trial-hub.js';

const TOKEN = 'a-token-of-this-test';
const MAC = '3c:22:fb:00:00:01';
let sandbox: Sandbox;
let redis: RedisServer;
let hub: TrialHub;

beforeAll(async () => {
  sandbox = await startSandbox();
  redis = await startRedis();
  hub = await TrialHub.start({ sandbox, redisUrl: redis.url, environment: { STATUS_TOKEN: TOKEN } });
  const state = { openVisits: 12, waiting: 3, troubles: ['eth0: <b>no link</b>'] };
  await hub.post(await hub.token('madrid-1', 77), message([visit(MAC)], { state, clockOffsetMs: -400_000 }));
  await hub.token('berlin', 78);
});
afterAll(async () => {
  await hub.close();
  await redis.stop();
  await sandbox.close();
});

const authorised = { headers: { authorization: `Bearer ${TOKEN}` } };

test('the page shows a line for each sensor, as text, in an accessible way', async () => {
  const browser = await TestBrowser.launch();
  try {
    const { page, complaints, close } = await browser.open(hub.statusUrl);
    await page.getByLabel('token', { exact: false }).fill(TOKEN);
    await page.keyboard.press('Enter');
    const row = (sensor: string) => page.locator('#locations tr', { hasText: sensor });
    await until('both lines are there', async () => (await page.locator('#locations tr').count()) === 2);
    const text = await textOf(row('madrid-1'));
    expect(text).toMatch(/77.*madrid-1.*s ago.*-400 s.*12.*1.*1.*3/s);
    expect(text).toContain("its clock is 6 min behind the hub's; eth0: <b>no link</b>");
    expect(await textOf(row('berlin'))).toContain('never');
    expect(await textOf(page.locator('#verdict'))).toBe('Somebody should look');
    expect(await textOf(page.locator('#reasons'))).toContain('location 77, sensor madrid-1: its clock');
    expect(await seriousViolations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  } finally {
    await browser.close();
  }
});

test('API, health and metrics tell of locations, and of no device', async () => {
  for (const path of ['/api/locations', '/metrics']) expect((await ask(`${hub.statusUrl}${path}`)).code).toBe(401);
  const api = await ask(`${hub.statusUrl}/api/locations`, authorised);
  expect(JSON.parse(api.text).locations).toMatchObject([
    { location: 78, sensor: 'berlin', heardSecondsAgo: null, visitsToday: 0 },
    {
      location: 77,
      sensor: 'madrid-1',
      clockOffsetSeconds: -400,
      openVisits: 12,
      waiting: 3,
      visitsToday: 1,
      unrecognisedToday: 1,
    },
  ]);
  const metrics = (await ask(`${hub.statusUrl}/metrics`, authorised)).text;
  expect(metrics).toContain('wifi_monitor_hub_visits_total{location="77",decision="unrecognised"} 1');
  expect(metrics).toContain('wifi_monitor_hub_sensor_clock_offset_seconds{location="77",sensor="madrid-1"} -400');
  expect(metrics).toContain('wifi_monitor_hub_sensor_waiting{location="77",sensor="madrid-1"} 3');
  const health = await ask(`${hub.statusUrl}/healthz`, authorised);
  expect(health.code).toBe(503);
  expect(JSON.parse((await ask(`${hub.statusUrl}/healthz`)).text)).toEqual({ status: 'degraded' });
  for (const text of [api.text, metrics, health.text]) expect(text).not.toMatch(/3c:?22:?fb/i);
});
