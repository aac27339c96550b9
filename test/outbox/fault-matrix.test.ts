// Whatever Nexudus and the network do, a failed check-in arrives exactly once, or ends in the failed set with Nexudus's own words.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { formatMac } from '../../src/addresses/mac-address.js';
import type { Directory } from '../../src/devices/directory/directory.js';
import { createNexudusClient, type NexudusClient } from '../../src/nexudus/client.js';
import { MemoryOutbox } from '../../src/outbox/memory-outbox.js';
import { nexudusDelivery } from '../../src/outbox/nexudus-delivery.js';
import type { Deliver, Deliverer, Outbox, Outcome } from '../../src/outbox/outbox.js';
import { RedisOutbox, startRedisDelivery } from '../../src/outbox/redis-outbox.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { until } from '../until.js';
import { POST, RETRIED } from './faults.js';
import { emptyDirectory, LOGIN, PATIENCE, reportFor, rulesOf } from './trial-reports.js';

const SPACING_MS = 1;
const FIRST_PUT_BACK_MS = 50;

interface Trial {
  readonly outbox: Outbox;
  start(deliver: Deliver): Deliverer;
}

let server: RedisServer;
let sandbox: Sandbox;
let client: NexudusClient;
let directory: Directory;
let outcomes: Outcome[];
let deliverer: Deliverer | undefined;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  sandbox = await startSandbox();
  client = createNexudusClient({
    url: sandbox.url,
    auth: LOGIN,
    timeouts: { connectMs: 500, headersMs: 300, bodyMs: 300, totalMs: 2_000 },
  });
  directory = emptyDirectory();
  outcomes = [];
});
afterEach(async () => {
  await deliverer?.close();
  deliverer = undefined;
  for (const close of closing.splice(0)) await close();
  await client.close();
  await sandbox.close();
});

function inMemory(): Trial {
  const outbox = new MemoryOutbox({ spacingMs: SPACING_MS, firstPutBackMs: FIRST_PUT_BACK_MS });
  return {
    outbox,
    start: (deliver) => outbox.start(deliver, { onOutcome: (_report, outcome) => outcomes.push(outcome) }),
  };
}

async function inRedis(): Promise<Trial> {
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  await redis.flushall();
  const outbox = new RedisOutbox(redis, { retentionMs: 86_400_000 });
  closing.push(
    () => outbox.close(),
    () => redis.quit(),
  );
  const start = (deliver: Deliver) =>
    startRedisDelivery(redis, outbox, deliver, {
      spacingMs: SPACING_MS,
      firstPutBackMs: FIRST_PUT_BACK_MS,
      onOutcome: (_entry, outcome) => outcomes.push(outcome),
      onError: () => {},
    });
  return { outbox, start };
}

function deliver(): Deliver {
  const rules = rulesOf(directory);
  return nexudusDelivery(client, rules, { patience: PATIENCE });
}

/** The MACs that the sandbox has, in the order in which it got them. */
function arrived(): (string | null | undefined)[] {
  return sandbox.failedCheckins.map(({ MacAddresses }) => MacAddresses);
}

describe.each<[string, () => Trial | Promise<Trial>]>([
  ['memory', inMemory],
  ['Redis', inRedis],
])('the outbox in %s', (_name, make) => {
  test.each(RETRIED)('after $name: retried ($met), posted once', async ({ fault, met }) => {
    const { outbox, start } = await make();
    sandbox.fault({ ...POST, ...fault });
    await outbox.enqueue(reportFor(1));
    deliverer = start(deliver());
    await until('the check-in is delivered', () => outcomes.some(({ kind }) => kind === 'posted' || kind === 'found'));
    expect(outcomes.map(({ kind }) => kind)).toContain(met);
    expect(arrived()).toEqual(['DA:00:00:00:00:01']);
    await until('the outbox is empty', async () => {
      const { waiting, delayed, active, failed } = await outbox.counts();
      return waiting + delayed + active + failed === 0;
    });
  });

  test('a 400 ends in the failed set with the messages of Nexudus, and does not hold up the next one', async () => {
    const { outbox, start } = await make();
    const bad = reportFor(1);
    await outbox.enqueue({ ...bad, businessId: 0 });
    await outbox.enqueue(reportFor(2));
    deliverer = start(deliver());
    await until('the next one arrives', () => arrived().length === 1);
    expect(arrived()).toEqual(['DA:00:00:00:00:02']);
    const [failed] = await outbox.list(10);
    expect(failed).toMatchObject({ id: bad.id, state: 'failed' });
    expect(failed?.reason).toMatch(/BusinessId/);
    expect(await outbox.counts()).toMatchObject({ failed: 1 });
  });

  test('a failed one can be sent again, or dropped', async () => {
    const { outbox, start } = await make();
    sandbox.fault({ ...POST, count: 2, action: { kind: 'answer', status: 400, body: { Message: 'not today' } } });
    await outbox.enqueue(reportFor(1));
    await outbox.enqueue(reportFor(2));
    deliverer = start(deliver());
    await until('both failed', async () => (await outbox.counts()).failed === 2);
    expect(await outbox.retry(reportFor(1).id)).toBe(1);
    await until('the retried one arrives', () => arrived().length === 1);
    expect(await outbox.drop(reportFor(2).id)).toBe(true);
    expect(await outbox.drop(reportFor(2).id)).toBe(false);
    expect((await outbox.counts()).failed).toBe(0);
    expect(arrived()).toEqual(['DA:00:00:00:00:01']);
  });

  test('an entry that alone makes errors is put back, and the others go ahead', async () => {
    const { outbox, start } = await make();
    sandbox.fault({ ...POST, count: 1, action: { kind: 'answer', status: 500 } });
    for (let number = 1; number <= 3; number++) await outbox.enqueue(reportFor(number));
    deliverer = start(deliver());
    await until('all arrive', () => arrived().length === 3);
    expect(outcomes[0]?.kind).toBe('put-back');
    expect(outcomes.map(({ kind }) => kind)).not.toContain('pause');
  });

  test('when different entries fail in a row, the API is the cause: all wait', async () => {
    const { outbox, start } = await make();
    sandbox.fault({ ...POST, count: 1_000, action: { kind: 'answer', status: 500 } });
    for (let number = 1; number <= 3; number++) await outbox.enqueue(reportFor(number));
    deliverer = start(deliver());
    // On a busy machine the first may be tried once more before the second.
    await until('all wait', () => outcomes.some(({ kind }) => kind === 'pause'));
    expect(outcomes[0]?.kind).toBe('put-back');
    sandbox.clearFaults();
    await until('all arrive', () => arrived().length === 3);
  });

  test('adding an entry again does nothing, also after it was delivered', async () => {
    const { outbox, start } = await make();
    await outbox.enqueue(reportFor(1));
    await outbox.enqueue(reportFor(1));
    deliverer = start(deliver());
    await until('it arrives', () => outcomes.length === 1);
    await until('it is done', async () => (await outbox.counts()).active === 0);
    await outbox.enqueue(reportFor(1));
    await outbox.enqueue(reportFor(2));
    await until('the next one arrives', () => arrived().length === 2);
    expect(arrived()).toEqual(['DA:00:00:00:00:01', 'DA:00:00:00:00:02']);
  });

  test('a device that was registered while its check-in waited is not reported', async () => {
    const { outbox, start } = await make();
    await outbox.enqueue(reportFor(1));
    await outbox.enqueue(reportFor(2));
    directory.register(5, { kind: 'staff', userId: 5, name: 'Stan' }, [reportFor(1).mac]);
    deliverer = start(deliver());
    await until('both are dealt with', () => outcomes.length === 2);
    expect(arrived()).toEqual(['DA:00:00:00:00:02']);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['not-needed', 'posted']);
  });

  test('without a directory nothing is posted; when it is there everything is', async () => {
    const { outbox, start } = await make();
    directory.loaded = false;
    await outbox.enqueue(reportFor(1));
    deliverer = start(deliver());
    await until('delivery waits', () => outcomes.some(({ kind }) => kind === 'pause-own'));
    expect(arrived()).toEqual([]);
    directory.loaded = true;
    await until('it arrives', () => arrived().length === 1);
  });

  test('while Nexudus is away nothing is tried twice for one entry only: order is kept when it is back', async () => {
    const { outbox, start } = await make();
    const { url } = sandbox;
    await sandbox.close();
    for (let number = 1; number <= 30; number++) await outbox.enqueue(reportFor(number));
    deliverer = start(deliver());
    await until('delivery has met the outage', () => outcomes.filter(({ kind }) => kind === 'pause-own').length >= 3);
    sandbox = await startSandbox({ port: Number(new URL(url).port) });
    await until('all arrive', () => arrived().length === 30);
    expect(arrived()).toEqual(
      Array.from({ length: 30 }, (_, index) => formatMac(reportFor(index + 1).mac).toUpperCase()),
    );
  });

  test('an unknown outcome is looked up before anything is posted again', async () => {
    const { outbox, start } = await make();
    sandbox.fault({ ...POST, action: { kind: 'reset', commit: true } });
    await outbox.enqueue(reportFor(1));
    deliverer = start(deliver());
    await until('it is found', () => outcomes.some(({ kind }) => kind === 'found'));
    const calls = sandbox.requests
      .filter(({ path }) => path.startsWith('/api/spaces/failedcheckins'))
      .map(({ method }) => method);
    expect(calls).toEqual(['POST', 'GET']);
    expect(arrived()).toHaveLength(1);
  });
});
