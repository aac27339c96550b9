// The commands with which an operator looks inside: devices, outbox, doctor.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { DirectorySnapshot } from '../../src/devices/directory/directory-snapshot.js';
import { RedisOutbox } from '../../src/outbox/redis-outbox.js';
import { visitId } from '../../src/visits/register/visit-register.js';
import { reportFor } from '../outbox/trial-reports.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { cli } from './cli.js';

let server: RedisServer;
let redis: Redis;
let sandbox: Sandbox;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes'] });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  sandbox = await startSandbox();
  sandbox.users.add({ Id: 1, FullName: 'Anna Keller', Active: true, Devices: '3C-22-FB-00-00-01' });
  sandbox.coworkers.add({ Id: 11, UserId: 1, FullName: 'Anna Keller', Active: true, Archived: true });
  env = {
    NEXUDUS_URL: sandbox.url,
    NEXUDUS_USERNAME: 'admin@example.com',
    NEXUDUS_PASSWORD: 'secret',
    NEXUDUS_BUSINESS_ID: '77',
    REDIS_URL: server.url,
    CAPTURE_INTERFACE: 'lo',
  };
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  await redis.quit();
  await server.stop();
  await sandbox.close();
});

const lines = (text: string): unknown[] => text.split('\n').map((line) => JSON.parse(line));

test('devices shows what Nexudus knows when there is no snapshot, and the snapshot when there is one', async () => {
  const fresh = await cli(['devices', '--json'], env);
  expect(fresh.code).toBe(0);
  expect(lines(fresh.stdout)).toEqual([
    {
      type: 'device',
      mac: '3c:22:fb:00:00:01',
      owner: { kind: 'coworker', id: 11, name: 'Anna Keller', status: 'archived' },
    },
  ]);

  const snapshot = new DirectorySnapshot(redis, 77, 86_400_000);
  await snapshot.replace(
    [{ userId: 5, name: 'Stan', active: true, coworker: null, macs: [0x3c22fb000009] }],
    new Map(),
    new Date(),
  );
  const kept = await cli(['devices'], env);
  expect(kept.stdout).toMatch(/3c:22:fb:00:00:09 +Stan +staff/);
  expect(kept.stdout).toMatch(/1 known device, as the monitor read them at/);
});

test('outbox lists what is refused and why, sends it again, or drops it', async () => {
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  const mac = 0x3c22fb000001;
  const startMs = 1_790_000_000_000;
  const id = visitId(77, mac, startMs);
  await outbox.enqueue({ ...reportFor(1), id, mac, startMs });

  const listed = await cli(['outbox', '--json'], env);
  expect(lines(listed.stdout)).toMatchObject([
    { type: 'entry', id, state: 'waiting', failedCheckin: { MacAddresses: '3C:22:FB:00:00:01' } },
  ]);
  expect((await cli(['outbox'], env)).stdout).toMatch(/1 on its way \(0 put back\), 0 refused/);

  const notFailed = await cli(['outbox', 'retry', id], env);
  expect(notFailed).toMatchObject({
    code: 1,
    stderr: `wifi-monitor: no refused entry has the ID ${id} ("wifi-monitor outbox" lists them)`,
  });
  expect(await cli(['outbox', 'retry', '--all'], env)).toMatchObject({ code: 0, stdout: '0 sent once more.' });
  expect((await cli(['outbox', 'retry'], env)).code).toBe(2);
  expect(await cli(['outbox', 'drop', id], env)).toMatchObject({ code: 0, stdout: `${id} dropped.` });
  expect((await cli(['outbox', 'drop', id], env)).code).toBe(1);
  await outbox.close();
});

test('outbox drop takes out what fits: all, those that did not prove themselves, those added before a time', async () => {
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  for (const number of [1, 2, 3]) await outbox.enqueue({ ...reportFor(number), proven: number === 1 });
  const drop = (...options: string[]) => cli(['outbox', 'drop', ...options], env);
  expect(await drop('--before', '2026-03-02T09:00Z')).toMatchObject({ code: 0, stdout: '0 dropped.' });
  expect(await drop('--unproven', '--before', '2099-01-01')).toMatchObject({ code: 0, stdout: '2 dropped.' });
  expect((await outbox.list(10)).map(({ id }) => id)).toEqual([reportFor(1).id]);
  for (const wrong of [[], ['--all', '--unproven'], ['some-id', '--all'], ['--before', 'yesterday']])
    expect((await drop(...wrong)).code).toBe(2);
  expect(await drop('--all')).toMatchObject({ code: 0, stdout: '1 dropped.' });
  expect(await outbox.list(10)).toEqual([]);
  await outbox.close();
});

test('forget counts what it removed, in words that fit the numbers', async () => {
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  await outbox.enqueue(reportFor(1));
  await outbox.close();
  const forget = async () => (await cli(['forget', 'da:00:00:00:00:01'], env)).stdout.split('\n')[0];
  expect(await forget()).toMatch(/: 0 running monitors told, visits of 0 locations and 1 check-in removed\.$/);
  expect(await forget()).toMatch(/: 0 running monitors told, visits of 0 locations and 0 check-ins removed\.$/);
});

test.each([[['bogus']], [['bogus', '77-3c22fb000001-1790000000000']], [['--json', 'bogus']]])(
  'outbox %j is told which subcommands there are, exit code 2',
  async (args) => {
    const { stdout, stderr, code } = await cli(['outbox', ...args], env);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr.split('\n')[0]).toBe("error: unknown subcommand 'bogus' of outbox: there are list, retry, drop");
  },
);

test('without Redis, or with one that is away, the outbox command says so', async () => {
  expect(await cli(['outbox'], { ...env, REDIS_URL: '' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('REDIS_URL: must be set'),
  });
  const away = await cli(['outbox'], { ...env, REDIS_URL: 'redis://:hunter2@127.0.0.1:1' });
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('Redis cannot be reached (REDIS_URL): ') });
  expect(away.stderr).not.toContain('hunter2');
});

test('doctor finds nothing to mend where all is well, and says what it cannot try', async () => {
  const { stdout, code } = await cli(['doctor'], env);
  expect(stdout.split('\n').filter((line) => line.startsWith('FAIL'))).toEqual([]);
  expect(code).toBe(0);
  for (const about of ['configuration', 'capture', 'Redis', 'login', 'clock'])
    expect(stdout).toMatch(new RegExp(`^ok +${about}`, 'm'));
  for (const role of ['User-List', 'User-Read', 'RegisteredDevice-List', 'Coworker-List', 'FailedCheckin-List']) {
    expect(stdout).toMatch(new RegExp(`^ok +role +${role}`, 'm'));
  }
  expect(stdout).toMatch(/^note +role +FailedCheckin-Create cannot be tried without making a record/m);
});

test.each([
  ['a wrong password', { NEXUDUS_PASSWORD: 'wrong-password' }, /^FAIL +login +Nexudus refuses it/m],
  ['an unreachable Nexudus', { NEXUDUS_URL: 'http://127.0.0.1:1' }, /^FAIL +Nexudus .*Check NEXUDUS_URL/m],
  ['a Redis that is away', { REDIS_URL: 'redis://127.0.0.1:1' }, /^FAIL +Redis +Redis cannot be reached/m],
  ['an interface that does not exist', { CAPTURE_INTERFACE: 'nope0' }, /^FAIL +capture +there is no interface nope0/m],
  ['wrong settings', { VISIT_GAP: 'soon' }, /^FAIL +configuration +VISIT_GAP: /m],
])('doctor on %s: the finding says what to do, exit code 1', async (_what, changes, finding) => {
  const { stdout, code } = await cli(['doctor'], { ...env, ...changes });
  expect(stdout).toMatch(finding);
  expect(code).toBe(1);
  expect(stdout).not.toContain('wrong-password');
});

test('doctor finds a Redis that forgets, a clock that is wrong, and a missing role', async () => {
  const forgetful = await startRedis({ args: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'] });
  const strict = await startSandbox({
    accounts: [
      { username: 'monitor', password: 'secret', roles: ['User-List', 'Coworker-List', 'FailedCheckin-List'] },
    ],
  });
  strict.clockOffsetMs = -600_000;
  const { stdout, code } = await cli(['doctor'], {
    ...env,
    REDIS_URL: forgetful.url,
    NEXUDUS_URL: strict.url,
    NEXUDUS_USERNAME: 'monitor',
  });
  await forgetful.stop();
  await strict.close();
  expect(stdout).toMatch(/^FAIL +Redis +AOF persistence is off/m);
  expect(stdout).toMatch(/^FAIL +Redis +with maxmemory-policy allkeys-lru/m);
  expect(stdout).toMatch(/^FAIL +role +RegisteredDevice-List is missing/m);
  expect(stdout).toMatch(/^FAIL +clock +\d+ s ahead of Nexudus's/m);
  expect(code).toBe(1);
});

test('doctor says whether what is forgotten can be removed from the disk of Redis', async () => {
  const lasting = await startRedis({ args: ['--appendonly', 'yes'] });
  await lasting.cli('ACL', 'SETUSER', 'limited', 'on', '>pass', '~*', '&*', '+@all', '-bgrewriteaof');
  const limited = lasting.url.replace('//', '//limited:pass@');
  const [may, mayNot] = await Promise.all(
    [lasting.url, limited].map((url) => cli(['doctor'], { ...env, REDIS_URL: url })),
  );
  await lasting.stop();
  expect(may?.stdout).toMatch(/^ok +Redis +what is forgotten or has expired can be removed from its disk/m);
  expect(mayNot?.stdout).toMatch(/^note +Redis +it forbids BGREWRITEAOF .*stays on its disk/m);
});

test('a Redis that accepts connections and says nothing is told of, not waited for', async () => {
  const silent = await startRedis();
  silent.pause();
  const [outbox, doctor] = await Promise.all([
    cli(['outbox'], { ...env, REDIS_URL: silent.url }),
    cli(['doctor'], { ...env, REDIS_URL: silent.url }),
  ]);
  await silent.stop();
  expect(outbox).toMatchObject({
    code: 1,
    stderr: 'wifi-monitor: Redis cannot be reached (REDIS_URL): it does not answer',
  });
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^FAIL +Redis +Redis cannot be reached/m);
});

test.each([
  ['a database that is not there', (url: string) => `${url}/99`, [], /it has no database of the number/],
  ['a password that is missing', (url: string) => url, ['requirepass', 'hunter2'], /it wants a password/],
  [
    'a wrong password',
    (url: string) => url.replace('//', '//:wrong-word@'),
    ['requirepass', 'hunter2'],
    /it refuses the user name or password/,
  ],
])('%s in REDIS_URL is told in words', async (_what, address, setting, words) => {
  const other = await startRedis();
  if (setting.length > 0) await other.cli('CONFIG', 'SET', ...setting);
  const { stderr, code } = await cli(['outbox'], { ...env, REDIS_URL: address(other.url) });
  await other.stop();
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain('wrong-word');
  expect(code).toBe(1);
});

test('devices asks Nexudus when Redis is away', async () => {
  const { stdout, stderr, code } = await cli(['devices', '--json'], { ...env, REDIS_URL: 'redis://127.0.0.1:1' });
  expect(code).toBe(0);
  expect(stderr).toMatch(/no snapshot: Redis cannot be reached/);
  expect(lines(stdout)).toMatchObject([{ mac: '3c:22:fb:00:00:01' }]);
});
