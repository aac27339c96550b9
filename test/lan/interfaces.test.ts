// Interfaces come, go, flap and change their minds; after each event a device that arrives is reported all the same.
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { type Deployment, STATUS_PORT } from './deployment.js';
import { sharedLanTest } from './fixture.js';
import type { Lan } from './lan.js';

let arrived = 0;

const test = sharedLanTest
  .extend('monitor', { scope: 'file' }, ({ deployment }) =>
    deployment.monitor({ CAPTURE_INTERFACE: 'eth0,eth9', CAPTURE_PROMISCUOUS: 'true', STATUS_PORT }),
  )
  .extend('newDeviceIsReported', { scope: 'file' }, ({ lan, deployment }) => {
    return (vlan?: number) => newDeviceIsReported(lan, deployment, vlan);
  });

interface Capture {
  readonly interface: string;
  readonly state: string;
  readonly reopened: number;
}

interface Health {
  readonly status: string;
  readonly reasons: string[];
  readonly working: boolean;
  readonly capture: Capture[];
}

async function health(deployment: Deployment): Promise<Health> {
  return JSON.parse((await deployment.status('/healthz')).text) as Health;
}

async function stateOf(deployment: Deployment, name: string): Promise<string | undefined> {
  return (await health(deployment)).capture.find((one) => one.interface === name)?.state;
}

/** A device nobody has seen gets a lease, and is reported. It shows itself until it is: the monitor may just open a capture. */
async function newDeviceIsReported(lan: Lan, deployment: Deployment, vlan?: number): Promise<string> {
  const mac = `3c:22:fb:00:07:${(++arrived).toString(16).padStart(2, '0')}`;
  const client = await lan.client({ mac, ...(vlan === undefined ? {} : { vlan }) });
  await client.lease();
  await until(`the failed check-in of ${mac}`, async () => {
    if ((await deployment.checkins()).some(({ MacAddresses }) => MacAddresses === mac.toUpperCase())) return true;
    await client.announce();
    return false;
  });
  return mac;
}

/** Does `act`, and resolves once the monitor says that it listens on `name` again. */
async function listensAgain(monitor: RunningProcess, name: string, act: () => Promise<unknown>): Promise<void> {
  const after = monitor.lines.length;
  await act();
  await monitor.waitForLine(new RegExp(`listening on ${name} again`), { after });
}

test('an interface that does not exist yet is waited for, and said to be missing', async ({
  deployment,
  monitor,
  newDeviceIsReported,
}) => {
  await monitor.waitForLine(/eth9: there is no such interface; waiting for it/);
  const { status, working, reasons, capture } = await health(deployment);
  expect({ status, working }).toEqual({ status: 'degraded', working: true });
  expect(reasons).toContain('eth9: there is no such interface; waiting for it');
  expect(capture.map((one) => [one.interface, one.state])).toEqual([
    ['eth0', 'capturing'],
    ['eth9', 'missing'],
  ]);
  await newDeviceIsReported();
});

test('a device in a VLAN is reported from the trunk, with its VLAN', async ({ monitor, newDeviceIsReported }) => {
  const mac = await newDeviceIsReported(30);
  await monitor.waitForLine(new RegExp(`"mac":"${mac}".*"vlan":30.*what the device showed`));
});

test('an interface that appears late is listened on, and its own address is nobody’s visit', async ({
  lan,
  sensor,
  deployment,
  monitor,
  newDeviceIsReported,
}) => {
  // On the VLAN's own network, where frames have lost their tags: what a VLAN sub-interface is to the one below it.
  const own = '3c:22:fb:00:08:01';
  await listensAgain(monitor, 'eth9', () => lan.attach(sensor, 'eth9', own, '30'));
  const mac = await newDeviceIsReported(30);
  await sensor.run('ip', ['address', 'add', '10.77.1.9/24', 'dev', 'eth9']);
  await sensor.run('busybox', ['arping', '-q', '-f', '-w', '60', '-I', 'eth9', '10.77.1.1']);
  await monitor.waitForLine(new RegExp(`"mac":"${own}".*"decision":"ignored".*the sensor itself`));
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(macs.filter((one) => one === mac.toUpperCase())).toHaveLength(1);
  expect(macs).not.toContain(own.toUpperCase());
  await until('all is well', async () => (await health(deployment)).status === 'ok');
});

test('after a link that went down and came back', async ({ sensor, deployment, monitor, newDeviceIsReported }) => {
  const after = monitor.lines.length;
  await sensor.unplug();
  await monitor.waitForLine(/eth0: the interface has no link; waiting for it/, { after });
  expect(await stateOf(deployment, 'eth0')).toBe('no-link');
  await listensAgain(monitor, 'eth0', () => sensor.plug());
  await newDeviceIsReported();
});

test('after a link that flapped quicker than anybody looks', async ({ sensor, newDeviceIsReported }) => {
  await sensor.unplug();
  await sensor.plug();
  await newDeviceIsReported();
});

test('after an interface that was set down and up again', async ({
  sensor,
  deployment,
  monitor,
  newDeviceIsReported,
}) => {
  const after = monitor.lines.length;
  await sensor.run('ip', ['link', 'set', 'eth0', 'down']);
  await monitor.waitForLine(/eth0: the interface is down; waiting for it/, { after });
  expect(await stateOf(deployment, 'eth0')).toBe('down');
  await listensAgain(monitor, 'eth0', async () => {
    await sensor.run('ip', ['link', 'set', 'eth0', 'up']);
    await sensor.plug();
  });
  await newDeviceIsReported();
});

test('after an interface that was set down and up quicker than anybody looks', async ({
  sensor,
  monitor,
  newDeviceIsReported,
}) => {
  await listensAgain(monitor, 'eth0', () => sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 up']));
  await newDeviceIsReported();
});

test('after an interface that was deleted and made again', async ({
  sensor,
  deployment,
  monitor,
  newDeviceIsReported,
}) => {
  const after = monitor.lines.length;
  await sensor.deleteInterface('eth0');
  await monitor.waitForLine(/eth0: there is no such interface; waiting for it/, { after });
  expect(await stateOf(deployment, 'eth0')).toBe('missing');
  await listensAgain(monitor, 'eth0', () => sensor.addInterface('eth0'));
  await newDeviceIsReported();
});

test('after an interface that was deleted and made again quicker than anybody looks', async ({
  sensor,
  monitor,
  newDeviceIsReported,
}) => {
  await listensAgain(monitor, 'eth0', async () => {
    await sensor.deleteInterface('eth0');
    await sensor.addInterface('eth0');
  });
  await newDeviceIsReported();
});

test('after an interface that was renamed and renamed back', async ({ sensor, monitor, newDeviceIsReported }) => {
  const after = monitor.lines.length;
  await sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 name away; ip link set away up']);
  await monitor.waitForLine(/eth0: there is no such interface; waiting for it/, { after });
  await listensAgain(monitor, 'eth0', async () => {
    await sensor.run('sh', ['-c', 'ip link set away down; ip link set away name eth0; ip link set eth0 up']);
    await sensor.plug();
  });
  await newDeviceIsReported();
});

test('all interfaces together can be listened on as one, tagged frames and all', async ({
  deployment,
  newDeviceIsReported,
}) => {
  const everywhere = await deployment.monitor({ CAPTURE_INTERFACE: 'any' });
  const mac = await newDeviceIsReported();
  await everywhere.waitForLine(new RegExp(`"mac":"${mac}".*"decision":"unrecognised"`));
  const tagged = await newDeviceIsReported(30);
  await everywhere.waitForLine(new RegExp(`"mac":"${tagged}".*"vlan":30.*what the device showed`));
  await everywhere.stop();
});

test('each change was logged once, and nothing was reported twice', async ({ deployment, monitor }) => {
  const changes = monitor.lines
    .filter((line) => line.includes('"interface":"eth0"'))
    .map((line) => /eth0: .* waiting for it|eth0: .* between two looks|listening on eth0 again/.exec(line)?.[0])
    .filter((words) => words !== undefined);
  for (const state of ['has no link', 'is down', 'no such interface']) {
    expect(changes.join()).toContain(state);
  }
  // How many there are depends on how many looks fell into the quick events.
  expect(changes.filter((words, at) => words === changes[at - 1])).toEqual([]);
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(new Set(macs).size).toBe(macs.length);
  expect(macs).toHaveLength(arrived);
});
