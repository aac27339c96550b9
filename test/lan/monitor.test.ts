// The main job on a real network: real DHCP clients, the real monitor process, real Redis, the sandbox API.
import { expect } from 'vitest';
import { until } from '../until.js';
import { type ReceivedCheckin, STATUS_PORT } from './deployment.js';
import { lanTest } from './fixture.js';

const PHONE = 'da:a1:19:00:00:01';
const LAPTOP = '3c:22:fb:00:00:02';
const KNOWN = '3c:22:fb:00:00:03';
const STAFF = '3c:22:fb:00:00:04';
const SEED = {
  users: [
    { Id: 1, FullName: 'Carla Coworker', Active: true, Devices: '3C-22-FB-00-00-03' },
    { Id: 2, FullName: 'Stan Staff', Active: true, Devices: null },
  ],
  coworkers: [{ Id: 11, UserId: 1, FullName: 'Carla Coworker', Active: true, Archived: false }],
  registeredDevices: [{ Id: 5, UserId: 2, Name: 'Laptop', DeviceId: STAFF }],
};

const test = lanTest.extend('seed', SEED);

test('each unregistered client is reported exactly once, with vendor, host name and address; registered ones never', async ({
  lan,
  deployment,
}) => {
  // Its end ends the bursts: by then each client has its address, however long that takes on a busy machine.
  const collecting = await deployment.monitor({ SETTLE_TIME: '10m', STATUS_PORT });

  const phone = await lan.client({ mac: PHONE, hostname: 'Annas-iPhone' });
  const laptop = await lan.client({ mac: LAPTOP, hostname: 'bens-macbook', dhcpClient: 'dhclient' });
  const known = await lan.client({ mac: KNOWN, hostname: 'carlas-macbook' });
  const staff = await lan.client({ mac: STAFF, hostname: 'stans-macbook' });
  const clients = [phone, laptop, known, staff];
  const [phoneIp, laptopIp] = await Promise.all(clients.map((client) => client.lease()));
  await Promise.all(clients.map((client) => client.announce()));
  await until('the addresses of both strangers were seen', async () => {
    const { text } = await deployment.status('/api/devices');
    return [phoneIp, laptopIp].every((ip) => text.includes(`"${ip}"`));
  });
  expect((await collecting.stop()).code).toBe(0);
  for (const mac of [KNOWN, STAFF]) await collecting.waitForLine(new RegExp(`"mac":"${mac}".*"decision":"recognised"`));

  const monitor = await deployment.monitor();
  const received = await deployment.received(PHONE, LAPTOP);
  const describe = (mac: string) =>
    received.find(({ MacAddresses }) => MacAddresses === mac.toUpperCase())?.Description ?? '';
  expect(describe(PHONE)).toContain('private (randomised) address');
  expect(describe(PHONE)).toContain('Annas-iPhone');
  expect(describe(PHONE)).toContain(phoneIp);
  expect(describe(LAPTOP)).toContain('Apple, Inc.');
  expect(describe(LAPTOP)).toContain('bens-macbook');
  expect(describe(LAPTOP)).toContain(laptopIp);
  expect(received.every(({ Source, BusinessId }) => Source === 3 && BusinessId === 77)).toBe(true);

  // A second burst, then a restart of the monitor: the visits go on, so nothing is added.
  await phone.renew();
  await laptop.renew();
  const { code } = await monitor.stop();
  expect(code).toBe(0);
  const again = await deployment.monitor();
  await Promise.all(clients.map((client) => client.announce(2)));
  for (const mac of [PHONE, LAPTOP]) await again.waitForLine(new RegExp(`"mac":"${mac}".*"settlement":"reported"`));
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses).sort();
  expect(macs).toEqual([LAPTOP, PHONE].map((mac) => mac.toUpperCase()).sort());
});

test('two monitors on two interfaces of one LAN, sharing one Redis, report each device once', async ({
  lan,
  sensor,
  deployment,
}) => {
  await sensor.addInterface('eth1');
  const monitors = [await deployment.monitor(), await deployment.monitor({ CAPTURE_INTERFACE: 'eth1' })];

  const macs = Array.from({ length: 5 }, (_, index) => `3c:22:fb:00:01:0${index}`);
  const clients = await Promise.all(macs.map((mac) => lan.client({ mac })));
  await Promise.all(clients.map((client) => client.lease()));
  for (const monitor of monitors) {
    for (const mac of macs) await monitor.waitForLine(new RegExp(`"mac":"${mac}".*"settlement":"reported"`));
  }
  const received = await deployment.received(...macs);
  expect(received.map(({ MacAddresses }) => MacAddresses).sort()).toEqual(macs.map((mac) => mac.toUpperCase()).sort());
});

test('a device that returns after the gap is a new visit, and is reported again', async ({ lan, deployment }) => {
  const monitor = await deployment.monitor({ VISIT_GAP: '3s', REPORT_AGAIN_AFTER: '0s' });
  const laptop = await lan.client({ mac: LAPTOP });
  await laptop.lease();
  await deployment.received(LAPTOP);
  await laptop.disconnect();
  // The monitor says itself when it has let the visit go.
  await monitor.waitForLine(new RegExp(`"mac":"${LAPTOP}".*visit over`));
  await laptop.lease();
  let received: ReceivedCheckin[] = [];
  await until('it is reported again', async () => {
    received = await deployment.checkins();
    return received.length >= 2;
  });
  const [first, second] = received;
  expect(first?.CheckinAttemptTime).not.toBe(second?.CheckinAttemptTime);
});
