// Watches interfaces and keeps visits by what it hears, as the monitor does: node keep-alive-reader.mjs INTERFACE,... GAP_MS [alone].
// Prints what becomes of visits, and every 100 ms the states. With `alone` nobody asks for keep-alives.
import { formatMac } from '../../dist/src/addresses/mac-address.js';
import { InterfaceWatch } from '../../dist/src/capture/interface-watch.js';
import { decodeFrame } from '../../dist/src/decode/frame.js';
import { Announcement, Sighting } from '../../dist/src/decode/sighting.js';
import { VisitTracker } from '../../dist/src/visits/visit-tracker.js';

const [, , names, gapMs, mode] = process.argv;
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);
const [sighting, announcement] = [new Sighting(), new Announcement()];
const begun = new WeakSet();
let refused = 0;

const tracker = new VisitTracker(
  { gapMs: Number(gapMs), settleMs: 0 },
  {
    onActive: (visit) => {
      if (begun.has(visit)) return;
      begun.add(visit);
      say('begun', formatMac(visit.mac));
    },
    onEnded: ({ mac, lastMs, lastSightingMs, keepAlives }) =>
      say('ended', formatMac(mac), 'prolonged by', lastMs - lastSightingMs, 'keep-alives', keepAlives),
  },
);
const watch = new InterfaceWatch(names.split(','), {
  promiscuous: false,
  ipv6: true,
  probes: false,
  silenceAlarmMs: 1_500,
  onChange: ({ name, state }) => say('state', name, state),
  onSilence: ({ name, isSilent }) => say(isSilent ? 'silent' : 'heard', name),
  onProbeObstacle: () => {},
  onKeepAliveFailure: ({ name, keepAliveFailure }) => say('keep-alives', name, keepAliveFailure ?? 'again'),
  onLoss: ({ name }) => say('loss', name),
});
const onFrame = (frame, length, eventMs, linkType) => {
  tracker.advance(performance.now());
  if (decodeFrame(frame, length, linkType, sighting, announcement) === 'sighting')
    tracker.observe(sighting, eventMs, performance.now());
};
const onKeepAlive = (mac, eventMs) => {
  tracker.advance(performance.now());
  if (!tracker.keepAlive(mac, eventMs, performance.now())) refused++;
};
setInterval(() => {
  tracker.advance(performance.now());
  const visits = [...tracker.open()].map(({ mac, lastMs, lastSightingMs, keepAlives }) => {
    return { mac: formatMac(mac), prolongedMs: lastMs - lastSightingMs, keepAlives };
  });
  say('now', JSON.stringify({ visits, refused, states: watch.states() }));
}, 100);
process.on('SIGTERM', () => watch.stop());
await (mode === 'alone' ? watch.run(onFrame) : watch.run(onFrame, onKeepAlive));
process.exit();
