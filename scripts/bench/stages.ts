// Microbenchmarks: what one call of each stage costs, in this process.

import { vendorOf } from '../../src/addresses/vendor.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { readKeepAlive } from '../../src/decode/keep-alive.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { failedCheckinBody } from '../../src/nexudus/failed-checkin.js';
import { MemoryVisitRegister } from '../../src/visits/register/memory-visit-register.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';
import { START_MS } from '../../test/capture/pcap-bytes.js';
import { arpRequest, dhcpRequest, fromGlobal, macOfDevice, multicastDns, type Template, writeFrame } from './inputs.js';
import { median } from './measured-run.js';
import { heading, note, table } from './report.js';

const BATCH_CALLS = 200_000;
const BATCHES = 7;
const GAP_MS = 900_000;

/** Nanoseconds of CPU a call: the median of batches, after one that is not counted. */
function nanoseconds(call: (index: number) => unknown): number {
  const batches: number[] = [];
  for (let batch = 0; batch <= BATCHES; batch++) {
    const before = process.cpuUsage();
    for (let index = 0; index < BATCH_CALLS; index++) call(batch * BATCH_CALLS + index);
    const { user, system } = process.cpuUsage(before);
    if (batch > 0) batches.push(((user + system) * 1_000) / BATCH_CALLS);
  }
  return median(batches);
}

function readingKeepAlive(): () => unknown {
  const frame = Buffer.alloc(2_048);
  const length = writeFrame(frame, 0, multicastDns, 7);
  return () => readKeepAlive(frame, length, 'ethernet');
}

function decoding(template: Template): () => unknown {
  const frame = Buffer.alloc(2_048);
  const length = writeFrame(frame, 0, template, 7);
  const [sighting, announcement] = [new Sighting(), new Announcement()];
  return () => decodeFrame(frame, length, 'ethernet', sighting, announcement);
}

/** A tracker that knows `devices` devices, and the sightings to show it again. */
function tracking(devices: number): (index: number) => unknown {
  const tracker = new VisitTracker({ gapMs: GAP_MS, settleMs: 3_000 }, { onActive() {}, onEnded() {} });
  const sighting = new Sighting();
  return (index) => {
    const atMs = START_MS + index;
    sighting.clear();
    sighting.mac = macOfDevice(index % devices);
    sighting.ipv4 = 0x0a000000 + (index % devices);
    tracker.observe(sighting, atMs, atMs);
    tracker.advance(atMs);
  };
}

/** A tracker with `devices` devices in visits, and their keep-alives. */
function prolonging(devices: number): (index: number) => unknown {
  const tracker = new VisitTracker({ gapMs: GAP_MS, settleMs: 3_000 }, { onActive() {}, onEnded() {} });
  const sighting = new Sighting();
  for (let device = 0; device < devices; device++) {
    sighting.mac = macOfDevice(device);
    tracker.observe(sighting, START_MS, START_MS);
  }
  return (index) => {
    const atMs = START_MS + index;
    tracker.keepAlive(macOfDevice(index % devices), atMs, atMs);
    tracker.advance(atMs);
  };
}

function lookingUp(users: number): (index: number) => unknown {
  const directory = new Directory();
  for (let user = 0; user < users; user++) {
    directory.register(user + 1, { kind: 'staff', userId: user + 1, name: `User ${user}` }, [macOfDevice(user)]);
  }
  return (index) => directory.lookup(macOfDevice((index * 7_919) % (2 * users)));
}

function registering(devices: number): (index: number) => unknown {
  const register = new MemoryVisitRegister(GAP_MS, 86_400_000);
  return (index) => register.registerSightings(macOfDevice(index % devices), START_MS, START_MS + index);
}

const report = {
  businessId: 77,
  mac: macOfDevice(0),
  startMs: START_MS,
  localStart: null,
  kind: null,
  hostname: 'phone-000001',
  ipv4: 0x0a000101,
  ipv6: null,
  via: ['arp', 'dhcp'],
  likelyOwner: null,
  inactive: null,
} as const;

export function stages(): void {
  heading('One call of each stage');
  const rows: [string, (index: number) => unknown][] = [
    ['decode: ARP request', decoding(arpRequest)],
    ['decode: DHCP request', decoding(dhcpRequest)],
    ['decode: neighbour solicitation', decoding(fromGlobal)],
    ['decode: keep-alive', readingKeepAlive()],
    ['tracker: known device, nothing new, of 2,000', tracking(2_000)],
    ['tracker: known device, nothing new, of 50,000', tracking(50_000)],
    ['tracker: keep-alive, of 2,000', prolonging(2_000)],
    ['tracker: new device each time', tracking(Number.MAX_SAFE_INTEGER)],
    ['register in memory: visit goes on, of 2,000', registering(2_000)],
    ['vendor of a registered prefix', (index) => vendorOf(macOfDevice(2 * (index % 1_000)))],
    ['directory lookup, 100 users', lookingUp(100)],
    ['directory lookup, 10,000 users', lookingUp(10_000)],
    ['directory lookup, 50,000 users', lookingUp(50_000)],
    ['body of a failed check-in', () => failedCheckinBody(report)],
  ];
  table(
    ['', 'CPU a call'],
    rows.map(([name, call]) => [name, `${nanoseconds(call).toFixed(0)} ns`]),
  );
  note(`medians of ${BATCHES} batches of ${BATCH_CALLS} calls; half of the directory's lookups find somebody`);
}
