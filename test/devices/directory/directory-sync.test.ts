// The directory against the sandbox: the first reading, changes, deletions, outages, and the snapshot in Redis.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../scripts/nexudus-sandbox/sandbox.js';
import { Directory } from '../../../src/devices/directory/directory.js';
import { DirectorySnapshot } from '../../../src/devices/directory/directory-snapshot.js';
import { DirectorySync, type DirectorySyncOptions } from '../../../src/devices/directory/directory-sync.js';
import { createNexudusClient } from '../../../src/nexudus/client.js';
import { freePort, type RedisServer, startRedis } from '../../redis-server.js';
import { until } from '../../until.js';

const ANNA = 0x3c22fb000001;
const STAFF = 0x3c22fb000002;
const LEFT = 0x3c22fb000003;
const silent = pino({ level: 'silent' });

let server: RedisServer;
let redis: Redis;
let sandbox: Sandbox;
let syncs: DirectorySync[] = [];
let closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  sandbox = await seeded();
});
afterEach(async () => {
  for (const sync of syncs) await sync.stop();
  for (const close of closing) await close();
  syncs = [];
  closing = [];
  await sandbox.close();
});

async function seeded(port = 0): Promise<Sandbox> {
  const made = await startSandbox({ port, devicesInLists: ({ Id }) => Id !== 2 });
  made.users.add({ Id: 1, FullName: 'Anna', Active: true, Devices: '3C-22-FB-00-00-01' });
  made.users.add({ Id: 2, FullName: 'Stan', Active: true, Devices: '3c22.fb00.0002' });
  made.users.add({ Id: 3, FullName: 'Lea', Active: true, Devices: '3c:22:fb:00:00:03' });
  made.coworkers.add({ Id: 11, UserId: 1, FullName: 'Anna Keller', Active: true, Archived: false });
  made.coworkers.add({ Id: 13, UserId: 3, FullName: 'Lea Left', Active: true, Archived: true });
  return made;
}

interface Options
  extends Partial<
    Pick<DirectorySyncOptions, 'refreshMs' | 'onLoaded' | 'onCurrent' | 'pace' | 'freshMs' | 'freshenWithinMs'>
  > {
  url?: string;
  snapshot?: boolean;
  directory?: Directory;
}

function sync(options: Options = {}): {
  directory: Directory;
  sync: DirectorySync;
  loads: () => number;
} {
  const client = createNexudusClient({
    url: options.url ?? sandbox.url,
    auth: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
  });
  const directory = options.directory ?? new Directory();
  let loads = 0;
  const made = new DirectorySync({
    client,
    directory,
    snapshot: options.snapshot === false ? null : new DirectorySnapshot(redis, 77, 86_400_000),
    refreshMs: options.refreshMs ?? 50,
    log: silent,
    onLoaded: () => {
      loads++;
      options.onLoaded?.();
    },
    onCurrent: options.onCurrent ?? (() => {}),
    pace: options.pace ?? (async () => {}),
    ...(options.freshMs === undefined ? {} : { freshMs: options.freshMs }),
    ...(options.freshenWithinMs === undefined ? {} : { freshenWithinMs: options.freshenWithinMs }),
  });
  made.start();
  syncs.push(made);
  closing.push(() => client.close());
  return { directory, sync: made, loads: () => loads };
}

test('the first reading knows coworkers, staff, and devices that the list hides', async () => {
  const { directory, loads } = sync();
  await until('the directory is loaded', () => directory.loaded);
  expect(directory.lookup(ANNA)).toEqual({ kind: 'coworker', id: 11, name: 'Anna Keller', status: 'active' });
  expect(directory.lookup(STAFF)).toEqual({ kind: 'staff', userId: 2, name: 'Stan' });
  expect(directory.lookup(LEFT)).toEqual({ kind: 'coworker', id: 13, name: 'Lea Left', status: 'archived' });
  expect(loads()).toBe(1);
});

test('what is added, changed or deleted in Nexudus is noticed', async () => {
  const { directory } = sync();
  await until('the directory is loaded', () => directory.loaded);
  sandbox.users.add({ Id: 4, FullName: 'New', Active: true, Devices: '3c:22:fb:00:00:04' });
  await until('the addition is noticed', () => directory.lookup(0x3c22fb000004) !== null);
  sandbox.users.update(1, { Devices: '3c:22:fb:00:00:05' });
  await until(
    'the change is noticed',
    () => directory.lookup(ANNA) === null && directory.lookup(0x3c22fb000005) !== null,
  );
  sandbox.users.remove(3);
  await until('the deletion is noticed', () => directory.lookup(LEFT) === null);
});

test('while Nexudus is away nothing counts as loaded; when it is there the directory is read', async () => {
  const port = await freePort();
  const { directory, sync: made } = sync({ url: `http://127.0.0.1:${port}`, snapshot: false });
  await until('the failure is known', () => made.status().failure !== null);
  expect(directory.loaded).toBe(false);
  const late = await seeded(port);
  closing.push(() => late.close());
  await until('the directory is loaded', () => directory.loaded);
  expect(made.status().failure).toBeNull();
});

test('with a snapshot in Redis a restart decides at once, although Nexudus is away; it keeps what the full records said', async () => {
  const first = sync();
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await first.sync.stop();
  expect(await redis.pttl('{nwm:77}:directory')).toBeGreaterThan(0);

  const port = await freePort();
  const { directory, sync: made, loads } = sync({ url: `http://127.0.0.1:${port}` });
  await until('the directory is loaded', () => directory.loaded);
  expect([...directory.entries()].sort((a, b) => a.userId - b.userId)).toEqual(
    [...first.directory.entries()].sort((a, b) => a.userId - b.userId),
  );
  expect(loads()).toBe(1);
  await until('the outage is known', () => made.status().failure !== null);
  expect(directory.lookup(STAFF)).toEqual({ kind: 'staff', userId: 2, name: 'Stan' });
});

test('an outage after the first reading leaves the last directory in force', async () => {
  const { directory, sync: made } = sync();
  await until('the directory is loaded', () => directory.loaded);
  sandbox.fault({ path: '/api/*', count: 1_000, action: { kind: 'answer', status: 500 } });
  await until('the failure is known', () => made.status().failure !== null);
  expect(directory.loaded).toBe(true);
  expect(directory.lookup(ANNA)).not.toBeNull();
});

test('rubbish in the snapshot is passed over', async () => {
  await redis.hset('{nwm:77}:directory', {
    readAt: new Date().toISOString(),
    'user:9': '{"name":1}',
    'user:x': '',
    'full:2': 'no',
    'user:1': JSON.stringify({ name: 'Anna', active: true, coworker: null, macs: [ANNA] }),
  });
  const port = await freePort();
  const { directory } = sync({ url: `http://127.0.0.1:${port}` });
  await until('the directory is loaded', () => directory.loaded);
  expect([...directory.entries()]).toEqual([
    { userId: 1, owner: { kind: 'staff', userId: 1, name: 'Anna' }, macs: [ANNA] },
  ]);
});

test('a whole reading that fails on the way takes no device away', async () => {
  const first = sync();
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await first.sync.stop();
  sandbox.registeredDevices.add({ UserId: 2, DeviceId: '3c:22:fb:00:00:22' });
  sandbox.users.update(2, { FullName: 'Stanley' });
  sandbox.fault({ path: '/api/sys/users/2', count: 1_000, action: { kind: 'answer', status: 503 } });
  const { directory, sync: made } = sync();
  await until('the failure is known', () => made.status().failure !== null);
  expect(directory.lookup(STAFF)).toEqual({ kind: 'staff', userId: 2, name: 'Stan' });
});

test('a user whom a deletion pushed out of sight while the list was read stays known; the deleted one is noticed', async () => {
  const deviceOf = (id: number) => 0x3c22fb010000 + id;
  const text = (id: number) =>
    `3c:22:fb:01:${`${id >> 8}`.padStart(2, '0')}:${(id & 255).toString(16).padStart(2, '0')}`;
  const UpdatedOn = '2020-01-01T00:00:00Z';
  for (let id = 1; id <= 450; id++) sandbox.users.add({ Id: id, Active: true, Devices: text(id), UpdatedOn });
  const directory = new Directory();
  let deleted = false;
  let lost = 0;
  const pace = async () => {
    if (!directory.loaded) return;
    if (directory.lookup(deviceOf(201)) === null) lost++;
    const latest = sandbox.requests.at(-1)?.path ?? '';
    if (latest.startsWith('/api/sys/users?page=1&') && !latest.includes('UpdatedOn'))
      deleted ||= sandbox.users.remove(7);
  };
  sync({ directory, pace, snapshot: false });
  await until('the deletion is noticed', () => deleted && directory.lookup(deviceOf(7)) === null);
  expect(lost).toBe(0);
  expect(directory.lookup(deviceOf(201))).not.toBeNull();
});

test('one whole reading that answers nothing empties nothing; two do', async () => {
  const first = sync();
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await first.sync.stop();
  const body = { Records: [], CurrentPage: 1, HasNextPage: false };
  sandbox.fault({ path: '/api/sys/users', action: { kind: 'answer', status: 200, body } });
  let known: number | null = null;
  const directory = new Directory();
  sync({ directory, onCurrent: () => (known = directory.size) });
  await until('the first reading ended', () => known !== null);
  expect(known).toBe(3);
  for (const id of [1, 2, 3]) sandbox.users.remove(id);
  await until('the deletions are noticed', () => directory.size === 0);
});

test('when Redis came back empty the snapshot is written whole again, not only what changed', async () => {
  for (const id of [1, 2, 3]) sandbox.users.update(id, { UpdatedOn: '2020-01-01T00:00:00Z' });
  // So slow that no second whole reading comes to help.
  const { directory } = sync({ pace: () => delay(directory.loaded ? 0 : 150) });
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await redis.flushall();
  await until('there is a snapshot again', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  const fields = await redis.hkeys('{nwm:77}:directory');
  expect(fields.filter((field) => !field.startsWith('full:')).sort()).toEqual(['readAt', 'user:1', 'user:2', 'user:3']);
});

test('after a change that Redis did not take the snapshot is written whole', async () => {
  const { directory } = sync({ pace: () => delay(directory.loaded ? 0 : 150) });
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await redis.set('{nwm:77}:directory', 'no hash');
  await until('there is a snapshot again', async () => (await redis.type('{nwm:77}:directory')) === 'hash');
  expect(await redis.hexists('{nwm:77}:directory', 'user:1')).toBe(1);
});

test('a directory from the snapshot is loaded, but not current before Nexudus was read', async () => {
  const first = sync();
  await until('the snapshot is written', async () => (await redis.exists('{nwm:77}:directory')) === 1);
  await first.sync.stop();
  sandbox.users.add({ Id: 4, FullName: 'New', Active: true, Devices: '3c:22:fb:00:00:04' });
  const directory = new Directory();
  const calls: [string, boolean][] = [];
  const note = (name: string) => () => calls.push([name, directory.lookup(0x3c22fb000004) !== null]);
  const { sync: made } = sync({ directory, onLoaded: note('loaded'), onCurrent: note('current') });
  await until('the directory is current', () => calls.length === 2);
  const { readAtMs } = made.status();
  await until('it was read again', () => made.status().readAtMs !== readAtMs);
  expect(calls).toEqual([
    ['loaded', false],
    ['current', true],
  ]);
});

test('while Nexudus is away a directory from the snapshot is current after the first attempt; no directory never is', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const calls: string[] = [];
  const without = sync({ url, snapshot: false, onCurrent: () => calls.push('without') });
  await until('the failure is known', () => without.sync.status().failure !== null);
  const user = { name: 'Anna', active: true, coworker: null, macs: [ANNA] };
  await new DirectorySnapshot(redis, 77, 86_400_000).replace([{ userId: 1, ...user }], new Map(), new Date());
  const withSnapshot = sync({
    url,
    onLoaded: () => calls.push('loaded'),
    onCurrent: () => calls.push(withSnapshot.sync.status().failure === null ? 'too early' : 'current'),
  });
  await until('the directory is current', () => calls.length >= 2);
  expect(calls).toEqual(['loaded', 'current']);
});

/** As if the latest reading were long ago. */
const grewOld = (made: DirectorySync) =>
  Object.assign(made, { freshUntilMs: Number.NEGATIVE_INFINITY, triedMs: Number.NEGATIVE_INFINITY });

test('who asks before posting gets what was registered a moment ago, long before the next regular reading', async () => {
  const { directory, sync: made } = sync({ refreshMs: 3_600_000 });
  await until('the directory is loaded', () => directory.loaded);
  sandbox.users.add({ Id: 9, FullName: 'Late', Active: true, Devices: '3c:22:fb:00:00:09' });
  grewOld(made);
  expect(await made.freshen()).toBe('fresh');
  expect(directory.lookup(0x3c22fb000009)).toMatchObject({ name: 'Late' });
  const requests = sandbox.requests.length;
  expect(await made.freshen()).toBe('fresh');
  expect(sandbox.requests).toHaveLength(requests);
});

test('while a long whole reading is under way, who asks is told so; afterwards what was registered meanwhile is known', async () => {
  const hiding = await startSandbox({ devicesInLists: false });
  closing.push(() => hiding.close());
  for (let id = 100; id < 120; id++) hiding.users.add({ Id: id, Active: true });
  // The users were listed, and now each is read alone, because the list hides devices.
  const isSingle = ({ path }: { path: string }) => /^\/api\/sys\/users\/\d+$/.test(path);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const pace = async () => {
    if (hiding.requests.some(isSingle)) await released;
  };
  const options = { url: hiding.url, snapshot: false, refreshMs: 3_600_000, pace, freshMs: 30, freshenWithinMs: 50 };
  const { directory, sync: made } = sync(options);
  await until('one user was read', () => hiding.requests.some(isSingle));
  hiding.users.add({ Id: 9, FullName: 'Late', Active: true, Devices: '3c:22:fb:00:00:09' });
  expect([await made.freshen(), await made.freshen()]).toEqual(['being-read', 'being-read']);
  release();
  await until('the directory is fresh', async () => (await made.freshen()) === 'fresh');
  expect(directory.lookup(0x3c22fb000009)).toMatchObject({ name: 'Late' });
});

test('when a whole reading is due and somebody waits, the changes are read first, and the whole one soon after', async () => {
  const { sync: made } = sync({ refreshMs: 3_600_000 });
  await until('the directory is fresh', async () => (await made.freshen()) === 'fresh');
  Object.assign(made, { nextFullMs: 0 });
  grewOld(made);
  const before = sandbox.requests.length;
  expect(await made.freshen()).toBe('fresh');
  const isWhole = ({ path }: { path: string }) => /\/users\?(?!.*UpdatedOn)/.test(path);
  expect(sandbox.requests.slice(before).some(isWhole)).toBe(false);
  await until('the whole reading follows', () => sandbox.requests.slice(before).some(isWhole));
});

test('asking while Nexudus is away does not reject, and does not ask Nexudus without end', async () => {
  const { directory, sync: made } = sync({ refreshMs: 3_600_000 });
  await until('the directory is loaded', () => directory.loaded);
  sandbox.fault({ path: '/api/*', count: 1_000, action: { kind: 'answer', status: 500 } });
  grewOld(made);
  expect(await made.freshen()).toBe('last-known');
  expect(made.status().failure).not.toBeNull();
  const requests = sandbox.requests.length;
  // It may be back by now, so nothing is to be posted before it was asked again.
  for (let times = 0; times < 10; times++) expect(await made.freshen()).toBe('being-read');
  expect(sandbox.requests).toHaveLength(requests);
});

test('where the role for reading is missing, the directory as it was last known must do', async () => {
  const { directory, sync: made } = sync({ refreshMs: 3_600_000 });
  await until('the directory is loaded', () => directory.loaded);
  sandbox.fault({ path: '/api/sys/users', count: 1_000, action: { kind: 'answer', status: 401 } });
  grewOld(made);
  for (let times = 0; times < 5; times++) expect(await made.freshen()).toBe('last-known');
  expect(directory.lookup(ANNA)).not.toBeNull();
});
