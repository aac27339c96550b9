// The status page of a deployed monitor, looked at from inside the sensor: real devices join the LAN while somebody watches.
import { expect } from 'vitest';
import { TestBrowser, textOf } from '../status/browser.js';
import { until } from '../until.js';
import { sharedLanTest } from './fixture.js';

const VISITOR = '3c:22:fb:00:0b:01';
const MEMBER = '3c:22:fb:00:0b:02';
const LATER = '3c:22:fb:00:0b:03';
const TOKEN = 'a-token-of-this-test';
const SEED = {
  users: [{ Id: 1, FullName: 'Ana Ruiz', Email: 'ana@example.com', Devices: MEMBER }],
  coworkers: [{ Id: 10, UserId: 1, FullName: 'Ana Ruiz', Active: true, Archived: false }],
};

const test = sharedLanTest
  .extend('seed', { scope: 'file' }, SEED)
  .extend('browser', { scope: 'file' }, async ({ sensor }, { onCleanup }) => {
    const browser = await TestBrowser.launch({ netns: sensor.netns });
    onCleanup(() => browser.close());
    return browser;
  });

test('devices that join the LAN appear on the page that is open, with what Nexudus knows and got', async ({
  lan,
  deployment,
  browser,
}) => {
  const monitor = await deployment.monitor({ STATUS_PORT: '9467' });
  const { page, complaints, close } = await browser.open('http://127.0.0.1:9467/');
  const shows = (selector: string, words: string | RegExp) =>
    until(`${selector} shows ${words}`, async () => {
      const text = await textOf(page.locator(selector));
      return typeof words === 'string' ? text.includes(words) : words.test(text);
    });
  const rowOf = (mac: string) => `tr[data-mac="${mac}"]`;
  await shows('#link', 'Live');
  await shows('#verdict', 'All is well. Listening on eth0.');
  const visitor = await lan.client({ mac: VISITOR, hostname: 'visitors-laptop' });
  const ip = await visitor.lease();
  for (const words of ['In Nexudus', 'visitors-laptop', 'Apple, Inc.', 'Unrecognised', ip])
    await shows(rowOf(VISITOR), words);
  await deployment.received(VISITOR);
  await (await lan.client({ mac: MEMBER })).lease();
  await shows(rowOf(MEMBER), /Recognised\s+Ana Ruiz/);
  expect(complaints).toEqual([]);
  await close();
  expect((await monitor.stop()).code).toBe(0);
});

test('on an address of the LAN, where browsers say less about who asks, one logs in and sees the same', async ({
  lan,
  sensor,
  deployment,
  browser,
}) => {
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
