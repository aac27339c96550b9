// A location that ran with the former defaults is started anew with today's: nobody who was reported today is reported anew.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { formatMac } from '../../src/addresses/mac-address.js';
import type { VisitRecord } from '../../src/pipeline/record.js';
import { type RedisServer, startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const FORMER = { VISIT_GAP: '15m', REPORT_AGAIN_AFTER: '0s', CAPTURE_KEEP_ALIVES: 'false' };
const HOUR = 3_600_000;

/** When each device was there with the former settings, hours ago. */
const FORMER_VISITS = {
  // It is still there.
  '3c:22:fb:00:00:01': [6, 3, 0.01],
  '3c:22:fb:00:00:02': [5, 1],
  // Away for longer than the former gap, and shorter than today's.
  'da:a1:19:00:00:03': [2, 0.5],
  '3c:22:fb:00:00:04': [11.5],
};
/** Reported so long ago that it is due again; and somebody who comes for the first time. */
const DUE = '3c:22:fb:00:00:05';
const NEW = '3c:22:fb:00:00:06';
const LAST = '3c:22:fb:00:00:07';

let server: RedisServer;
let sandbox: Sandbox;
let closing: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startRedis();
  sandbox = await startSandbox();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
  await sandbox.close();
  await server.stop();
});

/** A sensor, and what it settled for each device. */
async function sensor(environment: NodeJS.ProcessEnv): Promise<[TrialSensor, Map<string, string>]> {
  const settled = new Map<string, string>();
  const onDecision = ({ visit, settlement }: VisitRecord) => settled.set(formatMac(visit.mac), settlement ?? 'open');
  const trial = await TrialSensor.start({ sandbox, redis: server, environment, listener: { onDecision } });
  closing.push(() => trial.close());
  return [trial, settled];
}

const posted = (mac: string) =>
  sandbox.failedCheckins.filter(({ MacAddresses }) => MacAddresses === mac.toUpperCase()).length;

test('a restart with the new defaults reports nobody who was reported today', async () => {
  const nowMs = Date.now();
  const [before] = await sensor(FORMER);
  const visits = Object.entries({ ...FORMER_VISITS, [DUE]: [13] }).flatMap(([mac, hours]) =>
    hours.map((ago, index) => ({ mac, atMs: nowMs - ago * HOUR, earlier: index })),
  );
  for (const { mac, atMs, earlier } of visits.sort((a, b) => a.atMs - b.atMs)) {
    before.show({ mac }, atMs);
    await until('it is reported', () => posted(mac) > earlier);
    before.allLeave();
  }
  expect(sandbox.failedCheckins).toHaveLength(9);
  await before.close();
  closing = [];

  const [after, settled] = await sensor({});
  const today = Object.keys(FORMER_VISITS);
  for (const mac of [...today, DUE, NEW]) after.show({ mac });
  await until('all are decided', () => settled.size === 6);
  await until('who is due and who is new are reported', () => posted(DUE) === 2 && posted(NEW) === 1);
  expect(sandbox.failedCheckins).toHaveLength(11);
  // One visit goes on, and so does that of who was away for half an hour; the others are new visits of devices that were reported.
  expect(today.map((mac) => settled.get(mac))).toEqual(['reported', 'spaced', 'reported', 'spaced']);

  // The next restart changes nothing.
  await after.close();
  closing = [];
  const [again, settledAgain] = await sensor({});
  for (const mac of [...today, DUE, NEW]) again.show({ mac });
  await until('all are decided', () => settledAgain.size === 6);
  // It is delivered behind all that waits.
  again.show({ mac: LAST });
  await until('the last device is reported', () => posted(LAST) === 1);
  expect(sandbox.failedCheckins).toHaveLength(12);
});
