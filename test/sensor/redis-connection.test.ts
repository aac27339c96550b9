// Redis by each kind of URL, with a password and a database of its own.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { duplicateOf } from '../../src/redis/client.js';
import { connectRedis, withRedis } from '../../src/sensor/redis-connection.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const PASSWORD = 'pass word&=%';
let server: RedisServer;
let byPort: string;
let bySocket: string;

beforeAll(async () => {
  server = await startRedis();
  const redis = new Redis(server.socketPath);
  await redis.config('SET', 'requirepass', PASSWORD);
  await redis.quit();
  byPort = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/3`;
  bySocket = `unix://${server.socketPath}?db=3&password=${encodeURIComponent(PASSWORD)}`;
});
afterAll(() => server.stop());

test('a socket is reached by a unix URL, with password and database', async () => {
  await withRedis(byPort, (redis) => redis.set('where', 'database 3'));
  expect(await withRedis(bySocket, (redis) => redis.get('where'))).toBe('database 3');
  const redis = connectRedis(bySocket, 'delivering', pino({ level: 'silent' }));
  // BullMQ doubles the connection it is given.
  const doubled = duplicateOf(redis);
  expect([await redis.get('where'), await doubled.get('where')]).toEqual(['database 3', 'database 3']);
  await Promise.all([redis.quit(), doubled.quit()]);
});

test('what is wrong with a unix URL is said in words', async () => {
  const ping = (url: string) => withRedis(url, (redis) => redis.ping());
  await expect(ping(`unix://${server.socketPath}`)).rejects.toThrow(/it wants a password: .*unix:/);
  await expect(ping(`unix://${server.socketPath}?password=wrong`)).rejects.toThrow(
    /it refuses the user name or password/,
  );
  await expect(ping(`unix://${server.socketPath}.gone`)).rejects.toThrow(/ENOENT/);
});

test('a sensor whose Redis is reached by its socket keeps a visit there, and delivers its report', async () => {
  const trial = await TrialSensor.start({ environment: { REDIS_URL: bySocket } });
  try {
    trial.show({ mac: '3c:22:fb:00:00:01' });
    await until('the device is reported', () => trial.sandbox.failedCheckins.length === 1);
    expect(await withRedis(byPort, (redis) => redis.keys('{nwm:77}:*3c22fb000001*'))).toHaveLength(1);
  } finally {
    await trial.close();
  }
});
