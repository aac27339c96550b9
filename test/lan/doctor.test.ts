// What `wifi-monitor doctor` says of interfaces that hear less than they could, on interfaces of each kind.
import { expect } from 'vitest';
import { cli } from './deployment.js';
import { sharedLanTest as test } from './fixture.js';
import type { Sensor } from './lan.js';

const MULTICAST = /drops most multicast.*"ip link set mac0 allmulticast on"/;
const PROBING = /this machine is not the router of .*PROBE_PRESENT=true asks such devices/;

/** The notes about capturing on an interface. */
async function advice(sensor: Sensor, name: string, settings: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const env = { DRY_RUN: 'true', NEXUDUS_BUSINESS_ID: '77', CAPTURE_INTERFACE: name, ...settings };
  const output = await sensor.run('node', [cli, 'doctor'], { env });
  expect(output).toMatch(new RegExp(`^ok +capture +capturing on ${name} is permitted`, 'm'));
  return output.split('\n').filter((line) => /^note +capture/.test(line));
}

test('an interface that filters multicast is told of, until it takes in all', async ({ sensor }) => {
  await sensor.run('ip', ['link', 'add', 'mac0', 'link', 'eth0', 'type', 'macvlan', 'mode', 'bridge']);
  await sensor.run('ip', ['link', 'set', 'mac0', 'up']);
  const isTold = async (name: string, settings: NodeJS.ProcessEnv = {}) =>
    (await advice(sensor, name, settings)).some((line) => MULTICAST.test(line));
  expect(await isTold('mac0')).toBe(true);
  expect(await isTold('mac0', { CAPTURE_PROMISCUOUS: 'true' })).toBe(false);
  expect(await isTold('mac0', { CAPTURE_KEEP_ALIVES: 'false' })).toBe(false);
  expect(await isTold('eth0')).toBe(false);
  await sensor.run('ip', ['link', 'set', 'mac0', 'allmulticast', 'on']);
  expect(await isTold('mac0')).toBe(false);
  await sensor.run('ip', ['link', 'delete', 'mac0']);
});

test('asking silent devices is suggested to machines that are not the router', async ({ sensor }) => {
  const isTold = async (settings: NodeJS.ProcessEnv = {}) =>
    (await advice(sensor, 'eth0', settings)).some((line) => PROBING.test(line));
  const forward = (value: number) => sensor.run('sh', ['-c', `echo ${value} >/proc/sys/net/ipv4/ip_forward`]);
  await forward(0);
  expect(await isTold()).toBe(true);
  expect(await isTold({ CAPTURE_PROMISCUOUS: 'true' })).toBe(false);

  await forward(1);
  expect(await isTold()).toBe(false);
  // A host of containers, whose own way out leads through this network.
  await sensor.run('ip', ['address', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  await sensor.run('ip', ['route', 'add', 'default', 'via', '10.77.0.1']);
  expect(await isTold()).toBe(true);
  await sensor.run('ip', ['address', 'flush', 'dev', 'eth0']);
});

test('who has set PROBE_PRESENT is told where devices cannot be asked, or not well', async ({ sensor }) => {
  const told = () => advice(sensor, 'eth0', { PROBE_PRESENT: 'true' });
  expect(await told()).toEqual([
    expect.stringMatching(/eth0 has no IPv4 address, so devices are asked from 0\.0\.0\.0/),
  ]);
  expect(await advice(sensor, 'any', { PROBE_PRESENT: 'true' })).toEqual([
    expect.stringMatching(/no device is asked through any, because it is no single Ethernet/),
  ]);
  await sensor.run('ip', ['address', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  expect(await told()).toEqual([]);
});
