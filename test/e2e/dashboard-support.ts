/** The dashboard in a real browser, in front of a real server. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before } from 'node:test';
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core';
import { startBrowser } from '../support/browser.ts';
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

export interface Opened {
  page: Page;
  /** Requests to other hosts, errors of scripts, and what the page's policy refused. */
  faults: string[];
  /** Paths of all requests so far. */
  asked: string[];
  /** Requests that have not ended: streams of events among them. */
  unended: Set<Request>;
}

export interface OpenOptions extends BrowserContextOptions {
  /** Undefined: the key prompt is shown. */
  key?: string | undefined;
  /** Behind the `#` of the address. */
  place?: string;
  /** Runs in the page before its script. */
  before?: string;
  /** True: the test can move the time of the page forward. */
  ownClock?: boolean;
}

export interface Dashboard {
  /** The server; only in tests, as it starts before the first. */
  readonly system: System;
  readonly browser: Browser;
  open(options?: OpenOptions): Promise<Opened>;
  /** Asserts that nothing went wrong in the page, and closes it. */
  close(opened: Opened): Promise<void>;
  makeKey(permissions: string[], more?: object): Promise<{ id: string; key: string }>;
  /** Runs a batch to its end, and returns its id. */
  ended(jobs: unknown[], more?: object): Promise<string>;
}

/** One server and one browser for the tests of a suite: they start before the first and end after the last. */
export function useDashboard(): Dashboard {
  let system: System;
  let browser: Browser;
  const endings: (() => unknown)[] = [];
  before(async () => {
    const later = { after: (fn: () => unknown) => endings.push(fn) };
    system = await startSystem(later, { env: { RATE_LIMIT: '0' } });
    browser = await startBrowser(later);
  });
  after(async () => {
    for (const end of endings.reverse()) await end();
  });
  return {
    get system() {
      return system;
    },
    get browser() {
      return browser;
    },
    open: (options) => openDashboard(browser, system.url, options),
    async close({ page, faults }) {
      assert.deepEqual(faults, []);
      assert.doesNotMatch(await page.title(), /owned/);
      await page.context().close();
    },
    async makeKey(permissions, more = {}) {
      const { status, body } = await system.request('/v1/keys', {
        method: 'POST',
        body: JSON.stringify({ name: 'of the dashboard', permissions, ...more }),
      });
      assert.equal(status, 201);
      return body;
    },
    async ended(jobs, more = {}) {
      const asyncId = await system.run(jobs, more);
      await system.ended(asyncId, 180_000);
      return asyncId;
    },
  };
}

/** A job of the action whose behaviour the params choose. */
export const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });

/** Text of a caller that would do harm in a page that took it for markup: then the title is `owned`. */
export const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> \u202eright to left\u202c "q"`;

/** Waits until the heading of a batch shows the state. */
export async function seeState(page: Page, name: string): Promise<void> {
  await page.locator('.heading .state', { hasText: name }).waitFor({ timeout: 60_000 });
}

/** Presses the button; the name may be a part of the button's. */
export function press(page: Page, name: string | RegExp): Promise<void> {
  return page.getByRole('button', { name }).click();
}

/** Presses the button with exactly this name. */
export function pressExactly(page: Page, name: string): Promise<void> {
  return page.getByRole('button', { name, exact: true }).click();
}

/** Chooses a file with this text on the page of CSV files. */
export function chooseCsv(page: Page, text: string): Promise<void> {
  return page
    .getByLabel('Choose a CSV file')
    .setInputFiles({ name: 'contacts.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
}

/** How many batches the server has stored. */
export async function storedBatches(system: System): Promise<number> {
  return (await system.request('/v1/batches?limit=1000')).body.data.length;
}

/** Opens the dashboard in a context of its own: nothing is shared with other tests. */
export async function openDashboard(
  browser: Browser,
  serverUrl: string,
  { place = '/batches', before, ownClock, ...options }: OpenOptions = {},
): Promise<Opened> {
  const { key = 'key' in options ? undefined : ADMIN_KEY, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...contextOptions });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  if (before) await context.addInitScript({ content: before });
  const page = await context.newPage();
  if (ownClock) await page.clock.install();
  const { host } = new URL(serverUrl);
  const opened: Opened = { page, faults: [], asked: [], unended: new Set() };
  page.on('request', (request) => {
    const asked = new URL(request.url());
    opened.asked.push(asked.pathname);
    opened.unended.add(request);
    if (asked.protocol.startsWith('http') && asked.host !== host) opened.faults.push(`asked ${asked.host}`);
  });
  const onEnd = (request: Request) => opened.unended.delete(request);
  page.on('requestfinished', onEnd).on('requestfailed', onEnd);
  page.on('pageerror', (error) => opened.faults.push(error.message));
  page.on('console', (message) => {
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) opened.faults.push(message.text());
  });
  await page.goto(`${serverUrl}/dashboard#${place}`);
  if (key !== undefined) await signIn(page, key);
  return opened;
}

/** Writes the key into the prompt. */
export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Open the dashboard' }).click();
}

/** Goes to another place without loading the page again; the place that is open already stays. */
export async function goTo(page: Page, place: string): Promise<void> {
  await page.evaluate(`new Promise((done) => {
    const { href } = location;
    addEventListener('hashchange', () => requestAnimationFrame(() => setTimeout(done)), { once: true });
    location.hash = ${JSON.stringify(place)};
    if (location.href === href) done();
  })`);
}

/** Waits until everything that is on the screen has arrived. */
export async function allLoaded(page: Page): Promise<void> {
  // Playwright's own wait is refused by the page's policy.
  await waitFor(
    () =>
      page.evaluate<boolean>(
        'document.querySelector("#main h1") !== null && !document.querySelector(".loading, .missing")',
      ),
    { what: 'all parts of the page' },
  );
}

/**
 * Hides the page, which has a clock of its own, and asserts that it ends its streams and asks nothing meanwhile; then it is
 * visible again.
 *
 * @param meanwhile what happens while it is hidden
 */
export async function assertQuiet(
  { page, asked, unended }: Opened,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<void> {
  const setHidden = (isHidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await setHidden(true);
  // All parts of the page have heard of it: their effects run in one timer after the next frame, before this one.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
  await waitFor(async () => unended.size === 0, { what: 'the end of all requests', timeoutMs: 20_000 });
  const before = asked.length;
  await meanwhile();
  // Every timer of a visible page is due by then.
  await page.clock.fastForward(60_000);
  assert.equal(await page.evaluate('document.hidden'), true);
  assert.deepEqual(asked.slice(before), [], page.url());
  await setHidden(false);
}

/** The text of the clipboard. */
export function copied(page: Page): Promise<string> {
  return page.evaluate('navigator.clipboard.readText()');
}

/** Asserts that axe finds nothing on what is shown now. */
export async function assertAccessible(page: Page): Promise<void> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(await readFile(path, 'utf8'));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
  assert.deepEqual(found, []);
}

/** True when the page is not wider than the window. */
export function fitsWidth(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth <= innerWidth');
}

export interface Front {
  url: string;
  /** Nobody answers, and open connections break. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** What stands between the browser and the server, and can be taken away. */
export async function startFront(
  t: { after(fn: () => Promise<unknown>): void },
  serverUrl: string,
): Promise<Front> {
  const port = Number(new URL(serverUrl).port);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
  });
  const listen = (at: number) => new Promise<void>((done) => server.listen(at, '127.0.0.1', done));
  const down = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of sockets) socket.destroy();
    });
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  t.after(async () => {
    if (server.listening) await down();
  });
  return { url: `http://127.0.0.1:${own}`, down, up: () => listen(own) };
}
