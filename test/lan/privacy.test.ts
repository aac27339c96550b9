// MAC addresses and names are personal data: what logs may show of them, and that a device can be forgotten.
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { until } from '../until.js';
import { STATUS_PORT } from './deployment.js';
import { lanTest as test } from './fixture.js';

const PASSWORD = 's3cret & "quoted" pass';
const STATUS_TOKEN = 'status-token-0123456789';
const VISITOR = '3c:22:fb:ab:cd:56';
const REFUSED = '3c:22:fb:ab:ce:57';
const KNOWN = '3c:22:fb:ab:cf:58';
const SEED = {
  accounts: [{ username: 'admin@example.com', password: PASSWORD }],
  users: [{ Id: 1, FullName: 'Carla Coworker', Active: true, Devices: KNOWN }],
  coworkers: [{ Id: 11, UserId: 1, FullName: 'Carla Coworker', Active: true, Archived: false }],
};

/** Every way in which an address may be written. */
function notations(mac: string): string[] {
  const digits = mac.replaceAll(':', '');
  return [
    mac,
    mac.replaceAll(':', '-'),
    digits,
    digits.replace(/(....)(?=.)/g, '$1.'),
    `${Number.parseInt(digits, 16)}`,
  ];
}

test.extend('seed', SEED).for(['trace', 'debug', 'info', 'warn'])(
  'at level %s the log shows no address, no person and no secret',
  async (level, { lan, deployment }) => {
    const headers = { authorization: `Bearer ${STATUS_TOKEN}` };
    const told = (path: string) =>
      deployment.status(path, headers).then(
        ({ text }) => text,
        () => '',
      );
    const monitor = deployment.start({
      NEXUDUS_PASSWORD: PASSWORD,
      STATUS_TOKEN,
      STATUS_PORT,
      LOG_LEVEL: level,
      LOG_MACS: 'masked',
    });
    // At level warn it does not say that it listens.
    await until('it listens, and has read the directory', async () => {
      const health = await told('/api/health');
      return health.includes('"state":"capturing"') && health.includes('"loaded":true');
    });
    const join = async (mac: string, hostname: string) => (await lan.client({ mac, hostname })).lease();
    await join(VISITOR, 'visitors-laptop');
    await join(KNOWN, 'carlas-laptop');
    await deployment.received(VISITOR);
    const body = { Message: `${REFUSED.toUpperCase()} (${REFUSED.replaceAll(':', '')}) is not welcome` };
    await deployment.fault({
      method: 'POST',
      path: '/api/spaces/failedcheckins',
      action: { kind: 'answer', status: 400, body },
    });
    await join(REFUSED, 'refused-laptop');
    await monitor.waitForLine(/Nexudus refuses this failed check-in/);
    await until('the other is recognised', async () => (await told('/api/devices')).includes('Carla'));
    await deployment.redis.restart();
    expect((await monitor.stop()).code).toBe(0);

    const text = monitor.lines.join('\n');
    for (const mac of [VISITOR, REFUSED, KNOWN]) {
      for (const form of notations(mac)) expect(text.toLowerCase(), form).not.toContain(form);
    }
    expect(text).toContain('3c:22:fb:**:**:57');
    const secrets = [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), encodeURIComponent(PASSWORD), STATUS_TOKEN];
    for (const secret of [...secrets, 'Carla']) expect(text, secret).not.toContain(secret);
    // Host names are there to debug only.
    expect(text.includes('visitors-laptop')).toBe(level === 'trace' || level === 'debug');
    // Every line is JSON, and none is a stack trace.
    for (const line of monitor.stdout) expect(() => JSON.parse(line)).not.toThrow();
    expect(text).not.toMatch(/\bat \S+ \(.*:\d+:\d+\)/);
  },
);

test('LOG_MACS=full shows addresses in full, to debug', async ({ lan, deployment }) => {
  const monitor = await deployment.monitor({ LOG_MACS: 'full' });
  await (await lan.client({ mac: VISITOR })).lease();
  await monitor.waitForLine(new RegExp(`"mac":"${VISITOR}"`));
});

test('forget removes a device everywhere it is kept, also from the memory of the monitor that runs', async ({
  lan,
  deployment,
}) => {
  const { redis: server } = deployment;
  const monitor = await deployment.monitor();
  const redis = new Redis(server.socketPath);
  try {
    await deployment.fault({
      method: 'POST',
      path: '/api/spaces/failedcheckins',
      action: { kind: 'answer', status: 400, body: { Message: 'no' } },
    });
    const refused = await lan.client({ mac: REFUSED, hostname: 'refused-laptop' });
    await refused.lease();
    await monitor.waitForLine(/Nexudus refuses this failed check-in/);
    const visitor = await lan.client({ mac: VISITOR, hostname: 'visitors-laptop' });
    await visitor.lease();
    await deployment.received(VISITOR);
    for (const mac of [VISITOR, REFUSED]) expect(traces(mac, await contents(redis)).length).toBeGreaterThan(0);
    // Gone, so that they do not announce themselves anew.
    await Promise.all([refused.disconnect(), visitor.disconnect()]);

    for (const mac of [VISITOR, REFUSED]) {
      const told = await deployment.command('forget', mac.toUpperCase());
      expect(told).toMatch(/1 running monitor told, visits of 1 location and 1 check-in removed/);
    }
    for (const mac of [VISITOR, REFUSED]) expect(traces(mac, await contents(redis))).toEqual([]);

    // The monitor does not write it anew when it stops, because it has forgotten, too.
    expect((await monitor.stop()).code).toBe(0);
    for (const mac of [VISITOR, REFUSED]) expect(traces(mac, await contents(redis))).toEqual([]);
  } finally {
    await redis.quit();
  }
});

/** What may be there for longer than RETENTION after a monitor was killed. */
const WAITS = /^\{nwm:outbox\}:failed-checkins:(\d+-[0-9a-f]{12}-\d+|wait|prioritized|delayed|active|stalled)$/;
const NUMBERS = /^\{nwm:outbox\}:(unproven-)?posts:\d{4}-\d\d-\d\d$/;

test.extend('seed', SEED)(
  'a monitor that is killed and never started again leaves nothing after RETENTION but what waits, and how many were posted today',
  async ({ lan, deployment }) => {
    const monitor = await deployment.monitor({ NEXUDUS_PASSWORD: PASSWORD, RETENTION: '70s', VISIT_GAP: '5s' });
    const redis = new Redis(deployment.redis.socketPath);
    try {
      const join = async (mac: string) => (await lan.client({ mac, hostname: 'annas-laptop' })).lease();
      await join(VISITOR);
      await deployment.received(VISITOR);
      await join(KNOWN);
      await monitor.waitForLine(/"decision":"recognised"/);
      const action = { kind: 'answer', status: 503 };
      await deployment.fault({ method: 'POST', path: '/api/spaces/failedcheckins', action, count: 1_000_000 });
      await join(REFUSED);
      const waiting = async () =>
        traces(REFUSED, await contents(redis)).filter((dump) => WAITS.test(dump.split(' ')[0] ?? ''));
      await until('its report waits', async () => (await waiting()).length > 0);
      expect(traces(VISITOR, await contents(redis)).length).toBeGreaterThan(0);
      monitor.kill('SIGKILL');
      expect(await monitor.exit()).toEqual({ code: null, signal: 'SIGKILL' });

      await until('all else is gone', async () => {
        const rest = (await redis.keys('*')).filter((key) => !WAITS.test(key) && !NUMBERS.test(key));
        return rest.length === 0 && traces(VISITOR, await contents(redis)).length === 0;
      });
      expect((await waiting()).length).toBeGreaterThan(0);
      for (const key of await redis.keys('*')) {
        // Also what waits does not do so for ever. A key that has just expired has -2. Of BullMQ's lists of ids this is not said: one that
        // was made anew in the moment of the kill has no time to live before a monitor runs again.
        if (/:\d+-[0-9a-f]{12}-\d+$/.test(key)) expect(await redis.ttl(key), key).not.toBe(-1);
        if (!NUMBERS.test(key)) continue;
        expect(await redis.get(key)).toMatch(/^\d+$/);
        expect(await redis.ttl(key)).toBeLessThanOrEqual(86_400);
      }
    } finally {
      await redis.quit();
    }
  },
);

/** Everything in Redis as text: each key with what is in it. */
async function contents(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*');
  return Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      const value =
        type === 'string'
          ? await redis.get(key)
          : type === 'hash'
            ? await redis.hgetall(key)
            : type === 'list'
              ? await redis.lrange(key, 0, -1)
              : type === 'stream'
                ? await redis.xrange(key, '-', '+')
                : type === 'zset'
                  ? await redis.zrange(key, 0, '-1')
                  : await redis.smembers(key);
      return `${key} ${JSON.stringify(value)}`;
    }),
  );
}

function traces(mac: string, dumps: readonly string[]): string[] {
  return dumps.filter((dump) => notations(mac).some((form) => dump.toLowerCase().includes(form)));
}
