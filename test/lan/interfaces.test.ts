// Interfaces come, go, flap and change their minds; after each event a device that arrives is reported all the same.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { Deployment } from './deployment.js';
import { Lan, type Sensor } from './lan.js';

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;
let monitor: RunningProcess;
let arrived = 0;

beforeAll(async () => {
  lan = await Lan.create();
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor);
  monitor = await deployment.monitor({
    CAPTURE_INTERFACE: 'eth0,eth9',
    CAPTURE_PROMISCUOUS: 'true',
    STATUS_PORT: '9467',
  });
});

afterAll(async () => {
  await deployment?.stop();
  await lan?.close();
});

interface Capture {
  readonly interface: string;
  readonly state: string;
  readonly reopened: number;
}

interface Answer {
  readonly status: string;
  readonly reasons: string[];
  readonly working: boolean;
  readonly capture: Capture[];
}

async function health(): Promise<Answer> {
  const get = `fetch('http://127.0.0.1:9467/healthz').then((answer) => answer.text()).then((text) => console.log(text))`;
  return JSON.parse(await sensor.run('node', ['-e', get])) as Answer;
}

async function stateOf(name: string): Promise<string | undefined> {
  return (await health()).capture.find((one) => one.interface === name)?.state;
}

/** A device nobody has seen gets a lease, and is reported. */
async function newDeviceIsReported(vlan?: number): Promise<string> {
  const mac = `3c:22:fb:00:07:${(++arrived).toString(16).padStart(2, '0')}`;
  const client = await lan.client({ mac, ...(vlan === undefined ? {} : { vlan }) });
  await client.lease();
  await deployment.received(mac);
  return mac;
}

/** Does `act`, and resolves once the monitor says that it listens on `name` again. The design wants that within 3 s. */
async function listensAgain(name: string, act: () => Promise<unknown>): Promise<void> {
  const after = monitor.lines.length;
  await act();
  const began = performance.now();
  await monitor.waitForLine(new RegExp(`listening on ${name} again`), { after });
  process.stdout.write(`  listening again ${Math.round(performance.now() - began)} ms after the link was back\n`);
}

test('an interface that does not exist yet is waited for, and said to be missing', async () => {
  await monitor.waitForLine(/eth9: there is no such interface; waiting for it/);
  const { status, working, reasons, capture } = await health();
  expect({ status, working }).toEqual({ status: 'degraded', working: true });
  expect(reasons).toContain('eth9: there is no such interface; waiting for it');
  expect(capture.map((one) => [one.interface, one.state])).toEqual([
    ['eth0', 'capturing'],
    ['eth9', 'missing'],
  ]);
  await newDeviceIsReported();
});

test('a device in a VLAN is reported from the trunk, with its VLAN', async () => {
  const mac = await newDeviceIsReported(30);
  await monitor.waitForLine(new RegExp(`"mac":"${mac}".*"vlan":30.*what the device showed`));
});

test('an interface that appears late is listened on, and its own address is nobody’s visit', async () => {
  // On the VLAN's own network, where frames have lost their tags: what a VLAN sub-interface is to the one below it.
  const own = '3c:22:fb:00:08:01';
  await listensAgain('eth9', () => lan.attach(sensor, 'eth9', own, '30'));
  const mac = await newDeviceIsReported(30);
  await sensor.run('ip', ['address', 'add', '10.77.1.9/24', 'dev', 'eth9']);
  await sensor.run('busybox', ['arping', '-q', '-f', '-c', '1', '-w', '2', '-I', 'eth9', '10.77.1.1']);
  await monitor.waitForLine(new RegExp(`"mac":"${own}".*"decision":"ignored".*the sensor itself`));
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(macs.filter((one) => one === mac.toUpperCase())).toHaveLength(1);
  expect(macs).not.toContain(own.toUpperCase());
  await until('all is well', async () => (await health()).status === 'ok');
});

test('after a link that went down and came back', async () => {
  const after = monitor.lines.length;
  await sensor.unplug();
  await monitor.waitForLine(/eth0: the interface has no link; waiting for it/, { after });
  expect(await stateOf('eth0')).toBe('no-link');
  await listensAgain('eth0', () => sensor.plug());
  await newDeviceIsReported();
});

test('after a link that flapped quicker than anybody looks', async () => {
  await sensor.unplug();
  await sensor.plug();
  await newDeviceIsReported();
});

test('after an interface that was set down and up again', async () => {
  const after = monitor.lines.length;
  await sensor.run('ip', ['link', 'set', 'eth0', 'down']);
  await monitor.waitForLine(/eth0: the interface is down; waiting for it/, { after });
  expect(await stateOf('eth0')).toBe('down');
  await listensAgain('eth0', async () => {
    await sensor.run('ip', ['link', 'set', 'eth0', 'up']);
    await sensor.plug();
  });
  await newDeviceIsReported();
});

test('after an interface that was set down and up quicker than anybody looks', async () => {
  await listensAgain('eth0', () => sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 up']));
  await newDeviceIsReported();
});

test('after an interface that was deleted and made again', async () => {
  const after = monitor.lines.length;
  await sensor.deleteInterface('eth0');
  await monitor.waitForLine(/eth0: there is no such interface; waiting for it/, { after });
  expect(await stateOf('eth0')).toBe('missing');
  await listensAgain('eth0', () => sensor.addInterface('eth0'));
  await newDeviceIsReported();
});

test('after an interface that was deleted and made again quicker than anybody looks', async () => {
  await listensAgain('eth0', async () => {
    await sensor.deleteInterface('eth0');
    await sensor.addInterface('eth0');
  });
  await newDeviceIsReported();
});

test('after an interface that was renamed and renamed back', async () => {
  const after = monitor.lines.length;
  await sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 name away; ip link set away up']);
  await monitor.waitForLine(/eth0: there is no such interface; waiting for it/, { after });
  await listensAgain('eth0', async () => {
    await sensor.run('sh', ['-c', 'ip link set away down; ip link set away name eth0; ip link set eth0 up']);
    await sensor.plug();
  });
  await newDeviceIsReported();
});

test('all interfaces together can be listened on as one, tagged frames and all', async () => {
  const everywhere = await deployment.monitor({ CAPTURE_INTERFACE: 'any' });
  const mac = await newDeviceIsReported();
  await everywhere.waitForLine(new RegExp(`"mac":"${mac}".*"decision":"unrecognised"`));
  const tagged = await newDeviceIsReported(30);
  await everywhere.waitForLine(new RegExp(`"mac":"${tagged}".*"vlan":30.*what the device showed`));
  await everywhere.stop();
});

test('each change was logged once, and nothing was reported twice', async () => {
  const changes = monitor.lines.filter((line) => /"interface":"eth0".*(waiting for it|between two looks)/.test(line));
  // Unplugged, down, deleted, renamed; and two events between two looks (a third one may or may not be seen as such).
  expect(changes.length).toBeGreaterThanOrEqual(5);
  expect(changes.length).toBeLessThanOrEqual(8);
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(new Set(macs).size).toBe(macs.length);
  expect(macs).toHaveLength(arrived);
});
