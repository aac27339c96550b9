// What the version before left in Redis, written as that version wrote it, is listed, delivered and forgotten like what is written now.
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { createNexudusClient } from '../../src/nexudus/client.js';
import { reportOfFormerEntry } from '../../src/outbox/former-entry.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { emptyDirectory, LOGIN, PATIENCE, rulesOf } from './trial-reports.js';

const START_MS = 1_790_000_000_123;
const ID = `77-da0000000001-${START_MS}`;

/** As `wifi-monitor 0.1.0` put it into the queue. */
const ENTRY = {
  id: ID,
  mac: 0xda0000000001,
  ipv4: 0x0a140076,
  hostname: 'Annas-iPhone',
  checkin: {
    BusinessId: 77,
    CheckinAttemptTime: '2026-09-21T14:13:20Z',
    CheckinAttemptTimeLocal: '2026-09-21T16:13:20',
    Source: 3,
    MacAddresses: 'DA:00:00:00:00:01',
    Description:
      'Unrecognised device: private (randomised) address, hostname Annas-iPhone, IP 10.20.0.118, seen by DHCP, NDP and ARP.',
  },
  sent: false,
};

const ARCHIVED = {
  ...ENTRY,
  ipv4: 0,
  checkin: {
    ...ENTRY.checkin,
    CoworkerId: 11,
    Description:
      'Device of Anna Keller (account archived): private (randomised) address, hostname Annas-iPhone, IP 2001:db8::1, seen by ARP.',
  },
};

let server: RedisServer;
let redis: Redis;
let sandbox: Sandbox;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  sandbox = await startSandbox();
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  await redis.quit();
  await sandbox.close();
  await server.stop();
});

async function writeFormerEntry(entry: object): Promise<void> {
  const queue = new Queue('failed-checkins', {
    connection: redis,
    prefix: '{nwm:outbox}',
    defaultJobOptions: { attempts: Number.MAX_SAFE_INTEGER, backoff: { type: 'put-back' }, stackTraceLimit: 0 },
  });
  await queue.add('failed-checkin', entry, { jobId: ID });
  await queue.close();
}

test('an entry of the version before is delivered', async () => {
  await writeFormerEntry(ENTRY);
  const client = createNexudusClient({ url: sandbox.url, auth: LOGIN });
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  expect(await outbox.list(10)).toMatchObject([{ id: ID, report: { hostname: 'Annas-iPhone' } }]);
  const deliver = nexudusDelivery(client, rulesOf(emptyDirectory()), { patience: PATIENCE });
  const deliverer = startRedisDelivery(redis, outbox, deliver, {
    spacingMs: 1,
    onOutcome: () => {},
    onError: () => {},
  });
  await until('it arrives', () => sandbox.failedCheckins.length === 1);
  expect(sandbox.failedCheckins).toMatchObject([ENTRY.checkin]);
  await deliverer.close();
  await outbox.close();
  await client.close();
});

test('a device is forgotten in what the version before wrote', async () => {
  await writeFormerEntry(ENTRY);
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  expect(await outbox.forget(ENTRY.mac)).toEqual({ removed: 1, busy: 0 });
  await outbox.close();
});

test('every fact is read back out of the body', () => {
  expect(reportOfFormerEntry(ENTRY)).toEqual({
    id: ID,
    businessId: 77,
    mac: 0xda0000000001,
    startMs: START_MS,
    localStart: '2026-09-21T16:13:20',
    kind: null,
    hostname: 'Annas-iPhone',
    ipv4: 0x0a140076,
    ipv6: null,
    via: ['dhcp', 'ndp', 'arp'],
    likelyOwner: null,
    inactive: null,
    sent: false,
    proven: true,
  });
  expect(reportOfFormerEntry(ARCHIVED)).toMatchObject({
    ipv6: '2001:db8::1',
    via: ['arp'],
    inactive: { coworkerId: 11, name: 'Anna Keller', status: 'archived' },
  });
});

test.each([null, {}, 'text', { ...ENTRY, id: 'no-number' }, { ...ENTRY, mac: 2 ** 48 }])('%j is no entry', (data) => {
  expect(reportOfFormerEntry(data)).toBeNull();
});
