// A process of its own for the benchmark, inside a namespace: node hear-keep-alives.js INTERFACE [alone]. Captures and keeps visits
// as the monitor does, and no more; with `alone` without keep-alives. Prints a JSON line for each sighting and each second.
import { PerformanceObserver } from 'node:perf_hooks';
import type { MacAddress } from '../../src/addresses/mac-address.js';
import { InterfaceWatch } from '../../src/capture/interface-watch.js';
import { decodeFrame, type LinkType } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';

export interface Second {
  readonly frames: number;
  readonly keepAlives: number;
  /** Of them those of devices that are in a visit. */
  readonly prolonging: number;
  readonly droppedByKernel: number;
  readonly droppedKeepAlives: number;
  readonly brokenOff: number;
  readonly brokenOffKeepAlives: number;
  readonly open: number;
  readonly heapMb: number;
  readonly collections: number;
}

export interface Heard {
  readonly mac: number;
  /** Ms since the epoch. */
  readonly heardMs: number;
}

const [, , name = '', mode] = process.argv;
const [sighting, announcement] = [new Sighting(), new Announcement()];
let prolonging = 0;
let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const print = (line: Second | Heard) => process.stdout.write(`${JSON.stringify(line)}\n`);
const tracker = new VisitTracker({ gapMs: 900_000, settleMs: 3_000 }, { onActive() {}, onEnded() {} });
const watch = new InterfaceWatch([name], {
  promiscuous: false,
  ipv6: true,
  probes: false,
  silenceAlarmMs: 0,
  onChange() {},
  onSilence() {},
  onProbeObstacle() {},
  onKeepAliveFailure() {},
  onLoss() {},
});

setInterval(() => {
  tracker.advance(performance.now());
  const [state] = watch.states();
  if (state === undefined) return;
  const { frames, keepAlives, droppedByKernel, droppedKeepAlives, brokenOff, brokenOffKeepAlives } = state;
  const lost = { droppedByKernel, droppedKeepAlives, brokenOff, brokenOffKeepAlives };
  const heapMb = process.memoryUsage().heapUsed / 1e6;
  print({ frames, keepAlives, prolonging, ...lost, open: tracker.size, heapMb, collections });
}, 1_000);

function onFrame(frame: Buffer, length: number, eventMs: number, linkType: LinkType): void {
  const steadyMs = performance.now();
  tracker.advance(steadyMs);
  if (decodeFrame(frame, length, linkType, sighting, announcement) !== 'sighting') return;
  tracker.observe(sighting, eventMs, steadyMs);
  print({ mac: sighting.mac, heardMs: performance.timeOrigin + steadyMs });
}

function onKeepAlive(mac: MacAddress, eventMs: number): void {
  const steadyMs = performance.now();
  tracker.advance(steadyMs);
  if (tracker.keepAlive(mac, eventMs, steadyMs)) prolonging++;
}

process.on('SIGTERM', () => watch.stop());
await (mode === 'alone' ? watch.run(onFrame) : watch.run(onFrame, onKeepAlive));
process.exit();
