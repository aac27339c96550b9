// What a running monitor tells about itself: health in words, metrics in numbers, and nothing about anybody.
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { cli, type Deployment, STATUS_PORT } from './deployment.js';
import { sharedLanTest } from './fixture.js';
import type { Sensor } from './lan.js';

const FIRST = '3c:22:fb:00:0a:00';
const LAPTOP = '3c:22:fb:00:0a:01';
const TOKEN = 'a-token-of-this-test';
const SILENCE = /^eth0: no frame for .* although the link is up \(SILENCE_ALARM\)$/;

const test = sharedLanTest.extend('monitor', { scope: 'file' }, ({ deployment }) =>
  deployment.monitor({ STATUS_PORT }),
);

interface Health {
  readonly code: number;
  readonly status: string;
  readonly reasons: string[];
  readonly uptimeSeconds: number;
}

async function health(deployment: Deployment): Promise<Health> {
  const { code, text } = await deployment.status('/healthz');
  return { code, ...(JSON.parse(text) as Omit<Health, 'code'>) };
}

function ask(sensor: Sensor, env: NodeJS.ProcessEnv): RunningProcess {
  return sensor.start('node', [cli, 'health'], { env });
}

/** What the health command prints when it says `status`, with exit code 0. On a busy machine something may be late for a moment. */
async function answerTo(sensor: Sensor, status: string, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
  let lines: readonly string[] = [];
  await until(`the health command says ${status}`, async () => {
    const asked = ask(sensor, { STATUS_PORT, ...env });
    const { code } = await asked.exit();
    lines = asked.stdout;
    return code === 0 && lines[0] === status;
  });
  return lines;
}

test('silence on a link that is up is an alarm, logged once, and a frame ends it', async ({ lan, deployment }) => {
  const monitor = await deployment.monitor({ STATUS_PORT, SILENCE_ALARM: '2s' });
  await monitor.waitForLine(/eth0: no frame for longer than SILENCE_ALARM although the link is up/);
  let uptimeSeconds = 0;
  // On a busy machine Redis may be late for a moment, which is another reason.
  await until('silence is the only reason', async () => {
    const now = await health(deployment);
    ({ uptimeSeconds } = now);
    expect(now).toMatchObject({ code: 503, status: 'degraded' });
    return now.reasons.length === 1 && SILENCE.test(now.reasons[0] ?? '');
  });
  await until(
    'the silence lasts for some looks more',
    async () => (await health(deployment)).uptimeSeconds >= uptimeSeconds + 3,
  );
  expect(monitor.lines.filter((line) => line.includes('SILENCE_ALARM'))).toHaveLength(1);
  const client = await lan.client({ mac: FIRST });
  await client.lease();
  await monitor.waitForLine(/eth0: frames arrive again/);
  // The monitor of the other tests shall hear nothing of this device, nor find its failed check-in.
  await deployment.received(FIRST);
  await client.disconnect();
  await monitor.stop();
});

test('health is asked by a command whose exit code a container can go by', async ({ sensor, monitor }) => {
  expect(monitor.isRunning).toBe(true);
  expect(await answerTo(sensor, 'ok')).toEqual(['ok']);
  const nobody = ask(sensor, { STATUS_PORT: '9468' });
  expect((await nobody.exit()).code).toBe(1);
  expect(nobody.stderr.join()).toMatch(/no monitor answers on 127\.0\.0\.1:9468/);
});

test('Redis away is degraded, working, and over when Redis is back', async ({ sensor, deployment, monitor }) => {
  expect(monitor.isRunning).toBe(true);
  const isRedisMissed = async () => (await health(deployment)).reasons.includes('Redis does not answer');
  deployment.redis.pause();
  await until('Redis is missed', isRedisMissed);
  expect(await answerTo(sensor, 'degraded')).toContain('  Redis does not answer');
  deployment.redis.resume();
  await until('Redis is back', async () => !(await isRedisMissed()));
});

test('metrics count what happened, and neither they nor health hold a MAC, a host name or a secret', async ({
  lan,
  deployment,
  monitor,
}) => {
  expect(monitor.isRunning).toBe(true);
  await (await lan.client({ mac: LAPTOP, hostname: 'secret-laptop' })).lease();
  let text = '';
  const value = (name: string) => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
  await until('the post is counted, the outbox answers, and the loop was measured since the last look', async () => {
    ({ text } = await deployment.status('/metrics'));
    const isPosted = text.includes('{outcome="posted"}') && text.includes('{state="failed"}');
    return isPosted && value('nodejs_eventloop_lag_p99_seconds') > 0;
  });
  expect(value('wifi_monitor_visits_total{decision="unrecognised"}')).toBe(1);
  expect(value('wifi_monitor_deliveries_total{outcome="posted"}')).toBe(1);
  expect(value('wifi_monitor_report_seconds_count')).toBe(1);
  expect(value('wifi_monitor_frames_total{interface="eth0"}')).toBeGreaterThan(0);
  expect(value('wifi_monitor_sightings_total')).toBeGreaterThan(0);
  expect(value('wifi_monitor_nexudus_answers_total{status="200"}')).toBeGreaterThan(0);
  expect(value('wifi_monitor_capturing{interface="eth0"}')).toBe(1);
  expect(value('wifi_monitor_redis_reachable')).toBe(1);
  expect(value('wifi_monitor_outbox_entries{state="failed"}')).toBe(0);
  const everything = text + (await deployment.status('/healthz')).text;
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

test('a second monitor whose status port is taken says so and goes on sensing', async ({ deployment, monitor }) => {
  expect(monitor.isRunning).toBe(true);
  const second = await deployment.monitor({ STATUS_PORT, CAPTURE_INTERFACE: 'lo' });
  await second.waitForLine(/no status server: set STATUS_HOST and STATUS_PORT.*|EADDRINUSE/);
  expect((await second.stop()).code).toBe(0);
});

test('with a token, whoever does not have it hears one word', async ({ sensor, deployment, monitor }) => {
  await monitor.stop();
  const open = { STATUS_HOST: '0.0.0.0', STATUS_TOKEN: TOKEN };
  const withToken = await deployment.monitor({ STATUS_PORT, ...open });
  const { text } = await deployment.status('/healthz');
  expect(Object.keys(JSON.parse(text) as object)).toEqual(['status']);
  expect((await deployment.status('/metrics')).code).toBe(401);
  expect((await deployment.status('/metrics', { authorization: 'Bearer wrong' })).code).toBe(401);
  const authorization = `Bearer ${TOKEN}`;
  expect((await deployment.status('/metrics', { authorization })).code).toBe(200);
  expect(JSON.parse((await deployment.status('/healthz', { authorization })).text)).toHaveProperty('capture');
  expect(await answerTo(sensor, 'ok', open)).toEqual(['ok']);
  expect(withToken.lines.join('\n')).not.toContain(TOKEN);
});
