// How long devices are held for present, by the monitor as it ships, when multicast is all that they send.
import { expect } from 'vitest';
import { until } from '../until.js';
import { STATUS_PORT } from './deployment.js';
import { lanTest } from './fixture.js';
import type { Client, Lan } from './lan.js';

/** Longer than a process on a busy machine has to wait for its turn. */
const GAP_MS = 8_000;
const test = lanTest.extend('lanOptions', { dhcp: false });

async function clientWith(lan: Lan, mac: string, ip: string): Promise<Client> {
  const client = await lan.client({ mac });
  await client.useAddress(ip);
  return client;
}

test('a client that sends only multicast stays past the gap; who leaves is gone; who never joined is never a visit', async ({
  lan,
  deployment,
}) => {
  const [talks, silent, stranger] = ['3c:22:fb:00:0f:01', '3c:22:fb:00:0f:02', '3c:22:fb:00:0f:03'];
  const monitor = await deployment.monitor({ VISIT_GAP: `${GAP_MS}ms`, REPORT_AGAIN_AFTER: '0s', STATUS_PORT });
  // They talk before one of them joins, so that no gap can lie between.
  await (await clientWith(lan, stranger, '10.77.0.33')).sendMulticastDns();
  const stays = await clientWith(lan, talks, '10.77.0.31');
  const talking = await stays.sendMulticastDns();
  await stays.announce();
  await (await clientWith(lan, silent, '10.77.0.32')).announce();
  await deployment.received(talks, silent);

  await monitor.waitForLine(new RegExp(`"mac":"${silent}".*visit over`));
  await until('the visit is two gaps long', async () => (await deployment.visitMs(talks)) > 2 * GAP_MS);
  const present = await deployment.devices();
  expect(present.map(({ mac }) => mac)).toEqual([talks]);
  expect(present[0]?.keepAlives).toBeGreaterThan(10);

  await talking.stop();
  await stays.disconnect();
  await monitor.waitForLine(new RegExp(`"mac":"${talks}".*visit over`));
  // The stranger talks on.
  const { text: metrics } = await deployment.status('/metrics');
  const heard = Number(/^wifi_monitor_keep_alives_total (\d+)/m.exec(metrics)?.[1]);
  await until('a hundred more keep-alives came', async () => {
    const { text } = await deployment.status('/metrics');
    return Number(/^wifi_monitor_keep_alives_total (\d+)/m.exec(text)?.[1]) > heard + 100;
  });
  expect(await deployment.devices()).toEqual([]);
  const macs = (await deployment.checkins()).map(({ MacAddresses }) => MacAddresses);
  expect(macs.sort()).toEqual([talks, silent].map((mac) => mac.toUpperCase()));
  expect(monitor.lines.filter((line) => line.includes(stranger))).toEqual([]);
});
