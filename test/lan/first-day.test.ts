// The first day of an operator: printer and access point are reported like visitors, are suggested with reasons, are labelled as equipment, and never
// reported again: not when they come anew, not after a restart, not by a second sensor. A stranger beside them is reported each time.
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { lanTest as test } from './fixture.js';
import type { Client } from './lan.js';

const PRINTER = { mac: 'f8:0d:ac:31:6b:9e', hostname: 'NPI316B9E', vendorClass: 'Hewlett-Packard JetDirect' };
const ACCESS_POINT = { mac: '78:45:58:c0:1a:06', hostname: 'U6-Lite-Lounge', vendorClass: 'ubnt' };
// Without a class of its own it would send that of BusyBox's client, as small built-in devices do.
const STRANGER = { mac: '3c:22:fb:4a:11:02', hostname: 'bens-laptop', vendorClass: 'MSFT 5.0' };

/** Every visit is reported, and over soon. */
const SETTINGS = { VISIT_GAP: '3s', REPORT_AGAIN_AFTER: '0s', SETTLE_TIME: '500ms' };

/** Resolves with the decision about the visit that begins now. */
async function decisionOn(client: Client, mac: string, monitor: RunningProcess): Promise<string> {
  const after = monitor.lines.length;
  await client.announce();
  const [line] = await monitor.waitForLine(new RegExp(`"mac":"${mac}".*"decision":"(\\w+)".*"msg":"visit"`), { after });
  return /"decision":"(\w+)"/.exec(line)?.[1] ?? '';
}

/** Resolves once the visits that are open now are over. */
async function untilGone(monitor: RunningProcess, after: number, ...macs: readonly string[]): Promise<void> {
  for (const mac of macs) await monitor.waitForLine(new RegExp(`"mac":"${mac}".*"msg":"visit over"`), { after });
}

test('equipment is labelled once, and never reported again', async ({ lan, sensor, deployment }) => {
  const all = [PRINTER, ACCESS_POINT, STRANGER];
  const macs = all.map(({ mac }) => mac);
  const first = await deployment.monitor(SETTINGS);
  let after = first.lines.length;
  const clients = new Map<string, Client>();
  for (const device of all) {
    const client = await lan.client(device);
    clients.set(device.mac, client);
    await client.lease();
  }
  const reported = await deployment.received(...macs);
  const descriptionOf = (mac: string) =>
    reported.find(({ MacAddresses }) => MacAddresses === mac.toUpperCase())?.Description;
  expect(descriptionOf(PRINTER.mac)).toContain('printer');
  expect(descriptionOf(ACCESS_POINT.mac)).toContain('access point');

  const suggested = async () =>
    (await deployment.command('suggest', '--json'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { mac: string; reasons: string[] });
  const suggestedMacs = async () => (await suggested()).map(({ mac }) => mac).sort();
  const noted = async () => Number(await deployment.redis.cli('HLEN', '{nwm:77}:diary'));
  await until('the sensor has noted all three', async () => (await noted()) === all.length);
  expect(await suggestedMacs()).toEqual([ACCESS_POINT.mac, PRINTER.mac]);
  const reasons = new Map((await suggested()).map((suggestion) => [suggestion.mac, suggestion.reasons.join('; ')]));
  expect(reasons.get(PRINTER.mac)).toMatch(/kind that stays in the building \(printer\)/);
  expect(reasons.get(ACCESS_POINT.mac)).toMatch(/kind that stays in the building \(access point\)/);

  await deployment.command('label', PRINTER.mac, '--as', 'equipment', '--name', 'Printer');
  await deployment.command('label', ACCESS_POINT.mac, '--as', 'equipment');
  for (const { mac } of [PRINTER, ACCESS_POINT])
    await first.waitForLine(new RegExp(`"mac":"${mac}".*"msg":"label in force"`));

  const countOf = async (mac: string) =>
    (await deployment.checkins()).filter(({ MacAddresses }) => MacAddresses === mac.toUpperCase()).length;
  const counts = async () => await Promise.all([PRINTER, ACCESS_POINT].map(({ mac }) => countOf(mac)));
  const before = await counts();
  expect(await suggested()).toEqual([]);

  /** Everybody comes anew; the stranger, who is the last, is reported. */
  const comeAnew = async (monitor: RunningProcess) => {
    const strangersBefore = await countOf(STRANGER.mac);
    for (const { mac } of [PRINTER, ACCESS_POINT]) {
      const client = clients.get(mac);
      if (client !== undefined) expect(await decisionOn(client, mac, monitor), mac).toBe('ignored');
    }
    const stranger = clients.get(STRANGER.mac);
    if (stranger !== undefined) expect(await decisionOn(stranger, STRANGER.mac, monitor)).toBe('unrecognised');
    await expect.poll(() => countOf(STRANGER.mac)).toBeGreaterThan(strangersBefore);
    expect(await counts()).toEqual(before);
  };

  await untilGone(first, after, ...macs);
  after = first.lines.length;
  await comeAnew(first);
  // Else the sensor that starts now would take them for the same visits.
  await untilGone(first, after, ...macs);

  expect((await first.stop()).code).toBe(0);
  const again = await deployment.monitor(SETTINGS);
  after = again.lines.length;
  await comeAnew(again);
  await untilGone(again, after, ...macs);

  await sensor.addInterface('eth1');
  const second = await deployment.monitor({ ...SETTINGS, CAPTURE_INTERFACE: 'eth1' });
  await comeAnew(second);
  expect(await suggested()).toEqual([]);
  expect((await again.stop()).code).toBe(0);
});
