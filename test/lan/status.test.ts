// What a running monitor tells about itself: health in words, metrics in numbers, and nothing about anybody.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { cli, Deployment } from './deployment.js';
import { Lan, type Sensor } from './lan.js';

const LAPTOP = '3c:22:fb:00:0a:01';
const TOKEN = 'a-token-of-this-test';

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;
let monitor: RunningProcess;

beforeAll(async () => {
  lan = await Lan.create();
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor);
  monitor = await deployment.monitor({ STATUS_PORT: '9467', SILENCE_ALARM: '2s' });
});

afterAll(async () => {
  await deployment?.stop();
  await lan?.close();
});

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function get(path: string, headers: Record<string, string> = {}, host = '127.0.0.1'): Promise<Answer> {
  const script = `
    const [url, headers] = process.argv.slice(1);
    fetch(url, { headers: JSON.parse(headers) })
      .then(async (answer) => console.log(JSON.stringify({ code: answer.status, text: await answer.text() })))`;
  return JSON.parse(
    await sensor.run('node', ['-e', script, `http://${host}:9467${path}`, JSON.stringify(headers)]),
  ) as Answer;
}

async function health(): Promise<{ code: number; status: string; reasons: string[]; working: boolean }> {
  const { code, text } = await get('/healthz');
  return { code, ...(JSON.parse(text) as { status: string; reasons: string[]; working: boolean }) };
}

function ask(env: NodeJS.ProcessEnv = { STATUS_PORT: '9467' }): RunningProcess {
  return sensor.start('node', [cli, 'health'], { env });
}

test('silence on a link that is up is an alarm, logged once, and a frame ends it', async () => {
  await monitor.waitForLine(/eth0: no frame for longer than SILENCE_ALARM although the link is up/);
  const { code, status, reasons } = await health();
  expect({ code, status }).toEqual({ code: 503, status: 'degraded' });
  expect(reasons).toEqual([expect.stringMatching(/^eth0: no frame for .* although the link is up \(SILENCE_ALARM\)$/)]);
  const client = await lan.client({ mac: LAPTOP, hostname: 'secret-laptop' });
  await client.lease();
  await monitor.waitForLine(/eth0: frames arrive again/);
  await deployment.received(LAPTOP);
  expect(monitor.lines.filter((line) => line.includes('SILENCE_ALARM'))).toHaveLength(1);
});

test('health is asked by a command whose exit code a container can go by', async () => {
  const router = lan.router;
  const talk = setInterval(
    () => void router.run('busybox', ['arping', '-q', '-c', '1', '-I', 'eth0', '10.77.0.250']).catch(() => {}),
    500,
  );
  try {
    await until('all is well', async () => (await health()).code === 200);
    const well = ask();
    expect((await well.exit()).code).toBe(0);
    expect(well.stdout).toEqual(['ok']);
  } finally {
    clearInterval(talk);
  }
  const nobody = ask({ STATUS_PORT: '9468' });
  expect((await nobody.exit()).code).toBe(1);
  expect(nobody.stderr.join()).toMatch(/no monitor answers on 127\.0\.0\.1:9468/);
});

test('Redis away is degraded, working, and over when Redis is back', async () => {
  deployment.redis.pause();
  await until('Redis is missed', async () => (await health()).reasons.includes('Redis does not answer'));
  const asked = ask();
  expect((await asked.exit()).code).toBe(0);
  expect(asked.stdout[0]).toBe('degraded');
  deployment.redis.resume();
  await until('Redis is back', async () => !(await health()).reasons.includes('Redis does not answer'));
});

test('metrics count what happened, and neither they nor health hold a MAC, a host name or a secret', async () => {
  const { code, text } = await get('/metrics');
  expect(code).toBe(200);
  const value = (name: string) => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
  expect(value('wifi_monitor_visits_total{decision="unrecognised"}')).toBe(1);
  expect(value('wifi_monitor_deliveries_total{outcome="posted"}')).toBe(1);
  expect(value('wifi_monitor_report_seconds_count')).toBe(1);
  expect(value('wifi_monitor_frames_total{interface="eth0"}')).toBeGreaterThan(0);
  expect(value('wifi_monitor_sightings_total')).toBeGreaterThan(0);
  expect(value('wifi_monitor_nexudus_answers_total{status="200"}')).toBeGreaterThan(0);
  expect(value('wifi_monitor_capturing{interface="eth0"}')).toBe(1);
  expect(value('wifi_monitor_redis_reachable')).toBe(1);
  expect(value('wifi_monitor_outbox_entries{state="failed"}')).toBe(0);
  expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  const everything = text + (await get('/healthz')).text;
  for (const secret of [
    LAPTOP,
    LAPTOP.toUpperCase(),
    LAPTOP.replaceAll(':', ''),
    'secret-laptop',
    'admin@example.com',
  ]) {
    expect(everything).not.toContain(secret);
  }
});

test('a second monitor whose status port is taken says so and goes on sensing', async () => {
  const second = await deployment.monitor({ STATUS_PORT: '9467', CAPTURE_INTERFACE: 'lo' });
  await second.waitForLine(/no status server: set STATUS_HOST and STATUS_PORT.*|EADDRINUSE/);
  expect((await second.stop()).code).toBe(0);
});

test('with a token, whoever does not have it hears one word', async () => {
  await monitor.stop();
  monitor = await deployment.monitor({ STATUS_PORT: '9467', STATUS_HOST: '0.0.0.0', STATUS_TOKEN: TOKEN });
  const { text } = await get('/healthz');
  expect(Object.keys(JSON.parse(text) as object)).toEqual(['status']);
  expect((await get('/metrics')).code).toBe(401);
  expect((await get('/metrics', { authorization: 'Bearer wrong' })).code).toBe(401);
  const authorization = `Bearer ${TOKEN}`;
  expect((await get('/metrics', { authorization })).code).toBe(200);
  expect(JSON.parse((await get('/healthz', { authorization })).text)).toHaveProperty('capture');
  const asked = ask({ STATUS_PORT: '9467', STATUS_HOST: '0.0.0.0', STATUS_TOKEN: TOKEN });
  expect((await asked.exit()).code).toBe(0);
  expect(monitor.lines.join('\n')).not.toContain(TOKEN);
});
