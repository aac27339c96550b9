// What the monitor says, and how often: no attacker fills the disk with its log.
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { InterfaceState } from '../../src/capture/interface-watch.js';
import type { FrameCounts } from '../../src/pipeline/frame-counts.js';
import { createLogger, textForLog } from '../../src/sensor/log.js';
import { SensorLog } from '../../src/sensor/sensor-log.js';
import { FloodGuard } from '../../src/visits/flood-guard.js';
import { reportFor } from '../outbox/trial-reports.js';

let lines: { level: string; msg: string; [key: string]: unknown }[];
let log: SensorLog;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
  lines = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  log = new SensorLog(await createLogger('trace', sink), 'masked');
});
afterEach(() => {
  vi.useRealTimers();
});

const ETH0: InterfaceState = {
  name: 'eth0',
  state: 'capturing',
  reason: null,
  sinceMs: 0,
  isSilent: false,
  lastFrameMs: null,
  frames: 0,
  keepAlives: 0,
  droppedByKernel: 0,
  droppedByInterface: 0,
  brokenOff: 0,
  droppedKeepAlives: 0,
  brokenOffKeepAlives: 0,
  probes: 0,
  probeObstacle: null,
  keepAliveFailure: null,
  reopened: 0,
};

const counts = (malformed: number): FrameCounts => ({
  frames: malformed,
  sightings: 0,
  keepAlives: 0,
  malformed,
  malformedBy: new Map([['short-arp', malformed]]),
});

test('malformed frames are told of at most once a minute, with their number by reason', () => {
  for (let frame = 1; frame <= 100_000; frame++) log.onMalformed(counts(frame));
  expect(lines).toMatchObject([{ level: 'warn', malformed: 1, by: { 'short-arp': 1 } }]);
  vi.advanceTimersByTime(60_000);
  log.onMalformed(counts(100_001));
  log.onMalformed(counts(100_002));
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ malformed: 100_001 });
});

test('a flood is told of once a minute, and its end once', () => {
  const guard = new FloodGuard(60);
  for (let frame = 0; frame < 10_000; frame++) if (!guard.admits(performance.now(), 0)) log.onHeldBack(guard);
  expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('suspected flood')]);
  vi.advanceTimersByTime(120_000);
  expect(lines.at(-1)?.msg).toContain('the flood is over');
  expect(lines).toHaveLength(2);
});

test('Redis that cannot be reached, and a login that is refused, are told of at most once a minute', () => {
  for (let times = 0; times < 1_000; times++) {
    log.onTrouble(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    log.onOutcome(reportFor(1), { kind: 'pause', ms: 60_000, reason: 'Nexudus refuses the login: no' });
  }
  expect(lines).toMatchObject([{ cause: 'there is no connection' }, { cause: 'Nexudus refuses the login: no' }]);
});

test('a line names the time once, so that it is the time of the line', () => {
  log.onOutcome(reportFor(1), { kind: 'posted', recordId: 5 });
  expect(lines[0]).toMatchObject({ mac: 'da:00:00:**:**:01', attempt: '2026-03-02T09:00:01Z', record: 5 });
  expect(Date.parse(String(lines[0]?.time))).toBeGreaterThan(Date.parse('2026-03-03'));
});

test('keep-alives that cannot be captured are told of with the cause, and when they are heard again', () => {
  const interfaceWith = (keepAliveFailure: string | null) => ({ ...ETH0, keepAliveFailure });
  log.onKeepAliveFailure(interfaceWith('cannot capture on eth0: out of memory'));
  log.onKeepAliveFailure(interfaceWith(null));
  expect(lines).toMatchObject([
    { level: 'warn', cause: 'cannot capture on eth0: out of memory', msg: expect.stringMatching(/^eth0: .* cannot/) },
    { level: 'info', msg: 'eth0: keep-alives are heard again' },
  ]);
});

test('an address in a text from elsewhere is masked however it is written, and a time is none', () => {
  const spellings = ['3c:22:fb:ab:cd:56', '3C-22-FB-AB-CD-56', '3c22fbabcd56', '3c22.fbab.cd56', `${0x3c22fbabcd56}`];
  for (const mac of spellings) expect(textForLog(`at ${mac}.`, 'masked')).toBe('at 3c:22:fb:**:**:56.');
  expect(textForLog(`at ${spellings.at(-1)}.`, 'full')).toBe(`at ${spellings.at(-1)}.`);
  expect(textForLog('record 1772442001000 of 1.2.3', 'masked')).toBe('record 1772442001000 of 1.2.3');
});

test('that reports were dropped after OUTBOX_RETENTION is an error, with their number alone', () => {
  log.onDropped(3);
  expect(lines).toMatchObject([{ level: 'error', reports: 3, msg: expect.stringMatching(/OUTBOX_RETENTION/) }]);
});

test('who is taken for a repeater is told, masked, and at most once a minute', () => {
  for (let frame = 0; frame < 1_000; frame++) log.onRepeater(0x3c22fb000000 + frame);
  expect(lines).toMatchObject([{ level: 'info', mac: '3c:22:fb:**:**:00', msg: expect.stringContaining('repeater') }]);
  vi.advanceTimersByTime(60_000);
  log.onRepeater(0x3c22fb000001);
  expect(lines).toHaveLength(2);
});
