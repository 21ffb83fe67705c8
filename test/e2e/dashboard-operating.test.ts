/** The pages of the dashboard for operating: limits, callbacks, keys, system, audit. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { openGate } from '../http/v1/support.ts';
import { chromiumPath, startBrowser } from '../support/browser.ts';
import { sendSigned } from '../support/signed.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import {
  allLoaded,
  assertAccessible,
  assertQuiet,
  copied,
  fitsWidth,
  goTo,
  type Opened,
  type OpenOptions,
  openDashboard,
} from './dashboard-support.ts';

const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });
const HOSTILE = `<img src=x onerror="document.title='owned'"> \u202eright to left\u202c "q" ${'w'.repeat(150)}`;
const PAGES = ['/limits', '/callbacks', '/keys', '/system', '/audit'];

suite('Operating with the dashboard', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 240_000,
}, () => {
  let system: System;
  let browser: Browser;
  let receiver: Server;
  let receiverUrl: string;
  let answer: { status: number; text: string };
  let received: number;
  const endings: (() => unknown)[] = [];
  const later = { after: (fn: () => unknown) => endings.push(fn) };
  before(async () => {
    system = await startSystem(later, {
      env: {
        RATE_LIMIT: '0',
        CALLBACK_RETRY_SECONDS: '600',
        SECRET_KEY: 'the secret key of these tests: 32 +',
      },
    });
    browser = await startBrowser(later);
    receiver = createServer((request, response) => {
      received += 1;
      request.resume().once('end', () => response.writeHead(answer.status).end(answer.text));
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    endings.push(() => {
      receiver.closeAllConnections();
      receiver.close();
    });
    receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    answer = { status: 200, text: '' };
    received = 0;
  });
  after(async () => {
    for (const end of endings.reverse()) await end();
  });

  const open = (options: OpenOptions = {}): Promise<Opened> => openDashboard(browser, system.url, options);
  const close = async ({ page, faults }: Opened) => {
    assert.deepEqual(faults, []);
    await page.context().close();
  };
  const makeKey = async (permissions: string[], more = {}): Promise<{ id: string; key: string }> => {
    const { status, body } = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'of a test', permissions, ...more }),
    });
    assert.equal(status, 201);
    return body;
  };
  const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();

  test('a callback that fails is shown with its error, and sent again by a press', async () => {
    answer = { status: 500, text: 'out of order' };
    const asyncId = await system.run([behave({ n: 1 })], { callbackUrl: receiverUrl });
    const opened = await open({ place: '/callbacks' });
    const { page } = opened;
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: asyncId }) });
    await row.getByText('500', { exact: true }).waitFor({ timeout: 30_000 });
    await row.getByText(receiverUrl).waitFor();
    await row.getByText('pending').waitFor();

    answer = { status: 204, text: '' };
    await press(page, `Send the callback of ${asyncId} again`);
    await page.getByRole('dialog').getByText(receiverUrl).waitFor();
    await press(page, 'Send it again');
    await page.getByText('The callback is sent again.').waitFor();
    await row.waitFor({ state: 'detached', timeout: 30_000 });
    await close(opened);
  });

  test('a key that may not run the jobs of a batch cannot send its callback again, and hears why', async () => {
    answer = { status: 410, text: '' };
    const { key } = await makeKey(['rpc.*']);
    const asyncId = await system.run([behave({ n: 1 })], { callbackUrl: receiverUrl });
    const opened = await open({ key, place: '/callbacks?state=failed' });
    const { page } = opened;
    const name = `Send the callback of ${asyncId} again`;
    await page.getByRole('button', { name, disabled: true }).waitFor({ timeout: 30_000 });
    const described = await page.getByRole('button', { name }).getAttribute('aria-describedby');
    assert.match((await page.locator(`[id="${described}"]`).textContent()) ?? '', /it lacks test\.behave\.$/);
    await close(opened);
  });

  test('a callback leads to its batch, and the filter is in the address', async () => {
    answer = { status: 410, text: '' };
    const asyncId = await system.run([behave({ n: 1 })], { callbackUrl: receiverUrl });
    const opened = await open({ place: '/callbacks?state=failed' });
    const { page } = opened;
    const link = page.getByRole('link', { name: asyncId });
    await link.waitFor({ timeout: 30_000 });
    await page.getByRole('link', { name: 'Tried again' }).click();
    await link.waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Given up' }).click();
    await link.click();
    await page.getByRole('table', { name: 'Attempts to deliver the callback' }).getByText('410').waitFor();
    await close(opened);
  });

  test('a test callback shows what came back, and what is refused', async () => {
    const opened = await open({ place: '/callbacks' });
    const { page } = opened;
    await press(page, 'Send a test callback');
    const dialog = page.getByRole('dialog', { name: 'Send a test callback' });
    const send = async (url: string) => {
      await dialog.getByLabel('Address of the receiver').fill(url);
      await dialog.getByRole('button', { name: 'Send' }).click();
    };
    answer = { status: 200, text: HOSTILE };
    const before = received;
    await send(receiverUrl);
    await dialog.getByText(/the receiver answered 200 after/).waitFor();
    await dialog.getByText('right to left').waitFor();
    assert.equal(received, before + 1);
    await assertAccessible(page);

    answer = { status: 503, text: 'no' };
    await send(receiverUrl);
    await dialog.getByText(/It would fail:/).waitFor();
    await send('http://10.0.0.1/hook');
    await dialog.getByText(/url is not allowed/).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.notEqual(await page.title(), 'owned');
    await close(opened);
  });

  test('a key is made, copied once, used and revoked', async () => {
    const opened = await open({ place: '/keys' });
    const { page } = opened;
    await press(page, 'Make a key');
    const dialog = page.getByRole('dialog', { name: 'Make a key' });
    await dialog.getByLabel('Name').fill('the importer');
    await dialog.getByLabel('Tenant').fill('acme');
    await dialog.getByRole('button', { name: 'test.*' }).click();
    await dialog.getByLabel('Permissions').fill('test.* no/permission');
    await assertAccessible(page);
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await dialog.getByRole('alert').getByText('The key cannot be made; permissions[1] must be').waitFor();
    await dialog.getByLabel('Permissions').fill('test.*');
    await dialog.getByRole('button', { name: 'Make the key' }).click();

    await page.getByText('Copy it now.').waitFor();
    await assertAccessible(page);
    await press(page, 'Copy the key');
    await waitFor(async () => (await copied(page)).startsWith('bw_'), { what: 'the key in the clipboard' });
    const key = await copied(page);
    const as = { headers: { authorization: `Bearer ${key}` } };
    const { body } = await system.request('/v1/me', as);
    assert.deepEqual([body.name, body.tenant, body.permissions], ['the importer', 'acme', ['test.*']]);
    await press(page, 'I have it');
    assert.ok(!(await page.content()).includes(key), 'the key is shown once');

    const row = page.getByRole('row').filter({ hasText: 'the importer' });
    await row.getByText('acme').waitFor();
    await press(page, 'Revoke the key the importer');
    await press(page, 'Keep as it is');
    assert.equal((await system.request('/v1/me', as)).status, 200);
    await press(page, 'Revoke the key the importer');
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke the key' }).click();
    await page.getByText('The key the importer is revoked.').waitFor();
    await row.waitFor({ state: 'detached' });
    assert.equal((await system.request('/v1/me', as)).status, 401);
    await close(opened);
  });

  test('a key whose client signs is made with its secret, which signs requests and is shown once', async () => {
    const opened = await open({ place: '/keys' });
    const { page } = opened;
    await press(page, 'Make a key');
    const dialog = page.getByRole('dialog', { name: 'Make a key' });
    await dialog.getByLabel('Name').fill('the signer');
    await dialog.getByRole('button', { name: '*', exact: true }).click();
    await dialog.getByLabel('Its client signs requests (IWS)').check();
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await page.getByText('is shown only now too').waitFor();
    await assertAccessible(page);
    const copy = async (label: string) => {
      await page.evaluate("navigator.clipboard.writeText('')");
      await press(page, label);
      await waitFor(async () => (await copied(page)) !== '', { what: label });
      return copied(page);
    };
    const key = await copy('Copy the key');
    const secret = await copy('Copy the signing secret');
    const { status, body } = await sendSigned(
      system.url,
      { id: '', key, secret },
      { path: '/api/1.0/batch?action=validate', body: JSON.stringify({ jobs: [behave({ n: 1 })] }) },
    );
    assert.equal(status, 200, JSON.stringify(body));
    await press(page, 'I have it');
    assert.ok(!(await page.content()).includes(secret), 'the secret is shown once');
    await page.reload();
    await page.getByRole('row').filter({ hasText: 'the signer' }).waitFor();
    assert.ok(!(await page.content()).includes(secret));
    await close(opened);
  });

  test('the callback secret is shown when asked for, and replaced after a question', async () => {
    const { key } = await makeKey(['*', 'admin'], { tenant: 'secretive' });
    const as = { headers: { authorization: `Bearer ${key}` } };
    const secretOf = async () => (await system.request('/v1/callback-secret', as)).body.secret;
    const old = await secretOf();
    const opened = await open({ key, place: '/keys' });
    const { page } = opened;
    await page.getByRole('heading', { name: 'Callback secret' }).waitFor();
    assert.ok(!(await page.content()).includes('whsec_'));
    await press(page, 'Show');
    await page.getByText(old).waitFor();
    await press(page, 'Replace it');
    await page.getByRole('dialog').getByText('for 24 h').waitFor();
    await assertAccessible(page);
    await press(page, 'Replace the secret');
    await page.getByText(/The old one signs until/).waitFor();
    await page.getByText(/The one before signs beside it until/).waitFor();
    const replaced = await secretOf();
    assert.notEqual(replaced, old);
    await page.getByText(replaced).waitFor();
    await page.getByText(old).waitFor();
    await close(opened);
  });

  test('queues, workers and throughput are shown, and a system without a worker is a warning', async () => {
    const asyncId = await system.run([behave({ gate: 'in hand' })]);
    const opened = await open({ place: '/system' });
    const { page } = opened;
    const workers = page.getByRole('table', { name: 'Workers' });
    await workers.getByRole('link', { name: asyncId.slice(-8) }).waitFor({ timeout: 30_000 });
    await workers.getByText(`process ${process.pid}`).waitFor();
    await page.getByRole('table', { name: 'Queues' }).getByText('jobs.default').waitFor();
    await openGate(system.pool, 'in hand');
    await system.ended(asyncId);
    // A worker's report after the job is a point of the plot.
    await page.getByText(/now, at most/).waitFor({ timeout: 30_000 });
    await page.getByText('Postgres').waitFor();
    await close(opened);

    const idle = await startSystem(later, { worker: false });
    await idle.run([behave({ n: 1 })]);
    const warned = await openDashboard(browser, idle.url, { place: '/system' });
    await warned.page.getByRole('alert').getByText('Work waits, and no worker lives: 1 message').waitFor();
    await assertAccessible(warned.page);
    await close(warned);
  });

  test('limits show what waits for them, and an action is paused and resumed', async () => {
    const change = (body: object) =>
      system.request('/v1/actions/test.behave', { method: 'PATCH', body: JSON.stringify(body) });
    await change({ limits: { concurrency: { max: 1 } } });
    const inUse = async () =>
      (await system.request('/v1/limits')).body.data.find(
        ({ action }: { action: string | null }) => action === 'test.behave',
      );
    // Jobs that begin before the worker has learned the limit run without it, and the others wait for these.
    await waitFor(
      async () => {
        await system.ended(await system.run([behave({ n: 1 })]));
        return (await inUse()) !== undefined;
      },
      { what: 'the worker to know the limit' },
    );
    const asyncId = await system.run([...Array(60).keys()].map((n) => behave({ n, gate: 'limited' })));
    const opened = await open({ place: '/limits' });
    const { page } = opened;
    const row = page.getByRole('table', { name: 'Limits in use' }).getByRole('row');
    await row.filter({ hasText: 'test.behave' }).getByRole('cell', { name: '59', exact: true }).waitFor();
    assert.equal((await inUse()).waiting, 59);
    await page.getByText('At most 1 at once.').waitFor();
    await assertAccessible(page);

    await press(page, 'Pause test.behave');
    await press(page, 'Pause it');
    await page.getByText('test.behave is paused.').waitFor();
    const pausedNow = async () =>
      (await system.request('/v1/limits')).body.actions.find(
        ({ name }: { name: string }) => name === 'test.behave',
      ).paused;
    assert.equal(await pausedNow(), true);
    await press(page, 'Resume test.behave');
    await page.getByText('test.behave runs again.').waitFor();
    assert.equal(await pausedNow(), false);
    await close(opened);

    const { key } = await makeKey(['test.*', 'admin'], { tenant: 'acme' });
    const other = await open({ key, place: '/limits' });
    await other.page.getByText('only an admin key of the tenant default changes them').waitFor();
    assert.equal(await other.page.getByRole('button', { name: 'Pause test.behave' }).count(), 0);
    await close(other);
    await openGate(system.pool, 'limited');
    await change({ limits: null });
    await system.ended(asyncId);
  });

  test('the audit says who changed what, and is filtered by the address', async () => {
    const made = await makeKey(['test.*'], { name: HOSTILE.slice(0, 200) });
    const opened = await open({ place: '/audit' });
    const { page } = opened;
    const row = page.getByRole('row').filter({ hasText: made.id });
    await row.getByText('Key made').waitFor();
    await page.getByRole('combobox', { name: /^What/ }).selectOption('Key revoked');
    await row.waitFor({ state: 'detached' });
    assert.match(page.url(), /event=key\.revoked/);
    await goTo(page, `/audit?target=${made.id}`);
    await row.waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.getByRole('textbox', { name: 'By', exact: true }).fill('nobody');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Nothing matches these filters' }).waitFor();
    assert.notEqual(await page.title(), 'owned');
    await close(opened);
  });

  test('a key that may not is told why', async () => {
    const plain = await makeKey(['test.*'], { tenant: 'acme' });
    const opened = await open({ key: plain.key, place: '/keys' });
    const { page } = opened;
    await page.getByRole('heading', { name: 'This key may not see keys' }).waitFor();
    await press(page, 'Show');
    await page.getByText('Replacing it needs a key with the permission admin.').waitFor();
    await goTo(page, '/system');
    await page.getByRole('heading', { name: 'This key may not see the whole system' }).waitFor();
    await goTo(page, '/audit');
    await page.getByRole('heading', { name: 'This key may not read the audit' }).waitFor();
    await goTo(page, '/callbacks');
    await press(page, 'Send a test callback');
    await page.getByText('This key may not: it lacks the permission admin.').waitFor();
    await close(opened);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe finds nothing on these pages in ${colorScheme} colours, and none is wider than 320 px`, async () => {
      answer = { status: 500, text: '' };
      await system.ended(
        await system.run([behave({ n: 1 })], { callbackUrl: `${receiverUrl}?${'w'.repeat(500)}` }),
      );
      await makeKey(['test.*', 'admin', 'participants.storeMultiple'], { name: HOSTILE.slice(0, 200) });
      const opened = await open({ colorScheme, viewport: { width: 320, height: 800 } });
      const { page } = opened;
      for (const place of PAGES) {
        await goTo(page, place);
        await allLoaded(page);
        await assertAccessible(page);
        assert.ok(await fitsWidth(page), `${place} is too wide`);
        assert.equal(await page.locator('#app img, #app script').count(), 0, place);
      }
      await goTo(page, '/keys');
      await press(page, 'Make a key');
      await assertAccessible(page);
      assert.notEqual(await page.title(), 'owned');
      await close(opened);
    });

  test('these pages ask nothing while they are hidden, and what is new when they are visible again', async () => {
    const opened = await open({ ownClock: true });
    const { page, asked } = opened;
    await allLoaded(page);
    for (const place of [...PAGES, '/actions', '/actions/test.behave']) {
      await goTo(page, place);
      await allLoaded(page);
      await assertQuiet(opened);
      const before = asked.length;
      await waitFor(async () => asked.length > before, { what: `${place} to ask again` });
    }
    await close(opened);
  });

  test('the keyboard goes to these pages', async () => {
    const opened = await open();
    const { page } = opened;
    await allLoaded(page);
    for (const [letter, title] of [
      ['l', 'Limits'],
      ['c', 'Callbacks that are not delivered'],
      ['k', 'Keys'],
      ['s', 'System'],
      ['u', 'Audit'],
    ] as const) {
      await page.keyboard.press('g');
      await page.keyboard.press(letter);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
    }
    await close(opened);
  });
});
