// A user that may do what doctor says is needed, and nothing else, is enough for everything; and doctor names what is missing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REDIS_PERMISSIONS } from '../../src/commands/doctor/redis.js';
import { cli } from '../commands/cli.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const MAC = '3c:22:fb:00:00:01';
let server: RedisServer;
let url: string;

beforeAll(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes'] });
  await server.cli('ACL', 'SETUSER', 'monitor', 'on', '>secret', ...REDIS_PERMISSIONS.split(' '));
  url = `redis://monitor:secret@127.0.0.1:${server.port}`;
});
afterAll(() => server.stop());

const doctor = async (address: string) =>
  (
    await cli(['doctor'], {
      REDIS_URL: address,
      NEXUDUS_BUSINESS_ID: '77',
      DRY_RUN: 'true',
      CAPTURE_INTERFACE: 'lo',
    })
  ).stdout;

test('with these permissions a sensor reports, is labelled, forgets; the commands work, and doctor is content', async () => {
  const trial = await TrialSensor.start({ environment: { REDIS_URL: url } });
  try {
    trial.show({ mac: MAC });
    await until('the device is reported', () => trial.sandbox.failedCheckins.length === 1);
    const env = { REDIS_URL: url, NEXUDUS_BUSINESS_ID: '77' };
    expect(await cli(['label', MAC, '--as', 'equipment'], env)).toMatchObject({ code: 0, stderr: '' });
    expect(await cli(['outbox', 'list'], env)).toMatchObject({ code: 0, stderr: '' });
    expect(await cli(['outbox', 'retry', '--all'], env)).toMatchObject({ code: 0, stderr: '' });
    expect((await cli(['devices'], env)).stdout).toMatch(/as the monitor read them/);
    expect((await cli(['forget', MAC, '--labels'], env)).stdout).toMatch(/1 running monitor told/);
  } finally {
    await trial.close();
  }
  expect(await doctor(url)).toMatch(/^ok +Redis +the user may run every command that is needed$/m);
  // Nobody was refused anything.
  expect(await server.cli('ACL', 'LOG')).toBe('');
  expect(await server.cli('KEYS', '*doctor*')).toBe('');
});

test.each([
  [['-hset'], /may not use: HSET\. Allow it with ACL SETUSER NAME ~\{nwm:\*/],
  [['-info', '-eval', '-zadd'], /may not use: INFO, ZADD, EVAL/],
  [['resetchannels'], /may not use: PUBLISH \(channels\)/],
  [['resetkeys', '~other:*'], /may not use: keys \{nwm:\*/],
  [['-scan', '-multi'], /may not use: SCAN, MULTI/],
])('doctor names what %s takes away', async (changes, words) => {
  await server.cli('ACL', 'SETUSER', 'poor', 'reset', 'on', '>secret', ...REDIS_PERMISSIONS.split(' '), ...changes);
  expect(await doctor(url.replace('monitor:', 'poor:'))).toMatch(
    new RegExp(`^FAIL +Redis +the user in REDIS_URL ${words.source}`, 'm'),
  );
});
