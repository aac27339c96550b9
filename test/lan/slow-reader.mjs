// Captures on eth0 and takes 0.1 ms for each frame, far too long for a flood; says with a timer that the rest of it lives. With the
// argument keep-alives it captures those.
import { freeClosedCaptures } from '../../dist/src/capture/live-capture.js';
import { captureLive } from '../../dist/src/capture/live-interface.js';
import { captureKeepAlives } from '../../dist/src/capture/live-keep-alives.js';

const options = { promiscuous: false, ipv6: true };
const slowly = () => {
  const until = performance.now() + 0.1;
  while (performance.now() < until);
};
const capture =
  process.argv[2] === 'keep-alives'
    ? captureKeepAlives('eth0', 'ethernet', options, slowly)
    : captureLive('eth0', options, slowly);
setInterval(
  () =>
    process.stdout.write(`alive, broken off ${capture.stats().brokenOff} times, ${freeClosedCaptures()} not freed\n`),
  50,
);
process.on('SIGTERM', () => process.exit(0));
process.stdout.write('listening\n');
