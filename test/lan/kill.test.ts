// The monitor is killed at random moments, again and again, while devices arrive and Nexudus is slow or breaks off after
// committing. At the end every device is recorded exactly once. KILL_ROUNDS (default 40) sets how often; see test:kill.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { pcapBytes } from '../capture/pcap-bytes.js';
import { ARP, arp, ethernet } from '../decode/frames.js';
import { until } from '../until.js';
import { lanTest } from './fixture.js';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 40);
const DEVICES_PER_ROUND = 3;

const test = lanTest.extend('lanOptions', { dhcp: false });

function macOf(device: number): string {
  return `3c:22:fb:${[16, 8, 0].map((shift) => ((device >> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`;
}

function announcement(device: number): Uint8Array {
  const address = `10.77.${device >> 8}.${device & 0xff}`;
  return ethernet(ARP, arp({ sha: macOf(device), spa: address, tpa: address }), { source: macOf(device) });
}

/** Slow most of the time; now and then the answer is lost after the record was made, or the request before. */
function faultOf(round: number): object | null {
  const action = [
    { kind: 'delay-headers', ms: 300 },
    { kind: 'reset', commit: true, afterMs: 100 },
    { kind: 'delay-headers', ms: 800 },
    { kind: 'reset' },
    { kind: 'answer', status: 500, commit: true },
    { kind: 'delay-body', ms: 400 },
  ][round % 6];
  return { method: 'POST', path: '/api/spaces/failedcheckins', count: 1 + (round % 3), action };
}

test(`killed ${ROUNDS} times, the monitor loses no device and doubles none`, {
  timeout: ROUNDS * 30_000 + 900_000,
}, async ({ lan, deployment }) => {
  const injector = await lan.client();
  const file = join(lan.directory, 'announcements.pcap');
  const announce = async (devices: number) => {
    await writeFile(file, pcapBytes(Array.from({ length: devices }, (_, device) => announcement(device))));
    await injector.inject(file);
  };
  // The first run leaves a snapshot of the directory, with which later ones decide at once.
  await (await deployment.monitor()).stop();

  const settings = { SETTLE_TIME: '100ms' };
  let devices = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const fault = faultOf(round);
    if (fault !== null) await deployment.fault(fault);
    const monitor = deployment.start(settings);
    await monitor.waitForLine(/listening on/);
    devices += DEVICES_PER_ROUND;
    await announce(devices);
    // From before the first burst settles to well inside the deliveries.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_200));
    monitor.kill('SIGKILL');
    await monitor.exit();
  }

  await deployment.clearFaults();
  deployment.start(settings);
  const wanted = Array.from({ length: devices }, (_, device) => macOf(device).toUpperCase());
  await announce(devices);
  // What a killed monitor was delivering is taken over once its lock is over.
  await until('every device is recorded', async () => {
    const recorded = new Set((await deployment.checkins()).map(({ MacAddresses }) => MacAddresses));
    if (wanted.every((mac) => recorded.has(mac))) return true;
    await announce(devices);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return false;
  });
  await until('nothing is under way any more', () => deployment.outboxIsEmpty());
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(macs.sort()).toEqual(wanted.sort());
});
