/** The dashboard as people use it: a real server, a real browser. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { openGate, runsOf } from '../http/v1/support.ts';
import { chromiumPath, startBrowser } from '../support/browser.ts';
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import {
  allLoaded,
  assertAccessible,
  copied,
  fitsWidth,
  goTo,
  type Opened,
  type OpenOptions,
  openDashboard,
  signIn,
  startFront,
} from './dashboard-support.ts';

const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> \u202eright to left\u202c "q"`;
const LONG_WORD = 'w'.repeat(1_000_000);

suite('The dashboard', { skip: chromiumPath === undefined && 'no Chromium', timeout: 240_000 }, () => {
  let system: System;
  let browser: Browser;
  const endings: (() => unknown)[] = [];
  const later = { after: (fn: () => unknown) => endings.push(fn) };
  before(async () => {
    system = await startSystem(later, { env: { RATE_LIMIT: '0' } });
    browser = await startBrowser(later);
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
      body: JSON.stringify({ name: 'of the dashboard', permissions, ...more }),
    });
    assert.equal(status, 201);
    return body;
  };
  const ended = async (jobs: unknown[], more = {}): Promise<string> => {
    const asyncId = await system.run(jobs, more);
    await system.ended(asyncId, 180_000);
    return asyncId;
  };
  const seeState = (page: Page, name: string) =>
    page.locator('.heading .state', { hasText: name }).waitFor({ timeout: 60_000 });
  const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();

  test('an empty server shows how to send the first batch: pasted lines work, and so does the button', async () => {
    const opened = await open();
    const { page } = opened;
    await page.getByRole('heading', { name: 'Send a first batch' }).waitFor();
    await assertAccessible(page);

    await press(page, 'Copy with your key: Send it');
    const lines = await copied(page);
    const { stdout } = await promisify(execFile)('bash', ['-ec', lines.replace('curl ', 'curl -sS ')]);
    const { asyncId } = JSON.parse(stdout);
    await system.ended(asyncId);

    // The list reloads by itself, and has the batch.
    await page.getByRole('link', { name: asyncId }).waitFor();
    await page.getByRole('link', { name: asyncId }).click();
    await seeState(page, 'completed');
    await close(opened);
  });

  test('the button of an empty server sends the first batch and shows it', async () => {
    const { key } = await makeKey(['*'], { tenant: 'newcomer' });
    const opened = await open({ key });
    const { page } = opened;
    await press(page, 'Send this batch');
    await seeState(page, 'completed');
    await page.getByText('100 %').waitFor();
    await close(opened);
  });

  test('a wrong key is told, a right one opens the page, and a revoked one leads back to the prompt', async () => {
    const { id, key } = await makeKey(['*']);
    const opened = await open({ key: 'a-wrong-key-of-some-length' });
    const { page } = opened;
    await page.getByRole('alert').getByText('The server does not accept this key.').waitFor();
    await assertAccessible(page);

    await signIn(page, key);
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    await page.reload();
    await page.getByRole('table', { name: 'Batches' }).waitFor();

    await system.request(`/v1/keys/${id}`, { method: 'DELETE' });
    await page.getByText('The server no longer accepts this key').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await close(opened);
  });

  test('a batch is watched from its start to its end, in two tabs', async () => {
    const asyncId = await system.run(
      [...Array(20).keys()].map((n) => behave(n < 10 ? { n } : { n, gate: 'watched' })),
    );
    const opened = await open({ place: `/batches/${asyncId}` });
    const other = await open({ place: '/batches' });
    await seeState(opened.page, 'running');
    const row = other.page.getByRole('row').filter({ hasText: asyncId.slice(-8) });
    await row.getByText('running').waitFor();

    await openGate(system.pool, 'watched');
    await seeState(opened.page, 'completed');
    await opened.page.getByText('100 %').waitFor();
    await row.getByText('completed').waitFor();
    await close(opened);
    await close(other);
  });

  test('from the first page: the failed jobs of many, why they failed, and only these run again', async () => {
    const jobs = [...Array(2_000).keys()].map((n) =>
      behave({
        n,
        effect: n === 7 || n === 1_500 ? 'wrong' : 'right',
        ...(n === 7 || n === 1_500 ? { fatal: 'event 77 does not exist' } : {}),
      }),
    );
    jobs[900] = behave({ n: 900, effect: 'locked', fatal: 'the contact is locked' });
    const asyncId = await ended(jobs);
    const opened = await open();
    const { page } = opened;
    await page.getByRole('link', { name: asyncId }).click();

    const errors = page.getByRole('table', { name: 'Errors by code and message' });
    const group = errors.getByRole('row').filter({ hasText: 'event 77 does not exist' });
    await group.getByRole('link', { name: 'event 77 does not exist' }).click();
    const list = page.getByRole('table', { name: 'Jobs that have ended' });
    await list.getByRole('link', { name: '1500', exact: true }).waitFor();
    assert.equal(await list.getByRole('row').count(), 3);
    await assertAccessible(page);

    await group.getByRole('button', { name: 'Run 2 again: the jobs with this error' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The 1,997 that succeeded keep theirs.').waitFor();
    await assertAccessible(page);
    await dialog.getByRole('button', { name: 'Run 2 jobs again' }).click();
    await page.getByText('2 jobs run again.').waitFor();
    await waitFor(async () => (await runsOf(system.pool, 'wrong')) === 4, { what: 'two more runs' });
    await system.ended(asyncId);
    assert.equal(await runsOf(system.pool, 'locked'), 1);

    // Single rows are selected too.
    await goTo(page, `/batches/${asyncId}?status=failed`);
    await seeState(page, 'completed');
    await page.getByRole('checkbox', { name: 'Select job 900' }).check();
    await press(page, 'Run 1 selected again');
    await press(page, 'Keep as it is');
    await press(page, 'Run 1 selected again');
    await press(page, 'Run 1 job again');
    await waitFor(async () => (await runsOf(system.pool, 'locked')) === 2, { what: 'one more run' });
    await system.ended(asyncId);
    assert.equal(await runsOf(system.pool, 'wrong'), 4);
    await close(opened);
  });

  test('100,000 jobs are scrolled and filtered with some rows in the page only', async () => {
    const jobs = [...Array(100_000).keys()].map((n) => ({
      namespace: 'test',
      action: 'echo',
      params: { n },
    }));
    jobs[54_321] = { namespace: 'rpc', action: 'refuse', params: { message: 'not this one' } as never };
    const asyncId = await ended(jobs);
    const opened = await open({ place: `/batches/${asyncId}` });
    const { page, asked } = opened;
    const list = page.getByRole('table', { name: 'Jobs that have ended' });
    await list.getByText('{"n":0}').waitFor();
    for (const share of [0.5, 0.25, 1]) {
      await list.evaluate((box, part) => {
        box.scrollTop = box.scrollHeight * part;
      }, share);
      const last = Math.round(100_000 * share) - 1;
      await list.getByRole('link', { name: String(share === 1 ? last : last + 5), exact: true }).waitFor();
    }
    assert.ok((await list.getByRole('row').count()) < 50);
    assert.ok(asked.filter((path) => path.endsWith('/results')).length < 20);

    await page.getByRole('link', { name: /^Failed/ }).click();
    await list.getByText('not this one').waitFor();
    assert.equal(await list.getByRole('row').count(), 2);
    // The address shows the same to a colleague.
    const { hash } = new URL(page.url());
    const colleague = await open({ place: hash.slice(1) });
    await colleague.page
      .getByRole('table', { name: 'Jobs that have ended' })
      .getByText('not this one')
      .waitFor();
    await close(colleague);
    await close(opened);
  });

  test('a running batch is cancelled after a question', async () => {
    const asyncId = await system.run([...Array(60).keys()].map((n) => behave({ n, gate: 'cancelled' })));
    const opened = await open({ place: `/batches/${asyncId}` });
    const { page } = opened;
    await press(page, 'Cancel');
    await page.getByRole('dialog').getByText('Results stay.').waitFor();
    await page.keyboard.press('Escape');
    assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'running');
    await press(page, 'Cancel');
    await press(page, 'Cancel the batch');
    await openGate(system.pool, 'cancelled');
    await seeState(page, 'cancelled');
    await close(opened);
  });

  test('a key with few permissions sees its batches, and is told what it may not do', async () => {
    const { key } = await makeKey(['rpc.*']);
    const asyncId = await ended([behave({ fatal: 'no' })]);
    const opened = await open({ key, place: `/batches/${asyncId}` });
    const { page } = opened;
    await page.getByText('Run 1 again').first().click();
    await press(page, 'Run 1 job again');
    await page.getByText('This key may not do that.').waitFor();
    await close(opened);
  });

  test('texts of callers are shown as they are, and do nothing', async () => {
    const params = `{"big":9007199254740993,"text":${JSON.stringify(HOSTILE)},"word":"${LONG_WORD}"}`;
    const body = `{"jobs":[{"id":${JSON.stringify(HOSTILE)},"namespace":"test","action":"echo","params":${params}},${JSON.stringify(
      { namespace: 'rpc', action: 'refuse', params: { message: HOSTILE + LONG_WORD.slice(0, 9_000) } },
    )}]}`;
    const { body: taken } = await system.rpc('run', body);
    const { asyncId } = taken;
    await system.ended(asyncId);
    const opened = await open({ viewport: { width: 320, height: 800 } });
    const { page } = opened;
    for (const place of [
      '/batches?',
      `/batches/${asyncId}`,
      `/batches/${asyncId}/jobs/0`,
      `/batches/${asyncId}/jobs/1`,
      `/batches/${asyncId}?errorCode=461&message=${encodeURIComponent(HOSTILE)}`,
      `/batches/${encodeURIComponent(HOSTILE)}`,
      `/${encodeURIComponent(HOSTILE)}`,
    ]) {
      await goTo(page, place);
      await allLoaded(page);
      assert.notEqual(await page.title(), 'owned');
      assert.equal(await page.locator('#app img, #app script').count(), 0, place);
      assert.ok(await fitsWidth(page), `${place} is too wide`);
    }
    await goTo(page, `/batches/${asyncId}/jobs/0`);
    await page.getByText('"big": 9007199254740993').first().waitFor();
    await press(page, 'Copy: Params');
    await waitFor(async () => (await copied(page)) === params, {
      what: 'the params as they were sent',
    });
    await close(opened);
  });

  test('results are saved as they arrive, and as a blob where the browser cannot', async () => {
    const asyncId = await ended([behave({ n: 1 }), behave({ fatal: 'no' })]);
    const blob = await open({
      place: `/batches/${asyncId}`,
      before: 'showSaveFilePicker = undefined',
    });
    await blob.page.getByText('Export', { exact: true }).click();
    const [saved] = await Promise.all([blob.page.waitForEvent('download'), press(blob.page, 'CSV')]);
    assert.equal(saved.suggestedFilename(), `${asyncId}.csv`);
    assert.equal((await readFile(await saved.path(), 'utf8')).split('\n').length, 4);
    await close(blob);

    const picked = await open({
      place: `/batches/${asyncId}?status=failed`,
      before: `showSaveFilePicker = async ({ suggestedName }) =>
        (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true })`,
    });
    await picked.page.getByText('Export what is shown').click();
    await press(picked.page, 'JSON lines');
    await picked.page.getByText(`${asyncId}-failed.ndjson is saved.`).waitFor();
    const text = await picked.page.evaluate<string>(`navigator.storage.getDirectory()
      .then((folder) => folder.getFileHandle('${asyncId}-failed.ndjson'))
      .then((file) => file.getFile())
      .then((file) => file.text())`);
    assert.equal(JSON.parse(text).index, 1);
    await close(picked);
  });

  test('the page says when the server is away, and goes on by itself when it is back', async (t) => {
    const front = await startFront(t, system.url);
    const asyncId = await system.run([behave({ gate: 'away' })]);
    const opened = await openDashboard(browser, front.url, { place: `/batches/${asyncId}` });
    const { page } = opened;
    await seeState(page, 'running');
    await front.down();
    await page.getByText('The server is away. Trying again…').waitFor();
    await page.getByText(asyncId).first().waitFor();
    await assertAccessible(page);
    await openGate(system.pool, 'away');
    await system.ended(asyncId);
    await front.up();
    await seeState(page, 'completed');
    await page.getByText('The server is away').waitFor({ state: 'detached' });
    await close(opened);
  });

  test('a hidden page asks nothing, and shows what is new when it is visible again', async () => {
    const asyncId = await system.run([behave({ gate: 'hidden' })]);
    const opened = await open({ place: `/batches/${asyncId}`, ownClock: true });
    const { page, asked } = opened;
    await seeState(page, 'running');
    const setHidden = (isHidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await setHidden(true);
    const before = asked.length;
    await openGate(system.pool, 'hidden');
    await system.ended(asyncId);
    // Every timer of a visible page is due by then.
    await page.clock.fastForward(60_000);
    assert.equal(await page.evaluate('document.hidden'), true);
    assert.deepEqual(asked.slice(before), []);
    await setHidden(false);
    await seeState(page, 'completed');
    await close(opened);
  });

  test('the keyboard reaches everything: shortcuts, the skip link, dialogs', async () => {
    const asyncId = await ended([behave({ n: 1 })]);
    const opened = await open({ place: `/batches/${asyncId}` });
    const { page } = opened;
    await seeState(page, 'completed');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
    await assertAccessible(page);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement?.getAttribute("name")'), 'index');
    await page.keyboard.type('0');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Job 0' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement?.id'), 'main');
    await page.keyboard.press('Tab');
    await close(opened);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe finds nothing on any page in ${colorScheme} colours, and no page is wider than 320 px`, async () => {
      const asyncId = await ended(
        [...Array(30).keys()].map((n) => behave(n % 5 ? { n, waitMs: 20 * n } : { fatal: `no ${n % 2}` })),
        { callbackUrl: 'http://127.0.0.1:9/hook' },
      );
      const opened = await open({ colorScheme, viewport: { width: 320, height: 800 } });
      const { page } = opened;
      for (const place of ['/batches?', `/batches/${asyncId}`, `/batches/${asyncId}/jobs/5`, '/nowhere']) {
        await goTo(page, place);
        await allLoaded(page);
        await assertAccessible(page);
        assert.ok(await fitsWidth(page), `${place} is too wide`);
      }
      await page.getByRole('button', { name: /^Colours/ }).click();
      await close(opened);
    });

  test('the admin key stays in its tab', async () => {
    const opened = await open();
    const { page } = opened;
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    assert.equal(await page.evaluate('JSON.stringify(localStorage)'), '{"batchwright.theme":"system"}');
    assert.doesNotMatch(page.url(), new RegExp(ADMIN_KEY));
    await press(page, 'Forget the key');
    await page.getByLabel('API key').waitFor();
    await close(opened);
  });
});
