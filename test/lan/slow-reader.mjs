// Captures on eth0 and takes 0.1 ms for each frame, far too long for a flood; says with a timer that the rest of it lives.
import { captureLive } from '../../dist/src/capture/live-interface.js';

const capture = captureLive('eth0', { promiscuous: false, ipv6: true }, () => {
  const until = performance.now() + 0.1;
  while (performance.now() < until);
});
setInterval(() => process.stdout.write(`alive, broken off ${capture.stats().brokenOff} times\n`), 50);
process.on('SIGTERM', () => process.exit(0));
process.stdout.write('listening\n');
