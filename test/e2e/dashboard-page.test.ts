/** What holds on any page of the dashboard: texts of callers, keyboard, colours, widths, a server that is away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { kill } from '../embedded/data-dir.ts';
import { openGate } from '../http/v1/support.ts';
import { chromiumPath } from '../support/browser.ts';
import { ADMIN_KEY } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import {
  allLoaded,
  assertAccessible,
  assertQuiet,
  behave,
  copied,
  fitsWidth,
  goTo,
  HOSTILE,
  openDashboard,
  press,
  seeState,
  startFront,
  useDashboard,
} from './dashboard-support.ts';
import { freePort } from './pasting.ts';

/** Counts the pixels that are drawn in so many of the last columns of the plots. */
const INK = `((columns) => [...document.querySelectorAll('.plot canvas')].reduce((sum, canvas) => {
  const width = Math.min(columns, canvas.width);
  const { data } = canvas.getContext('2d').getImageData(canvas.width - width, 0, width, canvas.height);
  return sum + data.filter((value, at) => at % 4 === 3 && value > 0).length;
}, 0))`;
/** The first character that turns the direction, the two after it, and whether these stand from left to right. */
const AFTER_TURNING = `(() => {
  const turning = document.querySelector('.code-text .turning');
  const [first, second] = [0, 1].map((at) => {
    const range = document.createRange();
    range.setStart(turning.nextSibling, at);
    range.setEnd(turning.nextSibling, at + 1);
    return { text: range.toString(), left: range.getBoundingClientRect().left };
  });
  return [turning.dataset.code, first.text + second.text, first.left < second.left];
})()`;
const LONG_WORD = 'w'.repeat(1_000_000);

suite('Any page of the dashboard', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 240_000,
}, () => {
  const dashboard = useDashboard();

  test('texts of callers are shown as they are, and do nothing', async () => {
    const params = `{"big":9007199254740993,"text":${JSON.stringify(HOSTILE)},"word":"${LONG_WORD}"}`;
    const body = `{"jobs":[{"id":${JSON.stringify(HOSTILE)},"namespace":"test","action":"echo","params":${params}},${JSON.stringify(
      { namespace: 'rpc', action: 'refuse', params: { message: HOSTILE + LONG_WORD.slice(0, 9_000) } },
    )}]}`;
    const { body: taken } = await dashboard.system.rpc('run', body);
    const { asyncId } = taken;
    await dashboard.system.ended(asyncId);
    const opened = await dashboard.open({ viewport: { width: 320, height: 800 } });
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
    assert.deepEqual(await page.evaluate(AFTER_TURNING), ['U+202E', 'ri', true]);
    await press(page, 'Copy: Params');
    await waitFor(async () => (await copied(page)) === params, {
      what: 'the params as they were sent',
    });
    await dashboard.close(opened);
  });

  test('the page says when the server is away, and goes on by itself when it is back', async (t) => {
    const front = await startFront(t, dashboard.system.url);
    const asyncId = await dashboard.system.run([behave({ gate: 'away' })]);
    const opened = await openDashboard(dashboard.browser, front.url, { place: `/batches/${asyncId}` });
    const { page } = opened;
    await seeState(page, 'running');
    await front.down();
    await page.getByText('The server is away. Trying again…').waitFor();
    await page.getByText(asyncId).first().waitFor();
    await assertAccessible(page);
    await openGate(dashboard.system.pool, 'away');
    await dashboard.system.ended(asyncId);
    await front.up();
    await seeState(page, 'completed');
    await page.getByText('The server is away').waitFor({ state: 'detached' });
    await dashboard.close(opened);
  });

  test('a hidden page asks nothing, and shows what is new when it is visible again', async () => {
    const asyncId = await dashboard.system.run([behave({ gate: 'hidden' })]);
    const opened = await dashboard.open({ place: `/batches/${asyncId}`, ownClock: true });
    const { page, asked } = opened;
    await seeState(page, 'running');
    await assertQuiet(opened, async () => {
      await openGate(dashboard.system.pool, 'hidden');
      await dashboard.system.ended(asyncId);
    });
    await seeState(page, 'completed');

    await goTo(page, '/batches?');
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    let next = '';
    await assertQuiet(opened, async () => {
      next = await dashboard.ended([behave({ n: 1 })]);
    });
    await page.getByRole('link', { name: next }).waitFor();
    // The list is followed by one stream, which tells of new batches: nothing is asked again and again.
    const before = asked.length;
    // Less than a stream may be silent.
    await page.clock.fastForward(20_000);
    const last = await dashboard.ended([behave({ n: 2 })]);
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: last }) });
    await row.getByText('completed').waitFor();
    assert.deepEqual(
      asked.slice(before).filter((path) => path !== '/v1/events'),
      [],
    );
    await dashboard.close(opened);
  });

  test('the keyboard reaches everything: shortcuts, the skip link, dialogs', async () => {
    const asyncId = await dashboard.ended([behave({ n: 1 })]);
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
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
    await dashboard.close(opened);
  });

  test('the last label of a plot is whole where it stands at its edge', async () => {
    const asyncId = await dashboard.ended([0, 1, 2].map((n) => behave({ n })));
    await dashboard.system.pool.query(
      `with moved as (
         update batchwright.result set finished_at = date_trunc('minute', finished_at) + index * interval '1 s'
         where batch_id = $1::uuid
       )
       update batchwright.batch set started_at = date_trunc('minute', finished_at),
         finished_at = date_trunc('minute', finished_at) + interval '2 s' where id = $1::uuid`,
      [asyncId],
    );
    const opened = await dashboard.open({ place: `/batches/${asyncId}`, locale: 'en-US' });
    const { page } = opened;
    await waitFor(() => page.evaluate<boolean>(`${INK}(1_000) > 0`), { what: 'the plots' });
    assert.equal(await page.evaluate(`${INK}(2)`), 0);
    await dashboard.close(opened);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe finds nothing on any page in ${colorScheme} colours, and no page is wider than 320 px`, async () => {
      const asyncId = await dashboard.ended(
        [...Array(30).keys()].map((n) => behave(n % 5 ? { n, waitMs: 20 * n } : { fatal: `no ${n % 2}` })),
        { callbackUrl: 'http://127.0.0.1:9/hook' },
      );
      const opened = await dashboard.open({ colorScheme, viewport: { width: 320, height: 800 } });
      const { page } = opened;
      for (const place of ['/batches?', `/batches/${asyncId}`, `/batches/${asyncId}/jobs/5`, '/nowhere']) {
        await goTo(page, place);
        await allLoaded(page);
        await assertAccessible(page);
        assert.ok(await fitsWidth(page), `${place} is too wide`);
      }
      await page.getByRole('button', { name: /^Colours/ }).click();
      await dashboard.close(opened);
    });

  test('the page works below the path prefix of nginx', {
    skip: !existsSync('/usr/sbin/nginx') && 'no nginx',
  }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'batchwright-nginx-'));
    t.after(() => rm(folder, { recursive: true }));
    const port = await freePort();
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    await writeFile(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
       http { access_log off; ${temporary.join(' ')} server { listen 127.0.0.1:${port};
       location /jobs/ { proxy_pass ${dashboard.system.url}/; proxy_http_version 1.1; proxy_buffering off; } } }`,
    );
    const args = ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    const nginx = spawn('/usr/sbin/nginx', args, { stdio: 'ignore' });
    t.after(() => kill(nginx));
    const url = `http://127.0.0.1:${port}/jobs`;
    await waitFor(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok, { what: 'nginx' });
    const asyncId = await dashboard.ended([behave({ n: 1 })]);
    const opened = await openDashboard(dashboard.browser, url, { place: `/batches/${asyncId}` });
    await seeState(opened.page, 'completed');
    assert.deepEqual(
      opened.asked.filter((path) => !path.startsWith('/jobs/') && !path.startsWith('image/')),
      [],
    );
    await dashboard.close(opened);
  });

  test('the admin key stays in its tab', async () => {
    const opened = await dashboard.open();
    const { page } = opened;
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    assert.equal(await page.evaluate('JSON.stringify(localStorage)'), '{"batchwright.theme":"system"}');
    assert.doesNotMatch(page.url(), new RegExp(ADMIN_KEY));
    await press(page, 'Forget the key');
    await page.getByLabel('API key').waitFor();
    await dashboard.close(opened);
  });
});
