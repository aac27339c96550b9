// Who may capture: an ordinary user with CAP_NET_RAW and nothing else; and what the others are told.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { cli, Deployment } from './deployment.js';
import { Lan, type Sensor } from './lan.js';

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs'];

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;

beforeAll(async () => {
  lan = await Lan.create();
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor);
});

afterAll(async () => {
  await deployment?.stop();
  await lan?.close();
});

function monitorAs(capabilities: string): RunningProcess {
  const privileges = [
    ...NOBODY,
    '--bounding-set',
    capabilities,
    '--inh-caps',
    capabilities,
    '--ambient-caps',
    capabilities,
  ];
  return sensor.start('setpriv', [...privileges, '--', 'node', cli, 'monitor'], { env: deployment.environment() });
}

test('an ordinary user with CAP_NET_RAW alone reports devices, and stops in order', async () => {
  const monitor = monitorAs('-all,+net_raw');
  await monitor.waitForLine(/directory read from Nexudus/);
  const client = await lan.client({ mac: '3c:22:fb:00:09:01', hostname: 'guest' });
  await client.lease();
  await deployment.received('3c:22:fb:00:09:01');
  expect(monitor.lines.join('\n')).not.toContain('running as root');
  expect(await monitor.stop()).toEqual({ code: 0, signal: null });
});

test('an ordinary user without it is told so in one line, and the exit code is 1', async () => {
  const monitor = monitorAs('-all');
  expect(await monitor.exit()).toEqual({ code: 1, signal: null });
  expect(monitor.stderr).toEqual([
    'wifi-monitor: cannot capture on eth0: permission denied. Run as root or grant CAP_NET_RAW (see README, "Permissions")',
  ]);
});

test('root is told that root is not needed', async () => {
  const monitor = await deployment.monitor();
  await monitor.waitForLine(/running as root, which is not needed/);
  await monitor.stop();
});

test('promiscuous mode is off unless it is asked for', async () => {
  const promiscuity = async () =>
    /promiscuity (\d+)/.exec(await sensor.run('ip', ['-details', 'link', 'show', 'eth0']))?.[1];
  const monitor = await deployment.monitor();
  expect(await promiscuity()).toBe('0');
  await monitor.stop();
  const asked = await deployment.monitor({ CAPTURE_PROMISCUOUS: 'true' });
  expect(await promiscuity()).toBe('1');
  await asked.stop();
});

test('interfaces are listed with what speaks for and against each', async () => {
  await sensor.run('ip', ['tuntap', 'add', 'tun0', 'mode', 'tun']);
  await sensor.run('ip', ['link', 'set', 'tun0', 'up']);
  const list = async (...privileges: string[]) => {
    const output = await sensor.run('setpriv', [...privileges, '--', 'node', cli, 'interfaces', '--json']);
    type Row = { name: string; capture: boolean | null; recommended: boolean; advice: string };
    return output.split('\n').map((line) => JSON.parse(line) as Row);
  };
  const rows = await list('--bounding-set', '+net_raw');
  expect(rows.map(({ name, capture, recommended }) => [name, capture, recommended])).toEqual([
    ['eth0', true, true],
    ['lo', true, false],
    ['tun0', true, false],
  ]);
  expect(rows.find(({ name }) => name === 'tun0')?.advice).toContain('not Ethernet');
  const asNobody = await list(...NOBODY);
  expect(asNobody.find(({ name }) => name === 'eth0')).toMatchObject({ capture: false, recommended: true });
  const table = await sensor.run('node', [cli, 'interfaces']);
  expect(table).toMatch(/^INTERFACE +UP +LINK +MAC/);
  expect(table).toMatch(/^eth0 +yes +yes .*recommended/m);
});
