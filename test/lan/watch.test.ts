// `wifi-monitor doctor --watch`: what it says of a place where everything, only joins, only the gateway, or nothing can be heard.
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { cli } from './deployment.js';
import { lanTest as test } from './fixture.js';
import type { Station } from './lan.js';

const PLACE = /^(ok|note|FAIL) +place +(eth0: .*)$/;

function watch(station: Station, settings: NodeJS.ProcessEnv = {}): RunningProcess {
  const env = { DRY_RUN: 'true', NEXUDUS_BUSINESS_ID: '77', CAPTURE_INTERFACE: 'eth0', ...settings };
  return station.start('node', [cli, 'doctor', '--watch', '8s'], { env });
}

/** Lets `happen` happen, again and again, while it listens; returns health and verdict. */
async function verdict(watching: RunningProcess, happen: () => Promise<unknown> = async () => {}): Promise<string[]> {
  await watching.waitForLine(/listening on eth0 for 8s/);
  let isOver = false;
  const repeating = (async () => {
    while (!isOver) {
      await happen();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  const [, health = '', text = ''] = await watching.waitForLine(PLACE);
  isOver = true;
  await repeating;
  const { code } = await watching.exit();
  expect(code).toBe(health === 'FAIL' ? 1 : 0);
  return [health, text];
}

/** Whether the machine forwards packets, as a router does. */
function forwards(station: Station, value: 0 | 1): Promise<string> {
  return station.run('sh', ['-c', `echo ${value} >/proc/sys/net/ipv4/ip_forward`]);
}

test('a wired sensor hears what devices send to everybody, and is advised to ask', async ({ lan, sensor }) => {
  await forwards(sensor, 0);
  const client = await lan.client();
  await client.lease();
  const [health, text] = await verdict(watch(sensor), () => client.announce());
  expect(health).toBe('note');
  expect(text).toMatch(/\d devices? heard, but only what they send to everybody: .*PROBE_PRESENT=true is advised/);
});

test('a router hears what devices say to it', async ({ lan }) => {
  await forwards(lan.router, 1);
  const client = await lan.client();
  await client.lease();
  // Asked by the router, the device answers to it alone.
  const ask = () => lan.router.run('busybox', ['arping', '-q', '-c', '1', '-I', 'eth0', client.ip ?? '']);
  const [health, text] = await verdict(watch(lan.router), ask);
  expect([health, text]).toEqual([
    'ok',
    expect.stringMatching(/\d devices? heard, and also what devices say to this router/),
  ]);
});

test('a mirror of the router hears what devices say to the router', async ({ lan, sensor }) => {
  await forwards(sensor, 0);
  const client = await lan.client();
  await client.lease();
  // A hub, as a mirror port is: what is for the router reaches the sensor too.
  await lan.switch.run('ip', ['link', 'set', 'br0', 'type', 'bridge', 'ageing_time', '0']);
  const ask = () => lan.router.run('busybox', ['arping', '-q', '-c', '1', '-I', 'eth0', client.ip ?? '']);
  const [health, text] = await verdict(watch(sensor, { CAPTURE_PROMISCUOUS: 'true' }), ask);
  expect([health, text]).toEqual(['ok', expect.stringMatching(/and also what devices say to the router/)]);
});

test('where only the gateway is heard, client isolation is likely', async ({ lan, sensor }) => {
  await sensor.run('ip', ['address', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  await sensor.run('ip', ['route', 'add', 'default', 'via', '10.77.0.1']);
  await sensor.run('busybox', ['ping', '-q', '-c', '1', '-W', '60', '10.77.0.1']);
  const ask = () => lan.router.run('busybox', ['arping', '-q', '-c', '1', '-I', 'eth0', '10.77.0.2']);
  const [health, text] = await verdict(watch(sensor), ask);
  expect([health, text]).toEqual(['FAIL', expect.stringMatching(/only the gateway was heard.*client isolation/)]);
});

test('where nothing is heard, the place is wrong', async ({ sensor }) => {
  expect(await verdict(watch(sensor))).toEqual(['FAIL', expect.stringMatching(/nothing was heard/)]);
});

test('a duration that makes no sense is refused', async ({ sensor }) => {
  const doctor = sensor.start('node', [cli, 'doctor', '--watch', 'soon']);
  expect((await doctor.exit()).code).toBe(2);
  expect(doctor.stderr.join()).toMatch(/Write a duration from 1s to 1h/);
});
