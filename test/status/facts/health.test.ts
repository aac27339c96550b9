import { expect, test } from 'vitest';
import { type HealthFacts, healthOf } from '../../../src/status/facts/health.js';

const ETH0: HealthFacts['interfaces'][number] = {
  name: 'eth0',
  state: 'capturing',
  reason: null,
  sinceMs: 0,
  isSilent: false,
  lastFrameMs: 98_000,
  frames: 5,
  droppedByKernel: 1,
  droppedByInterface: 2,
  brokenOff: 0,
  keepAlives: 0,
  droppedKeepAlives: 0,
  brokenOffKeepAlives: 0,
  probes: 0,
  probeObstacle: null,
  keepAliveFailure: null,
  reopened: 3,
};

const DAY = { posts: 100, perDay: 2_500, unproven: 40, unprovenPerDay: 1_500 };

const WELL: HealthFacts = {
  version: '1.2.3',
  upMs: 100_000,
  isDryRun: false,
  interfaces: [ETH0],
  redis: { isReachable: true },
  nexudus: { lastSuccessAgeMs: 1_000, failures: [] },
  hub: null,
  directory: { loaded: true, devices: 7, ageMs: 60_000, refreshMs: 300_000 },
  outbox: { waiting: 1, delayed: 0, active: 0, failed: 0, dropped: 0, oldestAgeMs: 2_000 },
  day: DAY,
  refusals: [],
  unusualArrivals: null,
  visits: { open: 4, waiting: 0, failing: false, givenUp: 0 },
  flood: { isHoldingBack: false, isOutboxFull: false, refused: 0 },
  equipmentConflicts: [],
  steadyMs: 100_000,
};

test('when all is well health is ok, and tells the numbers', () => {
  expect(healthOf(WELL)).toEqual({
    status: 'ok',
    reasons: [],
    working: true,
    version: '1.2.3',
    uptimeSeconds: 100,
    dryRun: false,
    capture: [
      {
        interface: 'eth0',
        state: 'capturing',
        silent: false,
        frames: 5,
        lastFrameAgeSeconds: 2,
        droppedByKernel: 1,
        droppedByInterface: 2,
        brokenOff: 0,
        reopened: 3,
      },
    ],
    redis: { reachable: true },
    nexudus: { lastSuccessAgeSeconds: 1, failures: [] },
    hub: null,
    directory: { loaded: true, devices: 7, ageSeconds: 60 },
    outbox: { waiting: 1, delayed: 0, active: 0, failed: 0, dropped: 0, oldestAgeSeconds: 2 },
    day: DAY,
    visits: { open: 4, waiting: 0, givenUp: 0 },
    flood: { suspected: false, refused: 0 },
  });
});

const MISSING = {
  ...ETH0,
  name: 'eth1',
  state: 'missing',
  reason: 'there is no such interface; waiting for it',
} as const;
const FAILED = { ...ETH0, state: 'failed', reason: 'cannot capture on eth0: out of memory' } as const;

test.each<[what: string, change: Partial<HealthFacts>, reason: RegExp]>([
  ['an interface that is missing', { interfaces: [ETH0, MISSING] }, /^eth1: there is no such interface/],
  ['silence', { interfaces: [{ ...ETH0, isSilent: true, lastFrameMs: null }] }, /^eth0: no frame for 1 min although/],
  [
    'keep-alives that cannot be captured',
    { interfaces: [{ ...ETH0, keepAliveFailure: 'cannot capture on eth0: out of memory' }] },
    /^eth0: keep-alives cannot be heard, so visits may end too early \(cannot capture on eth0: out of memory\)$/,
  ],
  ['a Redis that is away', { redis: { isReachable: false } }, /^Redis does not answer$/],
  ['an outbox that does not answer', { outbox: null }, /^Redis does not answer$/],
  ['visits that cannot be kept', { visits: { ...WELL.visits, waiting: 3, failing: true } }, /^3 visits cannot be kept/],
  [
    'a visit that cannot be kept',
    { visits: { ...WELL.visits, waiting: 1, failing: true } },
    /^1 visit cannot be kept and waits/,
  ],
  ['a login refused', { nexudus: { lastSuccessAgeMs: null, failures: ['reading: refused'] } }, /^reading: refused$/],
  [
    'a directory never read',
    { directory: { ...WELL.directory, loaded: false } },
    /have not been read from Nexudus yet/,
  ],
  ['a directory gone stale', { directory: { ...WELL.directory, ageMs: 901_000 } }, /last read from Nexudus 15 min ago/],
  [
    'refused check-ins',
    { outbox: { waiting: 0, delayed: 0, active: 0, failed: 2, dropped: 0, oldestAgeMs: null } },
    /^2 failed check-ins were refused/,
  ],
  [
    'a refused check-in',
    { outbox: { waiting: 0, delayed: 0, active: 0, failed: 1, dropped: 0, oldestAgeMs: null } },
    /^1 failed check-in was refused/,
  ],
  [
    'an entry that waits too long',
    { outbox: { waiting: 9, delayed: 0, active: 0, failed: 0, dropped: 0, oldestAgeMs: 3_660_000 } },
    /has waited for 61 min/,
  ],
  [
    'an entry that was dropped',
    { outbox: { waiting: 0, delayed: 0, active: 0, failed: 0, dropped: 2, oldestAgeMs: null } },
    /^2 failed check-ins were dropped after waiting for longer than OUTBOX_RETENTION/,
  ],
  ['a second DHCP server', { equipmentConflicts: ['a second DHCP server answers'] }, /second DHCP server/],
  ['a flood', { flood: { isHoldingBack: true, isOutboxFull: false, refused: 9 } }, /^suspected flood/],
  [
    'a location that is refused',
    { refusals: [{ businessId: 88, count: 2, firstStartMs: Date.parse('2026-03-02T09:32:10Z'), reason: '403' }] },
    /^Nexudus refuses 2 failed check-ins of location 88, the first of the visit of 2026-03-02 09:32 UTC: 403/,
  ],
  ['three quarters of a day', { day: { ...DAY, posts: 1_875 } }, /^1875 of 2500 posts of today/],
  ['a day that is used up', { day: { ...DAY, posts: 2_500, unproven: 1_500 } }, /wait for tomorrow$/],
  ['many that show themselves once', { day: { ...DAY, posts: 1_600, unproven: 1_500 } }, /wait until they prove/],
  ['far more arrivals than usual', { unusualArrivals: 600 }, /^600 unregistered devices arrived within ten minutes/],
  ['a full outbox', { flood: { isHoldingBack: true, isOutboxFull: true, refused: 9 } }, /^the outbox is full/],
])('%s makes health degraded, and the sensor still works', (_what, change, reason) => {
  const { status, reasons, working } = healthOf({ ...WELL, ...change });
  expect({ status, working }).toEqual({ status: 'degraded', working: true });
  expect(reasons).toEqual([expect.stringMatching(reason)]);
});

test('the sensor does not work when every capture fails, and only then', () => {
  expect(healthOf({ ...WELL, interfaces: [FAILED, MISSING] }).working).toBe(true);
  expect(healthOf({ ...WELL, interfaces: [FAILED] }).working).toBe(false);
});

test('without Redis and without a login there is nothing to miss', () => {
  const health = healthOf({ ...WELL, redis: null, nexudus: null, directory: { ...WELL.directory, ageMs: null } });
  expect(health.status).toBe('ok');
  expect({ redis: health.redis, nexudus: health.nexudus }).toEqual({ redis: null, nexudus: null });
});

test('a sensor whose hub does not answer, or whose clock is off by more than five minutes, says so', () => {
  const hub = { lastHeardAgeMs: 1_000, failure: null, clockOffsetMs: 299_000 };
  expect(healthOf({ ...WELL, nexudus: null, hub })).toMatchObject({
    status: 'ok',
    hub: { lastHeardAgeSeconds: 1, clockOffsetSeconds: 299 },
  });
  expect(
    healthOf({ ...WELL, hub: { ...hub, failure: 'the hub does not answer', clockOffsetMs: -301_000 } }).reasons,
  ).toEqual(['the hub does not answer', "this machine: its clock is 5 min behind the hub's. Turn on NTP"]);
});

test('a hub, which has no interfaces, works', () => expect(healthOf({ ...WELL, interfaces: [] }).working).toBe(true));
