// A machine whose clock is wrong at the start: by itself, and as a whole sensor whose Nexudus knows the time.
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { SensorClock } from '../../src/sensor/clock.js';
import { startRedis } from '../redis-server.js';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const NOON = Date.parse('2026-03-02T12:00:00Z');
const MAC = '3c:22:fb:00:00:01';

let closing: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.reverse()) await close();
  closing = [];
});

/** A machine that was turned on at noon, a minute ago, by steady time. */
function trial(trustAfterMs = 120_000) {
  const now = { wallMs: NOON, steadyMs: 5_000 };
  const shifts: number[] = [];
  const clock = new SensorClock({
    trustAfterMs,
    onTrusted: (shiftMs) => shifts.push(shiftMs),
    log: pino({ level: 'silent' }),
    wallMs: () => now.wallMs,
    steadyMs: () => now.steadyMs,
  });
  closing.push(() => clock.close());
  const pass = (ms: number) => {
    now.wallMs += ms;
    now.steadyMs += ms;
  };
  return { clock, now, shifts, pass, eventMs: () => clock.eventMs(now.wallMs, now.steadyMs) };
}

test('a clock that agrees with Nexudus is trusted at its first word, and nothing is moved', () => {
  const { clock, shifts, pass, eventMs } = trial();
  expect(clock.isTrusted).toBe(false);
  pass(1_000);
  expect(eventMs()).toBe(NOON + 1_000);
  clock.onSkew(-90_000);
  clock.onSkew(90_000);
  expect([clock.isTrusted, shifts, eventMs()]).toEqual([true, [0], NOON + 1_000]);
});

test("of a clock that is a day behind, times are moved to Nexudus's, until the clock is set right", () => {
  const { clock, now, shifts, pass, eventMs } = trial();
  pass(1_000);
  clock.onSkew(-DAY_MS);
  expect(shifts).toEqual([DAY_MS]);
  pass(MINUTE_MS);
  expect(eventMs()).toBe(NOON + DAY_MS + MINUTE_MS + 1_000);
  now.wallMs += DAY_MS - 30_000;
  // At once, although Nexudus has not said so yet.
  expect(eventMs()).toBe(now.wallMs);
  clock.onSkew(-30_000);
  now.wallMs += 5 * MINUTE_MS;
  expect(eventMs()).toBe(now.wallMs);
  expect(shifts).toEqual([DAY_MS]);
});

test('a clock that is set before Nexudus has answered: times of before and after it are moved alike', () => {
  const { clock, now, shifts, pass, eventMs } = trial();
  pass(10_000);
  const before = eventMs();
  now.wallMs += DAY_MS;
  pass(10_000);
  const after = eventMs();
  expect(after - before).toBe(10_000);
  clock.onSkew(0);
  expect(shifts).toEqual([DAY_MS]);
  expect(after + DAY_MS).toBe(eventMs());
});

test('after two minutes in which nobody told the time the clock is trusted as it is by then', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { clock, now, shifts, pass } = trial();
  now.wallMs += DAY_MS;
  pass(119_999);
  vi.advanceTimersByTime(119_999);
  expect(clock.isTrusted).toBe(false);
  pass(1);
  vi.advanceTimersByTime(1);
  expect([clock.isTrusted, shifts]).toEqual([true, [DAY_MS]]);
  // Later words do not move what was settled.
  clock.onSkew(-DAY_MS);
  expect(shifts).toEqual([DAY_MS]);
});

test("a sensor that starts with yesterday's time reports today's visit, at today's time", async () => {
  const redis = await startRedis();
  closing.push(() => redis.stop());
  const sandbox = await startSandbox();
  closing.push(() => sandbox.close());
  const yesterday = await TrialSensor.start({ sandbox, redis });
  yesterday.show({ mac: MAC });
  await until("yesterday's visit is reported", () => sandbox.failedCheckins.length === 1);
  await yesterday.close();

  sandbox.clockOffsetMs = DAY_MS;
  const environment = { REPORT_AGAIN_AFTER: '0s' };
  const today = await TrialSensor.start({ sandbox, redis, environment });
  closing.push(() => today.close());
  today.show({ mac: MAC });
  await until("today's visit is reported", () => sandbox.failedCheckins.length === 2);
  const [first, second] = sandbox.failedCheckins.map(({ CheckinAttemptTime }) => Date.parse(CheckinAttemptTime));
  expect(Math.abs((second ?? 0) - (first ?? 0) - DAY_MS)).toBeLessThan(DAY_MS / 2);
});

test('while Nexudus is away a sensor decides nothing before the time is up; then it goes on with the clock it has', async () => {
  const redis = await startRedis();
  closing.push(() => redis.stop());
  const sandbox = await startSandbox();
  closing.push(() => sandbox.close());
  // So that there is a snapshot of the directory, with which a sensor could decide at once.
  const first = await TrialSensor.start({ sandbox, redis });
  await until('the snapshot is written', async () => (await redis.cli('EXISTS', '{nwm:77}:directory')) === '1');
  await first.close();

  const start = async (trustClockAfterMs: number) => {
    const decided: string[] = [];
    const trial = await TrialSensor.start({
      sandbox,
      redis,
      trustClockAfterMs,
      environment: { NEXUDUS_URL: 'http://127.0.0.1:1' },
      listener: { onDecision: ({ decision }) => void decided.push(decision?.kind ?? 'none') },
    });
    return { trial, decided };
  };
  const patient = await start(600_000);
  patient.trial.show({ mac: MAC });
  const hasty = await start(100);
  closing.push(() => hasty.trial.close());
  hasty.trial.show({ mac: '3c:22:fb:00:00:02' });
  await until('the one whose time is up decides', () => hasty.decided.length === 1);
  expect([patient.decided, patient.trial.pipeline.waiting()]).toEqual([[], 1]);
  // At its end it hands over what it has.
  await patient.trial.close();
  expect(patient.decided).toEqual(['unrecognised']);
});
