// Two sensors share a Redis, and one of them has a wrong login: it decides with the snapshot, and leaves delivery to the other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import type { Outcome } from '../../src/outbox/outbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const MACS = Array.from({ length: 8 }, (_, index) => `3c:22:fb:00:00:0${index + 1}`);

let redis: RedisServer;
let sandbox: Sandbox;

beforeAll(async () => {
  redis = await startRedis();
  sandbox = await startSandbox();
});
afterAll(async () => {
  await sandbox.close();
  await redis.stop();
});

test.each([
  ['password', { NEXUDUS_PASSWORD: 'wrong' }],
  ['access token', { NEXUDUS_USERNAME: '', NEXUDUS_PASSWORD: '', NEXUDUS_ACCESS_TOKEN: 'expired' }],
])('a sensor with a wrong %s takes no report, and slows nobody', async (_what, environment) => {
  const before = sandbox.failedCheckins.length;
  await redis.cli('FLUSHALL');
  // It leaves a snapshot of the directory, with which the other one decides.
  const well = await TrialSensor.start({ sandbox, redis });
  const outcomes: Outcome[] = [];
  const refusals = () => sandbox.requests.filter(({ status }) => status === 400 || status === 401).length;
  const refusedBefore = refusals();
  const ill = await TrialSensor.start({
    sandbox,
    redis,
    environment,
    trustClockAfterMs: 0,
    listener: { onOutcome: (_report, outcome) => outcomes.push(outcome) },
  });
  await until('its login is refused', () => refusals() > refusedBefore);
  for (const [index, mac] of MACS.entries()) (index % 2 === 0 ? well : ill).source.announce(mac);
  await until('all are reported', () => sandbox.failedCheckins.length === before + MACS.length);
  expect(outcomes).toEqual([]);
  const { reasons } = JSON.parse(await (await fetch(`${ill.url}/healthz`)).text()) as { reasons: string[] };
  expect(reasons.join()).toMatch(/Nexudus refuses/);
  await ill.close();
  await well.close();
});
