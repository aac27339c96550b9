// The directory against the sandbox: the first reading, changes, deletions, outages, and the snapshot in Redis.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { Directory } from '../../src/devices/directory.js';
import { DirectorySnapshot } from '../../src/devices/directory-snapshot.js';
import { DirectorySync } from '../../src/devices/directory-sync.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../run-process.js';

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

function sync(options: { url?: string; refreshMs?: number; snapshot?: boolean } = {}): {
  directory: Directory;
  sync: DirectorySync;
  loads: () => number;
} {
  const client = createNexudusClient({
    url: options.url ?? sandbox.url,
    auth: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
  });
  const directory = new Directory();
  let loads = 0;
  const made = new DirectorySync({
    client,
    directory,
    snapshot: options.snapshot === false ? null : new DirectorySnapshot(redis, 77, 60_000),
    refreshMs: options.refreshMs ?? 50,
    log: silent,
    onLoaded: () => loads++,
    pace: async () => {},
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
  await until('the deletion is noticed', () => directory.lookup(LEFT) === null, 30_000);
});

test('while Nexudus is away nothing counts as loaded; when it is there the directory is read', async () => {
  const port = await freePort();
  const { directory, sync: made } = sync({ url: `http://127.0.0.1:${port}`, snapshot: false });
  await until('the failure is known', () => made.status().failure !== null);
  expect(directory.loaded).toBe(false);
  const late = await seeded(port);
  closing.push(() => late.close());
  await until('the directory is loaded', () => directory.loaded, 30_000);
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
