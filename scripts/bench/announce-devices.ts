// A process of its own for the benchmark, inside a namespace: sends ARP announcements of numbered devices through a real interface.
// node announce-devices.js INTERFACE FIRST COUNT PAUSE_MS [ROUNDS]. Prints when each was sent, ms since the epoch, as JSON lines.
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { arpAnnouncement, macOfDevice, writeFrame } from './inputs.js';

const [name = '', ...numbers] = process.argv.slice(2);
const [first = 0, count = 0, pauseMs = 0, rounds = 1] = numbers.map(Number);

const pcap: typeof import('pcap') = createRequire(import.meta.url)('pcap');
pcap.warningHandler = () => {};
const session = pcap.createSession(name, { filter: 'less 1', buffer_timeout: 0 });
const frame = Buffer.alloc(2_048);
const lines: string[] = [];
let nextMs = performance.now();
for (let round = 0; round < rounds; round++) {
  for (let device = first; device < first + count; device++) {
    const length = writeFrame(frame, 0, arpAnnouncement, device);
    lines.push(JSON.stringify({ mac: macOfDevice(device), sentMs: performance.timeOrigin + performance.now() }));
    session.inject(frame.subarray(0, length));
    // Not one pause after another: timers are late by a millisecond, which would add up.
    nextMs += pauseMs;
    const waitMs = nextMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
  }
}
process.stdout.write(`${lines.join('\n')}\n`, () => process.exit());
