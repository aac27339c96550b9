// Makes the picture of the status page in the README: the recorded morning, in a light window, with the story of a device open. Needs Debian's Chromium; run by scripts/picture.
import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { freePort } from '../../test/redis-server.js';
import { until } from '../../test/until.js';
import { playMorning } from './play-morning.js';

/** Four hours in twenty seconds. */
const SPEED = 720;
/** The picture is taken once so many devices are here, and this one among them is reported. */
const DEVICES = 12;
const SHOWN = 'Galaxy-S23';
const WIDTH = 1_200;
const HEIGHT = 1_080;
const MAX_BYTES = 150_000;

const [, , target = 'src/status/picture.webp'] = process.argv;
const morning = await playMorning({ top: process.cwd(), speed: SPEED, port: await freePort() });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({
    viewport: { width: WIDTH, height: HEIGHT },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
  });
  await page.goto(morning.url);
  const row = page.locator('tr, li', { hasText: SHOWN }).first();
  await until(`${DEVICES} devices are here`, () => morning.sensor.pipeline.tracker.size >= DEVICES);
  await row.waitFor();
  await until('it is reported', () => morning.sandbox.failedCheckins.length > 5);
  await row.locator('[data-open]').click();
  await page.locator('#story-content').waitFor();
  // Half as large as PNG. Playwright makes no WebP, but Chromium does.
  const chrome = await page.context().newCDPSession(page);
  const { data } = await chrome.send('Page.captureScreenshot', { format: 'webp', quality: 85 });
  const picture = Buffer.from(data, 'base64');
  if (process.env.PICTURE_PNG) await page.screenshot({ path: process.env.PICTURE_PNG });
  if (picture.length > MAX_BYTES) throw new Error(`the picture has ${picture.length} octets, more than ${MAX_BYTES}`);
  await writeFile(target, picture);
  process.stdout.write(`${target}: ${picture.length} octets\n`);
} finally {
  await browser.close();
  await morning.close();
}
process.exit(0);
