/** A real Chromium for tests of pages; a machine without one skips them. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Undefined on a machine without Chromium. */
export const chromiumPath = process.env.CHROMIUM_PATH ?? PATHS.find((path) => existsSync(path));

/** Otherwise Chromium connects to its maker by itself. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface OpenPage {
  page: Page;
  /** Requests to other hosts, failed requests, errors of scripts, and parts that the page's policy refused. */
  faults: string[];
}

/** Starts the browser, which is closed when the test ends. */
export async function startBrowser(t: { after(fn: () => Promise<unknown>): void }): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: QUIET });
  t.after(() => browser.close());
  return browser;
}

/** Opens a page of the server at `url`, and waits until its parts have arrived. */
export async function openPage(browser: Browser, url: string): Promise<OpenPage> {
  const { host } = new URL(url);
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.protocol.startsWith('http') && asked.host !== host) faults.push(`asked ${asked.host}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  await page.goto(url, { waitUntil: 'networkidle' });
  return { page, faults };
}
