// The status page of a deployed monitor, looked at from inside the sensor: real devices join the LAN while somebody watches.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestBrowser, textOf } from '../status/browser.js';
import { until } from '../until.js';
import { Deployment } from './deployment.js';
import { Lan, type Sensor } from './lan.js';

const VISITOR = '3c:22:fb:00:0b:01';
const MEMBER = '3c:22:fb:00:0b:02';
const LATER = '3c:22:fb:00:0b:03';
const TOKEN = 'a-token-of-this-test';
const SEED = {
  users: [{ Id: 1, FullName: 'Ana Ruiz', Email: 'ana@example.com', Devices: MEMBER }],
  coworkers: [{ Id: 10, UserId: 1, FullName: 'Ana Ruiz', Active: true, Archived: false }],
};

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;
let browser: TestBrowser;

beforeAll(async () => {
  lan = await Lan.create();
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor, SEED);
  browser = await TestBrowser.launch({ netns: sensor.netns });
});
afterAll(async () => {
  await browser?.close();
  await deployment?.stop();
  await lan?.close();
});

test('devices that join the LAN appear on the page that is open, with what Nexudus knows and got', {
  timeout: 60_000,
}, async () => {
  const monitor = await deployment.monitor({ STATUS_PORT: '9467' });
  const { page, complaints, close } = await browser.open('http://127.0.0.1:9467/');
  const text = (mac: string) => textOf(page.locator(`tr[data-mac="${mac}"]`));
  await until('the page is live', async () => (await textOf(page.locator('#link'))) === 'Live');
  expect(await textOf(page.locator('#verdict'))).toContain('All is well. Listening on eth0.');
  const visitor = await lan.client({ mac: VISITOR, hostname: 'visitors-laptop' });
  const ip = await visitor.lease();
  await until('the visitor is in Nexudus', async () => (await text(VISITOR)).includes('In Nexudus'));
  for (const words of ['visitors-laptop', 'Apple, Inc.', 'Unrecognised', ip])
    expect(await text(VISITOR)).toContain(words);
  await deployment.received(VISITOR);
  await (await lan.client({ mac: MEMBER })).lease();
  await until('the member is known', async () => /Recognised\s+Ana Ruiz/.test(await text(MEMBER)));
  expect(complaints).toEqual([]);
  await close();
  expect((await monitor.stop()).code).toBe(0);
});

test('on an address of the LAN, where browsers say less about who asks, one logs in and sees the same', {
  timeout: 60_000,
}, async () => {
  await sensor.run('ip', ['address', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  const monitor = await deployment.monitor({ STATUS_PORT: '9467', STATUS_HOST: '10.77.0.2', STATUS_TOKEN: TOKEN });
  const { page, complaints, close } = await browser.open('http://10.77.0.2:9467/');
  expect(new URL(page.url()).pathname).toBe('/login');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await until('the page is live', async () => (await textOf(page.locator('#link'))) === 'Live');
  await (await lan.client({ mac: LATER })).lease();
  await page.locator(`tr[data-mac="${LATER}"]`).waitFor();
  const retried = await page.evaluate(
    `fetch('/api/outbox/retry', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"id":null}' }).then((answer) => answer.status)`,
  );
  expect(retried).toBe(200);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/login');
  expect(complaints).toEqual([]);
  await close();
  expect((await monitor.stop()).code).toBe(0);
});
