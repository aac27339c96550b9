// What captures leave behind when they are closed. On the loopback interface; needs to be root.
import { createSocket, type Socket } from 'node:dgram';
import { createRequire } from 'node:module';
import { queryObjects } from 'node:v8';
import { afterAll, expect, test } from 'vitest';
import { freeClosedCaptures } from '../../src/capture/live-capture.js';
import { captureLive } from '../../src/capture/live-interface.js';

const { PcapSession }: typeof import('pcap') = createRequire(import.meta.url)('pcap');

const BOOTPS = 67;
const socket: Socket = createSocket('udp4');

afterAll(() => {
  socket.close();
});

/** Sends what the filter lets through until `isTrue`. */
async function sendUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise((resolve) => socket.send(Buffer.alloc(300), BOOTPS, '127.0.0.1', resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function captureOnce(): Promise<void> {
  let frames = 0;
  const capture = captureLive('lo', { promiscuous: false, ipv6: true }, () => frames++);
  await sendUntil(() => frames > 0);
  capture.close();
  await sendUntil(() => freeClosedCaptures() === 0);
}

test('a capture that was closed and freed leaves no session and no buffer behind', async () => {
  await captureOnce();
  const before = queryObjects(PcapSession, { format: 'count' });
  for (let round = 0; round < 5; round++) await captureOnce();
  expect(queryObjects(PcapSession, { format: 'count' })).toBeLessThanOrEqual(before);
});
