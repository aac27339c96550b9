// Debian's Chromium, headless and fresh, driven by Playwright. Whatever it asks for beyond the page's own origin, or that the page's
// policy forbids, or any error in the page, fails the test that looks at `complaints`.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { PATIENCE_MS } from '../until.js';

const CHROMIUM = '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export interface OpenedPage {
  readonly page: Page;
  /** Requests to other hosts, errors of scripts, violations of the policy. */
  readonly complaints: string[];
  close(): Promise<void>;
}

export class TestBrowser {
  private constructor(
    private readonly browser: Browser,
    private readonly directory: string,
  ) {}

  /** `netns`: the network namespace to browse from. */
  static async launch({ netns }: { netns?: string } = {}): Promise<TestBrowser> {
    const directory = await mkdtemp(join(tmpdir(), 'nwm-browser-'));
    let executablePath = CHROMIUM;
    if (netns !== undefined) {
      executablePath = join(directory, 'chromium');
      await writeFile(executablePath, `#!/bin/sh\nexec ip netns exec ${netns} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
    }
    return new TestBrowser(await chromium.launch({ executablePath, args: ARGS, timeout: PATIENCE_MS }), directory);
  }

  /** Opens `url` in a window of its own: no cookies of others. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
    const context = await this.browser.newContext({ locale: 'en-GB', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const complaints: string[] = [];
    const { origin } = new URL(url);
    page.on('request', (request) => {
      if (!request.url().startsWith(`${origin}/`)) complaints.push(`asked for ${request.url()}`);
    });
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // That an answer was 401 or there was none is what some tests are about.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        complaints.push(`console: ${message.text()}`);
      }
    });
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(url);
    return { page, complaints, close: () => context.close() };
  }

  async close(): Promise<void> {
    await this.browser.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The text that a person sees in a place; '' when there is no such place. */
export async function textOf(place: Locator): Promise<string> {
  return (await place.allInnerTexts()).join('\n');
}

/** What axe-core finds wrong that it calls serious or critical: rule and elements. */
export async function seriousViolations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
    id: string;
    impact: string;
    nodes: { target: string[]; failureSummary: string }[];
  }[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} (${failureSummary})`)}`);
}
