// A device that is forgotten is also taken out of what is said of others: it may be one of them with its former address.
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { parseMac } from '../../src/addresses/mac-address.js';
import { tracesOf } from '../../src/redis/traces.js';
import { cli } from '../commands/cli.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const FORMER = '3c:22:fb:00:00:01';
const PRESENT = 'da:a1:19:00:00:02';
const OWNER = 'Anna Keller';
const CHECKINS = '/api/spaces/failedcheckins';

let server: RedisServer;
let redis: Redis;
let sandbox: Sandbox;
let trial: TrialSensor;

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.socketPath);
  sandbox = await startSandbox();
});
afterEach(async () => {
  await trial?.close();
  await sandbox.close();
  redis.disconnect();
  await server.stop();
});

const forget = () => cli(['forget', FORMER], { REDIS_URL: server.url, NEXUDUS_BUSINESS_ID: '77' });
const traces = () => tracesOf(redis, parseMac(FORMER) ?? 0);
const named = async () => JSON.stringify(await tracesOf(redis, parseMac(PRESENT) ?? 0)).includes(OWNER);
const hint = () => {
  for (const visit of trial.pipeline.tracker.open())
    if (visit.mac === parseMac(PRESENT))
      return { kin: visit.kin, hint: trial.pipeline.recordOf(visit)?.decision?.hint };
  return null;
};

/** A registered device shows its name, and then another one shows the same. */
async function comeBackWithAnotherAddress(environment: NodeJS.ProcessEnv = {}): Promise<void> {
  trial = await TrialSensor.start({ sandbox, redis: server, known: { [FORMER]: OWNER }, environment });
  trial.show({ mac: FORMER, ip: '10.0.0.8', hostname: 'annas-thinkpad' });
  await until('it is recognised', async () => (await traces()).length > 0);
  trial.show({ mac: PRESENT, hostname: 'annas-thinkpad' });
  await until('it may be the former', () => hint()?.hint?.likelyOwner === OWNER);
}

test('forget takes a device out of the hints about others, in the memory of a monitor that runs', async () => {
  await comeBackWithAnotherAddress();
  expect(hint()).toMatchObject({ kin: { mac: parseMac(FORMER) }, hint: { text: expect.stringContaining(OWNER) } });
  expect(await forget()).toMatchObject({ code: 0 });
  expect(hint()).toEqual({ kin: null, hint: null });
});

test('with HINT_OWNERS forget takes the name out of the report of another that waits: it is posted without', async () => {
  sandbox.fault({ method: 'POST', path: CHECKINS, action: { kind: 'answer', status: 503 }, count: 1_000_000 });
  await comeBackWithAnotherAddress({ HINT_OWNERS: 'true' });
  await until('the report waits, with the name', named);
  // What is being delivered at this moment is changed in the next round.
  await until('all is forgotten', async () => (await forget()).code === 0);
  expect(await named()).toBe(false);
  expect(await traces()).toEqual([]);
  sandbox.clearFaults();
  await until('it is posted', () => sandbox.failedCheckins.length === 1);
  expect(sandbox.failedCheckins[0]).toMatchObject({ MacAddresses: PRESENT.toUpperCase() });
  expect(sandbox.failedCheckins[0]?.Description).not.toContain('Anna Keller');
});

test('with HINT_OWNERS a report that waits says whose device it is likely to be, unless that is forgotten', async () => {
  await comeBackWithAnotherAddress({ HINT_OWNERS: 'true' });
  await until('it is posted', () => sandbox.failedCheckins.length === 1);
  expect(sandbox.failedCheckins[0]?.Description).toContain(OWNER);
  // What was delivered is remembered for RETENTION, and names the former device as well.
  await until('it is remembered', named);
  await until('all is forgotten', async () => (await forget()).code === 0);
  expect(await named()).toBe(false);
  expect(await traces()).toEqual([]);
});
