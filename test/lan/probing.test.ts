// Silent devices are asked whether they are still here: on a real network, by the monitor as it ships.
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { STATUS_PORT } from './deployment.js';
import { lanTest } from './fixture.js';
import type { Client, Sensor } from './lan.js';

/** A device is asked after a third of it. The rest is longer than a process on a busy machine has to wait for its turn. */
const GAP_MS = 12_000;
const SENSOR_IP = '10.77.0.2';
const test = lanTest.extend('lanOptions', { dhcp: false });
const ipv6Test = lanTest.extend('lanOptions', { ipv6: true, dhcp: false });

/** Only answers prolong visits here, and each visit is reported. */
const SETTINGS = {
  VISIT_GAP: `${GAP_MS}ms`,
  REPORT_AGAIN_AFTER: '0s',
  CAPTURE_KEEP_ALIVES: 'false',
  PROBE_PRESENT: 'true',
  STATUS_PORT,
  // The router, which speaks from time to time. Equipment is not asked.
  IGNORE_MACS: '02:00:5e:00:53:ff',
};

/** Records what leaves the sensor's interface. `stop` it, then `framesOf` it. */
function record(sensor: Sensor, file: string): Promise<RunningProcess> {
  return sensor.tcpdump(['-i', 'eth0', '-Q', 'out', '-w', file]);
}

interface Frame {
  readonly atMs: number;
  readonly source: string;
  readonly destination: string;
  readonly text: string;
}

async function framesOf(sensor: Sensor, file: string): Promise<Frame[]> {
  const lines = await sensor.run('tcpdump', ['-nn', '-e', '-tt', '-r', file]);
  return lines.split('\n').flatMap((text) => {
    const found = /^([\d.]+) (\S+) > (\S+), /.exec(text);
    if (found === null) return [];
    const [, at = '', source = '', destination = ''] = found;
    return [{ atMs: Number(at) * 1_000, source, destination, text }];
  });
}

/** Its kernel does not answer ARP any more. */
async function fallDeaf(client: Client): Promise<void> {
  await client.run('sh', ['-c', 'echo 8 >/proc/sys/net/ipv4/conf/all/arp_ignore']);
}

test('devices that only answer stay in one visit; who leaves is asked three times and gone; strangers to it are not asked', async ({
  lan,
  sensor,
  deployment,
}) => {
  const [stays, leaves, unseen] = ['3c:22:fb:00:0e:01', '3c:22:fb:00:0e:02', '3c:22:fb:00:0e:03'];
  await sensor.run('ip', ['address', 'add', `${SENSOR_IP}/24`, 'dev', 'eth0']);
  const file = join(lan.directory, 'sent.pcap');
  const recording = await record(sensor, file);
  const monitor = await deployment.monitor(SETTINGS);
  await monitor.waitForLine(/eth0: devices that are silent are asked/);

  const clients = new Map<string, Client>();
  for (const [index, mac] of [stays, leaves, unseen].entries()) {
    const client = await lan.client({ mac });
    await client.useAddress(`10.77.0.${31 + index}`);
    clients.set(mac, client);
  }
  const left = clients.get(leaves) as Client;
  await clients.get(stays)?.announce();
  await left.announce();
  await fallDeaf(left);
  await deployment.received(stays, leaves);

  await monitor.waitForLine(new RegExp(`"mac":"${leaves}".*visit over`));
  await until('the visit is two gaps long', async () => (await deployment.visitMs(stays)) > 2 * GAP_MS);
  expect((await deployment.checkins()).map(({ MacAddresses }) => MacAddresses).sort()).toEqual(
    [stays, leaves].map((mac) => mac.toUpperCase()),
  );
  const { text: metrics } = await deployment.status('/metrics');
  // The sensor sent, and was no device for it.
  const present = (await deployment.devices()).map(({ mac }) => mac);
  expect(present.filter((mac) => mac !== SETTINGS.IGNORE_MACS)).toEqual([stays]);

  // It leaves without a word: the visit ends.
  await clients.get(stays)?.disconnect();
  await monitor.waitForLine(new RegExp(`"mac":"${stays}".*visit over`));
  await monitor.stop();
  await recording.stop();

  const frames = await framesOf(sensor, file);
  const own = await sensor.mac();
  // Every frame is such a question, to a device in a visit alone.
  for (const { source, destination, text } of frames) {
    expect(source).toBe(own);
    expect(destination === stays || destination === leaves).toBe(true);
    expect(text).toContain(
      `ethertype ARP (0x0806), length 42: Request who-has 10.77.0.${destination === stays ? 31 : 32} tell ${SENSOR_IP}`,
    );
  }
  const deaf = frames.filter(({ destination }) => destination === leaves).map(({ atMs }) => atMs);
  expect(deaf).toHaveLength(3);
  const [first = 0, second = 0, third = 0] = deaf;
  expect(Math.min(second - first, third - second)).toBeGreaterThan(1_900);
  const counted = Number(/^wifi_monitor_probes_total\{interface="eth0"\} (\d+)/m.exec(metrics)?.[1]);
  expect(counted).toBeGreaterThanOrEqual(6);
  expect(counted).toBeLessThanOrEqual(frames.length);
});

ipv6Test('a device that has only IPv6 is asked by a neighbour solicitation', async ({ lan, sensor, deployment }) => {
  const mac = '3c:22:fb:00:0e:04';
  await sensor.run('sh', ['-c', 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6']);
  await until('the sensor has a link-local address', async () => {
    const addresses = await sensor.run('ip', ['-6', 'address', 'show', 'dev', 'eth0']);
    return addresses.includes('scope link') && !addresses.includes('tentative');
  });
  const monitor = await deployment.monitor(SETTINGS);
  const file = join(lan.directory, 'sent.pcap');
  const recording = await record(sensor, file);
  const client = await lan.client({ mac });
  await until('the visit is two gaps long', async () => (await deployment.visitMs(mac)) > 2 * GAP_MS);
  const [device] = (await deployment.devices()).filter((one) => one.mac === mac);
  expect(device?.via).toEqual(['ndp']);
  await client.disconnect();
  await monitor.waitForLine(new RegExp(`"mac":"${mac}".*visit over`));
  await monitor.stop();
  await recording.stop();

  // Beside what the sensor's own system sends.
  const asked = (await framesOf(sensor, file)).filter(({ text }) => text.includes('neighbor solicitation'));
  expect(asked.length).toBeGreaterThanOrEqual(5);
  for (const { destination, text } of asked) {
    expect(destination).toBe(mac);
    expect(text).toMatch(/fe80::\S+ > fe80::\S+: ICMP6, neighbor solicitation, who has fe80::/);
  }
  const received = (await deployment.checkins()).filter(({ MacAddresses }) => MacAddresses === mac.toUpperCase());
  expect(received).toHaveLength(1);
});

test('unless it is asked for, not one frame leaves the interface: who is silent has left', async ({
  lan,
  sensor,
  deployment,
}) => {
  const mac = '3c:22:fb:00:0e:05';
  await sensor.run('ip', ['address', 'add', `${SENSOR_IP}/24`, 'dev', 'eth0']);
  const file = join(lan.directory, 'sent.pcap');
  const recording = await record(sensor, file);
  const { PROBE_PRESENT: _, ...settings } = SETTINGS;
  const monitor = await deployment.monitor({ ...settings, CAPTURE_KEEP_ALIVES: 'true' });
  const client = await lan.client({ mac });
  await client.useAddress('10.77.0.31');
  await client.announce();
  await monitor.waitForLine(new RegExp(`"mac":"${mac}".*visit over`));
  await monitor.stop();
  // The recording works: what is sent by somebody else here is in it.
  await recording.stop();
  expect(await framesOf(sensor, file)).toEqual([]);
  const control = await record(sensor, file);
  await sensor.run('busybox', ['arping', '-q', '-c', '1', '-I', 'eth0', '10.77.0.31']);
  await control.stop();
  expect(await framesOf(sensor, file)).toHaveLength(1);
});

test('what one interface sends is no sighting on another that hears it', async ({ lan, sensor, deployment }) => {
  const mac = '3c:22:fb:00:0e:06';
  await sensor.run('ip', ['address', 'add', `${SENSOR_IP}/24`, 'dev', 'eth0']);
  await sensor.addInterface('eth1');
  const listening = await sensor.tcpdump(['-p', '-i', 'eth1', 'arp[6:2] = 1 and ether dst', mac]);
  const monitor = await deployment.monitor({
    ...SETTINGS,
    CAPTURE_INTERFACE: 'eth0,eth1',
    CAPTURE_PROMISCUOUS: 'true',
  });
  const client = await lan.client({ mac });
  await client.useAddress('10.77.0.31');
  await client.announce();
  await deployment.received(mac);
  // Once it is unplugged the switch does not know where it is, and floods what is sent to it.
  await client.disconnect();
  await listening.waitForLine(/Request who-has 10\.77\.0\.31/);
  await monitor.waitForLine(new RegExp(`"mac":"${mac}".*visit over`));
  const own = [await sensor.mac('eth0'), await sensor.mac('eth1')];
  const shown = monitor.lines.filter((line) => own.some((one) => line.includes(`"mac":"${one}"`)));
  expect(shown).toEqual([]);
  await listening.stop();
});

test('a guest who claims an address of the staff makes the sensor send nothing into the network of the staff', async ({
  lan,
  sensor,
  deployment,
}) => {
  const [honest, liar, victim] = ['3c:22:fb:00:0e:08', '3c:22:fb:00:0e:09', '3c:22:fb:00:0e:0a'];
  const guests = [await lan.client({ mac: honest, vlan: 30 }), await lan.client({ mac: liar, vlan: 30 })];
  // A switch port of the staff, with somebody on it who never says anything.
  await lan.client({ mac: victim, vlan: 40 });
  await sensor.addInterface('eth1', undefined, '30');
  await sensor.addInterface('eth2', undefined, '40');
  await sensor.run('ip', ['address', 'add', '10.88.0.2/24', 'dev', 'eth1']);
  await sensor.run('ip', ['address', 'add', `${SENSOR_IP}/24`, 'dev', 'eth2']);
  const file = join(lan.directory, 'to-staff.pcap');
  const recording = await sensor.tcpdump(['-i', 'eth2', '-Q', 'out', '-w', file]);
  const monitor = await deployment.monitor({ ...SETTINGS, CAPTURE_INTERFACE: 'eth1,eth2' });
  await monitor.waitForLine(/eth2: devices that are silent are asked/);
  const addresses = ['10.88.0.31', '10.77.0.32'];
  for (const [index, address] of addresses.entries()) {
    await guests[index]?.useAddress(address);
    await guests[index]?.announce();
  }
  await until('the honest guest is asked, and stays', async () => (await deployment.visitMs(honest)) > GAP_MS);
  await monitor.waitForLine(new RegExp(`"mac":"${liar}".*visit over`));
  await monitor.stop();
  await recording.stop();
  expect(await framesOf(sensor, file)).toEqual([]);
});

test('the log says through which interfaces devices are asked; one without an address asks from none', async ({
  lan,
  deployment,
}) => {
  const monitor = await deployment.monitor({ ...SETTINGS, CAPTURE_INTERFACE: 'eth0,any' });
  await monitor.waitForLine(/eth0: devices that are silent are asked/);
  await monitor.waitForLine(/any: no device is asked through it \(PROBE_PRESENT\), because it is no single Ethernet/);
  const mac = '3c:22:fb:00:0e:07';
  const client = await lan.client({ mac });
  const listening = await client.tcpdump(['-i', 'eth0', 'arp']);
  await client.useAddress('10.77.0.31');
  await client.announce();
  await listening.waitForLine(/Request who-has 10\.77\.0\.31 tell 0\.0\.0\.0/);
  await until('it is asked and stays', async () => (await deployment.visitMs(mac)) > GAP_MS);
  expect(monitor.lines.filter((line) => line.includes('PROBE_PRESENT'))).toHaveLength(2);
});
