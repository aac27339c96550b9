// The status page in a real browser.
import { Redis } from 'ioredis';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseMac } from '../../../src/addresses/mac-address.js';
import { DiaryStore } from '../../../src/status/facts/diary-store.js';
import { type RedisServer, startRedis } from '../../redis-server.js';
import { type TrialOptions, TrialSensor } from '../../trial-sensor.js';
import { until } from '../../until.js';
import { ask } from '../ask.js';
import { type OpenedPage, seriousViolations, TestBrowser, textOf } from '../browser.js';
import { diaryVisit } from '../facts/diary-visits.js';
import { zoneAtNoon } from '../noon.js';

const TOKEN = 'a-token-of-this-test';
const CHECKINS = '/api/spaces/failedcheckins';
const REFUSAL = { Message: 'No such location.', WasSuccessful: false, Errors: [{ Message: 'No such location.' }] };
const HOUR = 3_600_000;
const PHONE = { width: 360, height: 740 };

const unknownMac = (n: number) => `3c:22:fb:01:${hex(n >> 8)}:${hex(n & 0xff)}`;
const knownMac = (n: number) => `00:1b:21:02:${hex(n >> 8)}:${hex(n & 0xff)}`;
const hex = (byte: number) => byte.toString(16).padStart(2, '0');

let browser: TestBrowser;
let trial: TrialSensor;
let opened: OpenedPage;
let redis: RedisServer | undefined;

beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser?.close());
afterEach(async () => {
  const complaints = opened?.complaints ?? [];
  await opened?.close();
  await trial?.close();
  await redis?.stop();
  redis = undefined;
  // In every test: no request to another host, no script error, nothing that the page's own policy forbids.
  expect(complaints).toEqual([]);
});

async function open(options: TrialOptions = {}, window: Parameters<TestBrowser['open']>[1] = {}): Promise<Page> {
  trial = await TrialSensor.start(options);
  opened = await browser.open(trial.url, window);
  return opened.page;
}

const rowOf = (page: Page, mac: string) => page.locator(`tr[data-mac="${mac}"]`);
const shows = (place: Locator, words: string | RegExp) =>
  until(`the page shows ${words}`, async () => {
    const text = await textOf(place);
    return typeof words === 'string' ? text.includes(words) : words.test(text);
  });
/** What makes the page wider than its window. */
const tooWide = (page: Page) =>
  page.evaluate(`document.documentElement.scrollWidth > innerWidth
    ? [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 80))
    : []`);

test('an empty space has words for it', async () => {
  const page = await open();
  await shows(page.locator('#verdict'), 'All is well. Listening on eth0.');
  await shows(page.locator('#nobody'), 'Nobody is here.');
  await shows(page.locator('#outbox-words'), 'Nothing waits.');
  await shows(page.locator('#arrivals-words'), 'Nobody has arrived yet today.');
  await shows(page.locator('#link'), 'Live');
});

test('a device that arrives appears, is decided and reported, is seen again, and leaves, all without a reload', async () => {
  const page = await open({ known: { [knownMac(1)]: 'Ana Ruiz' }, timeZone: zoneAtNoon() });
  await shows(page.locator('#nobody'), 'Nobody is here.');
  trial.show({ mac: unknownMac(1), ip: '10.0.0.21', hostname: 'anns-laptop', vlan: 30 }, Date.now() - 2 * HOUR);
  const row = rowOf(page, unknownMac(1));
  for (const words of [
    'anns-laptop',
    unknownMac(1),
    'Apple, Inc.',
    '10.0.0.21',
    'VLAN 30',
    'Unrecognised',
    'In Nexudus',
  ]) {
    await shows(row, words);
  }
  expect(trial.sandbox.failedCheckins).toHaveLength(1);
  trial.show({ mac: knownMac(1), ip: '10.0.0.22' });
  await shows(rowOf(page, knownMac(1)), /Recognised\s+Ana Ruiz/);
  await shows(page.locator('[data-show="all"]'), /^2\s+here now$/);
  await shows(page.locator('[data-show="unrecognised"]'), /^1\s+unrecognised$/);
  await shows(page.locator('#arrivals-words'), '2 arrivals, 1 of them unrecognised.');
  // Each in one hour.
  const cells = await page.locator('#arrivals-table td').allInnerTexts();
  for (const column of [0, 1]) expect(cells.filter((cell, at) => at % 2 === column && cell === '1')).toHaveLength(1);
  await shows(row.locator('.since'), /\d\d:\d\d\s+once today/);
  await shows(row.locator('.seen'), /2 h ago\s+sighted 2 h ago/);
  trial.allLeave();
  await until('it is gone', async () => (await row.count()) === 0);
  await shows(page.locator('[data-show="left"]'), /^2\s+left today$/);
  await page.locator('[data-show="left"]').click();
  await shows(row.locator('.seen'), /\d\d:\d\d\s+left/);
  await shows(row, 'In Nexudus');
  trial.show({ mac: unknownMac(1), ip: '10.0.0.21' });
  await until('it is back', async () => (await row.count()) === 0);
  await page.locator('[data-show="all"]').click();
  await shows(row.locator('.since'), 'twice today');
  // What it showed before is not forgotten.
  await shows(row, 'anns-laptop');
});

test('a device is shown with its IPv4 address, also when its latest one is of IPv6', async () => {
  const page = await open();
  const addressOf = (mac: string) => rowOf(page, mac).locator('.address');
  trial.show({ mac: unknownMac(1), ip: 'fe80::1' });
  await shows(addressOf(unknownMac(1)), 'fe80::1');
  trial.show({ mac: unknownMac(1), ip: '10.0.0.21' });
  trial.show({ mac: unknownMac(1), ip: 'fd77::1' });
  await shows(addressOf(unknownMac(1)), '10.0.0.21');
  await page.locator('[data-open]').click();
  await shows(page.locator('#story-content'), 'fd77::1');
  expect(await textOf(addressOf(unknownMac(1)))).toContain('10.0.0.21');
});

test('a dry run says that it posts nothing, and that its labels are in Redis', async () => {
  redis = await startRedis();
  const page = await open({ redis, environment: { DRY_RUN: 'true' } });
  await shows(page.locator('#facts'), /Redis\s+reachable/);
  await shows(page.locator('#facts'), /Dry run\s+nothing is posted/);
  trial.show({ mac: unknownMac(1) });
  await shows(rowOf(page, unknownMac(1)), /Dry run\s+would be reported/);
  expect(await textOf(page.locator('#outbox-words'))).toMatch(
    /^Nothing is posted to Nexudus, because this is a dry run/,
  );
  expect(trial.sandbox.failedCheckins).toEqual([]);
});

test('trouble is told in words, and so is its end', async () => {
  const page = await open();
  await shows(page.locator('#verdict'), 'All is well.');
  Object.assign(trial.interface, { state: 'no-link', reason: 'no link: look at the cable' });
  await shows(page.locator('#verdict'), 'Not listening.');
  expect(await page.locator('#reasons li').allInnerTexts()).toEqual(['eth0: no link: look at the cable']);
  Object.assign(trial.interface, { state: 'capturing', reason: null });
  await shows(page.locator('#verdict'), 'All is well.');
  expect(await page.locator('#reasons li').count()).toBe(0);
});

test('a refused check-in is told with its reason; the retry button sends it once more', async () => {
  redis = await startRedis();
  const page = await open({ redis });
  trial.sandbox.fault({ method: 'POST', path: CHECKINS, action: { kind: 'answer', status: 400, body: REFUSAL } });
  trial.show({ mac: unknownMac(1), hostname: 'anns-laptop' });
  await shows(page.locator('#outbox-words'), '1 failed check-in was refused by Nexudus.');
  const entry = page.locator('#outbox li');
  await shows(entry, 'No such location.');
  await shows(rowOf(page, unknownMac(1)), /Refused\s+.*No such location/);
  await shows(page.locator('#verdict'), 'Listening, but something needs attention.');
  expect(trial.sandbox.failedCheckins).toHaveLength(0);
  await entry.getByRole('button').press('Enter');
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  await shows(page.locator('#outbox-words'), 'Nothing waits.');
  expect(trial.sandbox.failedCheckins).toHaveLength(1);
});

test('check-ins that waited for longer than OUTBOX_RETENTION are told of: on the page, in health and to Prometheus', async () => {
  redis = await startRedis();
  // Cleaning comes 24 times in RETENTION.
  const page = await open({ redis, retentionMs: 12_000, outboxRetentionMs: 1_000, environment: { VISIT_GAP: '1s' } });
  trial.sandbox.fault({ method: 'POST', path: CHECKINS, action: { kind: 'answer', status: 503 }, count: 1_000_000 });
  trial.show({ mac: unknownMac(1) });
  await shows(page.locator('#outbox-words'), '1 failed check-in was dropped after waiting for too long.');
  await shows(page.locator('#reasons'), '1 failed check-in was dropped after waiting for longer than OUTBOX_RETENTION');
  expect(await (await fetch(`${trial.url}/metrics`)).text()).toMatch(/^wifi_monitor_outbox_dropped_total 1$/m);
});

test('the page says that the connection is lost, and comes back by itself', async () => {
  const page = await open();
  trial.show({ mac: unknownMac(1) });
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  await opened.page.context().setOffline(true);
  // What goes offline keeps the streams that it has: only a server that goes away ends them.
  await trial.restartStatus();
  await shows(page.locator('#link'), 'Connection lost');
  await shows(page.locator('#verdict'), /The connection to the monitor is lost. What is shown is from \d\d:\d\d/);
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  trial.show({ mac: unknownMac(2) });
  await opened.page.context().setOffline(false);
  await shows(page.locator('#link'), 'Live');
  await shows(page.locator('#verdict'), 'All is well.');
  await shows(rowOf(page, unknownMac(2)), 'In Nexudus');
});

test('names from the wire are text: no script runs, nothing is turned round, and the layout holds', async () => {
  const hostile = [
    '<img src=x onerror=alert(1)>',
    '"><script>alert(2)</script>',
    "javascript:alert('3')",
    '\u202Egpj.exe\u202C',
    '\u0645\u0631\u062D\u0628\u0627-laptop',
    'W'.repeat(255),
    `${'wide '.repeat(50)}`,
    '{{constructor.constructor("alert(4)")()}}',
    '\u0000\u0007\u001b[31mred',
  ];
  const page = await open({}, { viewport: PHONE });
  hostile.forEach((hostname, n) => {
    trial.show({ mac: unknownMac(n), hostname });
  });
  await until('all are reported', () => trial.sandbox.failedCheckins.length === hostile.length);
  // Refused ones are shown in the outbox as well.
  await shows(rowOf(page, unknownMac(0)), '<img src=x onerror=alert(1)>');
  await shows(rowOf(page, unknownMac(1)), '"><script>alert(2)</script>');
  await until('all are shown', async () => (await page.locator('#rows tr').count()) === hostile.length);
  expect(await page.locator('#rows img, #rows script, #rows a').count()).toBe(0);
  expect(await textOf(page.locator('#rows'))).not.toMatch(/(?!\n|\t)[\p{Cc}\p{Cf}]/u);
  expect(await tooWide(page)).toEqual([]);
  for (const n of hostile.keys()) {
    const story = await openStory(page, unknownMac(n));
    expect(await story.locator('img, script, a').count()).toBe(0);
    expect(await textOf(story)).not.toMatch(/(?!\n|\t)[\p{Cc}\p{Cf}]/u);
    expect(await tooWide(page)).toEqual([]);
    expect(
      await page.evaluate(
        'document.getElementById("story").scrollWidth - document.getElementById("story").clientWidth',
      ),
    ).toBe(0);
    await page.keyboard.press('Escape');
  }
  for (const row of await page.locator('#rows tr').all()) {
    const box = await row.boundingBox();
    expect((box?.x ?? -1) >= 0 && (box?.width ?? 999) <= PHONE.width).toBe(true);
  }
});

test('hostile words in the answers of Nexudus are text too', async () => {
  const page = await open();
  const Message = '<b id=evil onclick=alert(1)>bad</b>';
  const body = { Message, WasSuccessful: false, Errors: [{ Message }] };
  trial.sandbox.fault({ method: 'POST', path: CHECKINS, action: { kind: 'answer', status: 400, body } });
  trial.show({ mac: unknownMac(1) });
  await shows(page.locator('#outbox li'), Message);
  expect(await page.locator('#evil').count()).toBe(0);
});

test('the page needs no width that a phone does not have', async () => {
  const known = Object.fromEntries(
    Array.from({ length: 30 }, (_, n) => [knownMac(n), `Somebody with a rather long name ${n}`]),
  );
  const page = await open({ known }, { viewport: { width: 320, height: 640 } });
  trial.sandbox.fault({
    method: 'POST',
    path: CHECKINS,
    count: 2,
    action: { kind: 'answer', status: 400, body: REFUSAL },
  });
  Object.assign(trial.interface, {
    state: 'no-link',
    reason: 'no link: look at the cable or at the switch it is plugged into',
  });
  for (let n = 0; n < 30; n++)
    trial.show({ mac: n < 5 ? unknownMac(n) : knownMac(n), hostname: `device-${n}`, ip: `10.0.0.${n}` });
  await shows(page.locator('[data-show="all"]'), /^30\s/);
  await shows(page.locator('#verdict'), 'Not listening.');
  await shows(page.locator('#outbox-words'), '2 failed check-ins were refused');
  expect(await tooWide(page)).toEqual([]);
});

test('with a token: login form, wrong token, right token, logout', async () => {
  const page = await open({ token: TOKEN });
  trial.show({ mac: unknownMac(1) });
  expect(new URL(page.url()).pathname).toBe('/login');
  await page.getByLabel('Token').fill('not the token');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await shows(page.getByRole('alert'), 'This is not the token.');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByLabel('Token').press('Enter');
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  expect(await page.context().cookies()).toEqual([
    expect.objectContaining({
      name: 'wifi-monitor-session',
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      secure: false,
    }),
  ]);
  expect(await page.evaluate('document.cookie')).toBe('');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/login');
  expect(await page.context().cookies()).toEqual([]);
  await page.goto(trial.url);
  expect(new URL(page.url()).pathname).toBe('/login');
});

test('whose session is over comes to the login form', async () => {
  const page = await open({ token: TOKEN });
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByLabel('Token').press('Enter');
  await shows(page.locator('#link'), 'Live');
  const [cookie] = await page.context().cookies();
  await fetch(`${trial.url}/logout`, { method: 'POST', headers: { cookie: `${cookie?.name}=${cookie?.value}` } });
  await page.waitForURL('**/login');
});

test('sorting, filtering and finding go by keyboard, and say what they do', async () => {
  const page = await open({ known: { [knownMac(1)]: 'Ana Ruiz', [knownMac(2)]: 'Zoë Brandt' } });
  trial.show({ mac: knownMac(1), hostname: 'bravo', ip: '10.0.0.9' }, Date.now() - 300_000);
  trial.show({ mac: knownMac(2), hostname: 'alfa', ip: '10.0.0.100' }, Date.now() - 100_000);
  trial.show({ mac: unknownMac(1), hostname: 'charlie', ip: '9.0.0.1' }, Date.now() - 200_000);
  await shows(page.locator('[data-show="all"]'), /^3\s/);
  await shows(page.locator('[data-show="recognised"]'), /^2\s/);
  const names = () => page.locator('#rows td.name .first').allInnerTexts();
  const sort = async (title: string) => {
    await page.getByRole('button', { name: title, exact: true }).press('Enter');
    return await names();
  };
  const sorted = (title: string) => page.getByRole('columnheader', { name: title }).getAttribute('aria-sort');
  expect(await names()).toEqual(['charlie', 'alfa', 'bravo']);
  expect(await sort('Device')).toEqual(['alfa', 'bravo', 'charlie']);
  expect(await sorted('Device')).toBe('ascending');
  expect(await sort('Device')).toEqual(['charlie', 'bravo', 'alfa']);
  expect(await sorted('Device')).toBe('descending');
  expect(await sort('Address')).toEqual(['charlie', 'bravo', 'alfa']);
  expect(await sort('Since')).toEqual(['alfa', 'charlie', 'bravo']);
  expect(await sorted('Since')).toBe('descending');
  expect(await sorted('Device')).toBeNull();

  const tile = page.locator('[data-show="unrecognised"]');
  await tile.press('Enter');
  expect(await names()).toEqual(['charlie']);
  expect(await tile.getAttribute('aria-pressed')).toBe('true');
  expect(await textOf(page.locator('caption#devices-words'))).toBe('1 of 3 devices.');
  await page.locator('[data-show="all"]').press('Enter');
  for (const [words, found] of [
    ['zoë', 'alfa'],
    ['10.0.0.9', 'bravo'],
    [unknownMac(1), 'charlie'],
    ['APPLE', 'charlie'],
  ] as const) {
    await page.getByRole('searchbox').fill(words);
    expect(await names()).toEqual([found]);
  }
  await page.getByRole('searchbox').fill('nobody');
  await shows(page.locator('#nobody'), 'No device is like that.');
});

const holdPosts = () =>
  trial.sandbox.fault({
    method: 'POST',
    path: CHECKINS,
    count: Number.POSITIVE_INFINITY,
    action: { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
  });
const storyOf = (page: Page) => page.getByRole('dialog');
async function openStory(page: Page, mac: string): Promise<Locator> {
  await until(`the story of ${mac} opens`, async () => {
    await rowOf(page, mac).getByRole('button').press('Enter');
    return (await storyOf(page).count()) > 0;
  });
  await shows(storyOf(page), 'What is it?');
  return storyOf(page);
}

test('a device is labelled and undone by keyboard alone; the report that waits is withdrawn, and comes after all', async () => {
  redis = await startRedis();
  const page = await open({ redis });
  holdPosts();
  for (const n of [1, 2, 3]) trial.show({ mac: unknownMac(n), hostname: `laptop-${n}` });
  const row = rowOf(page, unknownMac(2));
  await shows(row, 'On its way');
  const focused = () => page.evaluate('document.activeElement.dataset.open');

  let story = await openStory(page, unknownMac(2));
  await shows(story, 'laptop-2');
  await page.keyboard.press('Escape');
  expect(await story.count()).toBe(0);
  expect(await focused()).toBe(unknownMac(2));

  story = await openStory(page, unknownMac(2));
  expect(await seriousViolations(page)).toEqual([]);
  await story.getByLabel('Known as').fill('<b>Ana</b>');
  await page.keyboard.press('Enter');
  await shows(
    story.getByRole('status').first(),
    'It is labelled as known, and is not reported any more. Its report, which waits, is withdrawn.',
  );
  await shows(story, 'It is labelled as known (<b>Ana</b>), since');
  await shows(story.locator('#story-standing'), /Recognised\s+labelled as <b>Ana<\/b>/);

  const equipment = story.getByRole('button', { name: 'Equipment, never report' });
  await equipment.press('Enter');
  await shows(story, 'It is labelled as equipment, since');
  expect(await equipment.getAttribute('aria-pressed')).toBe('true');
  expect(await page.evaluate('document.activeElement.id')).toBe('label-equipment');
  trial.sandbox.clearFaults();
  await shows(story.locator('#story-standing'), 'Withdrawn');
  await until('the others are reported', () => trial.sandbox.failedCheckins.length === 2);

  await story.getByRole('button', { name: 'Undo' }).press('Enter');
  await shows(story.locator('#story-standing'), 'In Nexudus');
  await shows(story, 'The label is removed.');
  // The button is gone, and the focus with it, were it not for the next one.
  expect(await page.evaluate('document.activeElement.id')).toBe('label-equipment');
  const news = await textOf(story.locator('.visit-news').first());
  for (const words of ['On its way', 'Withdrawn', 'labelled as <b>Ana</b>', 'labelled as equipment', 'In Nexudus']) {
    expect(news).toContain(words);
  }
  await page.keyboard.press('Escape');
  await shows(row, 'In Nexudus');
  expect(await focused()).toBe(unknownMac(2));
  expect(trial.sandbox.failedCheckins).toHaveLength(3);
});

test('without Redis the page says that a label is forgotten at the end; a wrong name is told of in the dialog', async () => {
  const page = await open({}, { viewport: PHONE });
  trial.show({ mac: unknownMac(1) });
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  const story = await openStory(page, unknownMac(1));
  await story.getByLabel('Known as').fill('\u202eana');
  await story.getByRole('button', { name: 'Known, never report' }).press('Enter');
  await shows(story.getByRole('alert'), 'That did not work: name: write a name');
  expect(await tooWide(page)).toEqual([]);
  await story.getByRole('button', { name: 'Equipment, never report' }).press('Enter');
  await shows(story, 'REDIS_URL is not set');
  await shows(story, `IGNORE_MACS=${unknownMac(1)}`);
  await shows(story, 'What was posted stays in Nexudus.');
  expect(await tooWide(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await shows(rowOf(page, unknownMac(1)), 'Ignored');
});

test('the story tells what is known: visits, decisions, reports, names, addresses, and what to enter in Nexudus', async () => {
  const page = await open(
    { timeZone: zoneAtNoon(), environment: { REPORT_AGAIN_AFTER: '12h', DIRECTORY_REFRESH: '10m' } },
    { permissions: ['clipboard-read', 'clipboard-write'] },
  );
  trial.show({ mac: unknownMac(1), ip: '10.0.0.21', hostname: 'workbench', vlan: 30 }, Date.now() - 2 * HOUR);
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  trial.allLeave();
  trial.show({ mac: unknownMac(1), ip: '10.0.0.22', hostname: 'workbench-two', vlan: 30 });
  await shows(rowOf(page, unknownMac(1)), 'workbench-two');
  // Not its button: a row is a target for the thumb as a whole.
  await rowOf(page, unknownMac(1)).locator('.address').click();
  const story = storyOf(page);
  for (const words of [
    'It was here twice today',
    'workbench\nworkbench-two',
    '10.0.0.21\n10.0.0.22',
    'VLAN\n30',
    'Apple, Inc.',
    'ARP, DHCP',
    /record \d+/,
    'Not reported: it was reported a short while before (REPORT_AGAIN_AFTER).',
    'open the customer in Nexudus, choose the Access tab, paste it into the field MAC addresses, and save. The device is recognised within 10 min',
  ]) {
    await shows(story, words);
  }
  expect(await story.locator('.visit').count()).toBe(2);
  expect(await story.locator('.timeline i').count()).toBe(2);
  await story.getByRole('button', { name: 'Copy' }).click();
  await shows(story, '3C:22:FB:01:00:01 is copied.');
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe('3C:22:FB:01:00:01');
});

test('the story names the relatives of a device, and opens theirs by keyboard', async () => {
  const page = await open();
  const [earlier, later] = ['da:a1:19:00:00:01', 'da:a1:19:00:00:02'];
  trial.show({ mac: earlier, hostname: 'bens-phone' });
  await shows(rowOf(page, earlier), 'In Nexudus');
  trial.show({ mac: later, hostname: 'bens-phone' });
  await shows(rowOf(page, later), 'In Nexudus');
  const story = await openStory(page, later);
  await shows(story, `${earlier} its earlier address: both show the same host name`);
  expect(await seriousViolations(page)).toEqual([]);
  await story.getByRole('button', { name: earlier }).press('Enter');
  await shows(story, `${later} its later address: both show the same host name`);
  await shows(story.locator('#nexudus-mac'), earlier.toUpperCase());
  expect(await page.evaluate("document.querySelector('dialog').contains(document.activeElement)")).toBe(true);
});

test('what is entered in Nexudus shows in the story that is open, and for whom has left, without a reload', async () => {
  const page = await open({ environment: { DIRECTORY_REFRESH: '10s' } });
  const { users, coworkers } = trial.sandbox;
  users.add({ Id: 1, FullName: 'Ana Ruiz', Email: 'ana@example.com', Devices: '' });
  coworkers.add({ Id: 10, UserId: 1, FullName: 'Ana Ruiz', Active: true, Archived: false });
  for (const n of [1, 2]) {
    trial.show({ mac: unknownMac(n) });
    await shows(rowOf(page, unknownMac(n)), 'In Nexudus');
  }
  trial.allLeave();
  trial.show({ mac: unknownMac(1) });
  const story = await openStory(page, unknownMac(1));
  const nexudusMac = await textOf(story.locator('#nexudus-mac'));
  users.update(1, { Devices: `${nexudusMac}, ${unknownMac(2).toUpperCase()}` });
  await shows(story.locator('#story-standing'), /Recognised\s+registered by Ana Ruiz/);
  await page.keyboard.press('Escape');
  await page.locator('[data-show="left"]').click();
  await shows(rowOf(page, unknownMac(2)), /Recognised\s+Ana Ruiz/);
  expect(trial.sandbox.failedCheckins).toHaveLength(2);
});

test('the address can be copied on a plain HTTP page of the network, too: it is selected', async () => {
  const page = await open();
  trial.show({ mac: unknownMac(1) });
  await shows(rowOf(page, unknownMac(1)), 'In Nexudus');
  // There, browsers have no clipboard for pages.
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  const story = await openStory(page, unknownMac(1));
  await story.getByRole('button', { name: 'Copy' }).press('Enter');
  await shows(story.locator('#copy-done'), /copied|Ctrl\+C/);
  expect(await page.evaluate('document.getSelection().toString()')).toBe('3C:22:FB:01:00:01');
});

test('a restart keeps the day, the label and the story; a second sensor shows them, and its label is the first one’s', async () => {
  redis = await startRedis();
  trial = await TrialSensor.start({ redis, timeZone: zoneAtNoon() });
  const { sandbox } = trial;
  trial.show({ mac: unknownMac(1), hostname: 'anns-laptop', ip: '10.0.0.21' });
  trial.show({ mac: unknownMac(2), hostname: 'printer-2', ip: '10.0.0.22' });
  await until('both are reported', () => sandbox.failedCheckins.length === 2);
  await until(
    'the diary is written',
    async () => (await ask(`${trial.url}/api/today`)).text.split('"state":"posted"').length === 3,
  );
  await trial.close();
  const second = await TrialSensor.start({ redis, timeZone: zoneAtNoon() });
  const page = await open({ redis, timeZone: zoneAtNoon() });
  const other = await browser.open(second.url);
  try {
    // Nobody has shown itself since, and they are here all the same.
    for (const one of [page, other.page]) {
      await shows(rowOf(one, unknownMac(1)), 'In Nexudus');
      await shows(rowOf(one, unknownMac(1)), 'anns-laptop');
      await shows(one.locator('#arrivals-words'), '2 arrivals, 2 of them unrecognised.');
    }
    const story = await openStory(page, unknownMac(2));
    await story.getByRole('button', { name: 'Equipment, never report' }).press('Enter');
    await shows(rowOf(other.page, unknownMac(2)), /Ignored\s+labelled as equipment/);
    trial.show({ mac: unknownMac(3), hostname: 'late' });
    await shows(rowOf(other.page, unknownMac(3)), 'In Nexudus');
    await (await openStory(other.page, unknownMac(2))).getByRole('button', { name: 'Undo' }).press('Enter');
    await shows(story.locator('#story-standing'), 'Unrecognised');
    expect(other.complaints).toEqual([]);
  } finally {
    await other.close();
    await second.close();
    await sandbox.close();
  }
});

test('what looks like equipment is gathered with its reason; all or some are labelled at once, and undone', async () => {
  redis = await startRedis();
  const page = await open({ redis });
  const section = page.locator('#suggestions');
  trial.show({ mac: '00:1b:a9:00:00:05', hostname: 'BRN001BA9000005' });
  trial.show({ mac: '78:45:58:00:00:06', hostname: '<b>U6-Lite</b>' });
  trial.show({ mac: '78:45:58:00:00:07', hostname: 'lounge' });
  trial.show({ mac: unknownMac(1), hostname: 'anns-laptop' });
  await shows(section, '3 devices, which nobody has registered or labelled.');
  await shows(section, 'It is of a kind that stays in the building (printer).');
  expect(await section.locator('b').count()).toBe(0);
  expect(await seriousViolations(page)).toEqual([]);
  // Suggested is not ignored.
  await until('all are reported', () => trial.sandbox.failedCheckins.length === 4);

  await section.getByRole('checkbox', { name: 'lounge' }).uncheck();
  await section.getByRole('button', { name: 'Label 2 devices as equipment' }).press('Enter');
  await shows(section, '2 devices are labelled as equipment');
  await shows(page.locator('[data-show="ignored"]'), /^2\s/);
  await shows(section, '1 device, which nobody has registered or labelled.');
  await section.getByRole('button', { name: 'Undo' }).press('Enter');
  await shows(page.locator('[data-show="ignored"]'), /^0\s/);
  await shows(section, '3 devices, which nobody');
  expect(await section.getByRole('checkbox', { name: 'lounge' }).isChecked()).toBe(false);
  await section.getByRole('button', { name: 'Story of lounge' }).click();
  await shows(storyOf(page), 'it is of a kind that stays in the building');
  await page.setViewportSize(PHONE);
  await page.keyboard.press('Escape');
  expect(await tooWide(page)).toEqual([]);
  expect(await seriousViolations(page)).toEqual([]);
});

test('who answers as a server is suggested last, with its box unticked: labelling all leaves it out', async () => {
  redis = await startRedis();
  const [printer, server] = ['00:1b:a9:00:00:05', unknownMac(7)];
  const client = new Redis(redis.url);
  try {
    const store = new DiaryStore(client, { businessId: 77, retentionMs: 24 * HOUR, isDryRun: false });
    const [startMs, lastMs] = [Date.now() - 60_000, Date.now() - 1_000];
    const visit = diaryVisit({ startMs, lastMs, service: 'a second DHCP server', hostnames: ['box'] }, 'unrecognised');
    await store.write(parseMac(server) ?? 0, null, [visit]);
  } finally {
    client.disconnect();
  }
  const page = await open({ redis });
  trial.show({ mac: printer, hostname: 'BRN001BA9000005' });
  const section = page.locator('#suggestions');
  await shows(section, '2 devices, which nobody has registered or labelled.');
  await shows(section.locator('li').last(), /box.*It answers as a second DHCP server\. Look at the device first/s);
  expect(await section.getByRole('checkbox', { name: 'box' }).isChecked()).toBe(false);
  expect(await section.getByRole('checkbox', { name: 'BRN001BA9000005' }).isChecked()).toBe(true);
  await section.getByRole('button', { name: 'Label 1 device as equipment' }).press('Enter');
  await shows(section, '1 device is labelled as equipment');
  await shows(section, '1 device, which nobody has registered or labelled.');
  expect(await section.getByRole('checkbox', { name: 'box' }).isChecked()).toBe(false);
  // Who has looked at it may tick it.
  await section.getByRole('checkbox', { name: 'box' }).check();
  await section.getByRole('button', { name: 'Label 1 device as equipment' }).press('Enter');
  await shows(section, 'Nothing else looks like equipment.');
});

test('a live update does not take the focus away', async () => {
  const page = await open();
  trial.sandbox.fault({
    method: 'POST',
    path: CHECKINS,
    count: 3,
    action: { kind: 'answer', status: 400, body: REFUSAL },
  });
  for (const n of [1, 2, 3]) trial.show({ mac: unknownMac(n) });
  await shows(page.locator('#outbox-words'), '3 failed check-ins were refused');
  const button = page.locator('#outbox button').nth(1);
  await button.focus();
  const focused = await button.getAttribute('data-retry');
  trial.sandbox.fault({ method: 'POST', path: CHECKINS, action: { kind: 'answer', status: 400, body: REFUSAL } });
  trial.show({ mac: unknownMac(4) });
  await shows(page.locator('#outbox-words'), '4 failed check-ins were refused');
  expect(await page.evaluate('document.activeElement.dataset.retry')).toBe(focused);
});

test.each(['light', 'dark'] as const)(
  'axe finds nothing serious in the %s page, the login form and the phone page',
  async (colorScheme) => {
    const known = { [knownMac(1)]: 'Ana Ruiz' };
    const page = await open({ known, token: TOKEN }, { colorScheme });
    expect(await seriousViolations(page)).toEqual([]);
    await page.getByLabel('Token').fill('wrong');
    await page.getByLabel('Token').press('Enter');
    await shows(page.getByRole('alert'), 'This is not the token.');
    expect(await seriousViolations(page)).toEqual([]);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByLabel('Token').press('Enter');
    trial.sandbox.fault({
      method: 'POST',
      path: CHECKINS,
      count: 2,
      action: { kind: 'answer', status: 400, body: REFUSAL },
    });
    for (const n of [1, 2, 3]) trial.show({ mac: unknownMac(n), ...(n === 1 ? { hostname: 'laptop' } : {}) });
    trial.show({ mac: knownMac(1) });
    Object.assign(trial.interface, { state: 'no-link', reason: 'no link' });
    await shows(page.locator('#outbox-words'), '2 failed check-ins were refused');
    await shows(page.locator('#verdict'), 'Not listening.');
    await shows(rowOf(page, knownMac(1)), 'Ana Ruiz');
    expect(await seriousViolations(page)).toEqual([]);
    await page.setViewportSize(PHONE);
    expect(await seriousViolations(page)).toEqual([]);
    await openStory(page, unknownMac(1));
    expect(await seriousViolations(page)).toEqual([]);
    expect(await tooWide(page)).toEqual([]);
  },
);

test('five thousand devices stay smooth: few rows are made, and a sort or a search touches only those', async () => {
  const known = Object.fromEntries(Array.from({ length: 4_600 }, (_, n) => [knownMac(n), `Coworker ${n}`]));
  const page = await open({ known });
  const ip = (n: number) => `10.0.${n >> 8}.${n & 0xff}`;
  for (let n = 0; n < 4_600; n++) trial.show({ mac: knownMac(n), ip: ip(n), hostname: `host-${n}` });
  for (let n = 0; n < 400; n++) trial.show({ mac: unknownMac(n), ip: ip(n + 5_000) });
  await shows(page.locator('[data-show="all"]'), /^5,000\s/);
  await shows(page.locator('[data-show="recognised"]'), /^4,600\s/);
  await shows(page.locator('#devices-words'), '5,000 devices; the first 100 are shown.');
  expect(await page.locator('#rows tr').count()).toBe(100);
  // Time until the frame after it is drawn; and for how long everything else had to wait.
  const timed = (act: string) =>
    page.evaluate(`new Promise((resolve) => {
      const start = performance.now();
      ${act};
      const busy = performance.now() - start;
      requestAnimationFrame(() => setTimeout(() => resolve([busy, performance.now() - start].map(Math.round))));
    })`);
  const search = (words: string) =>
    `const field = document.getElementById('find'); field.value = '${words}'; field.dispatchEvent(new Event('input'))`;
  const figures: Record<string, unknown> = {};
  for (const column of ['name', 'address', 'since', 'report']) {
    figures[`sort by ${column}`] = await timed(`document.querySelector('th.${column} button').click()`);
  }
  expect(await page.locator('#rows tr').count()).toBe(100);
  figures.find = await timed(search('host-4321'));
  expect(await page.locator('#rows td.name .first').allInnerTexts()).toEqual(['host-4321']);
  figures['show all again'] = await timed(search(''));
  await page.getByRole('button', { name: 'Show more' }).click();
  expect(await page.locator('#rows tr').count()).toBe(200);
  await page.locator('#rows tr').first().getByRole('button').press('Enter');
  await shows(storyOf(page), 'What is it?');
  figures['sort with a story open'] = await timed(`document.querySelector('th.name button').click()`);
  for (let n = 0; n < 400; n++) trial.show({ mac: unknownMac(n), ip: ip(n + 6_000) });
  await shows(page.locator('#story-facts'), /10\.0\.\d+\.\d+/);
  figures['a story again'] = await timed(`document.getElementById('story-close').click()`);
  process.stdout.write(`5,000 devices, ms [script, until drawn]: ${JSON.stringify(figures)}\n`);
});
