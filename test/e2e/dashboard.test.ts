/** The dashboard as people use it: a real server, a real browser. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { openGate, runsOf } from '../http/v1/support.ts';
import { startHttpServer } from '../outbound/loopback.ts';
import { chromiumPath } from '../support/browser.ts';
import { waitFor } from '../support/wait.ts';
import {
  allLoaded,
  assertAccessible,
  behave,
  copied,
  goTo,
  HOSTILE,
  press,
  pressExactly,
  seeState,
  signIn,
  useDashboard,
} from './dashboard-support.ts';

suite('The dashboard', { skip: chromiumPath === undefined && 'no Chromium', timeout: 240_000 }, () => {
  const dashboard = useDashboard();

  test('an empty server shows how to send the first batch: pasted lines work, and so does the button', async () => {
    const opened = await dashboard.open();
    const { page } = opened;
    await page.getByRole('heading', { name: 'Send a first batch' }).waitFor();
    await assertAccessible(page);

    await press(page, 'Copy with your key: Send it');
    const lines = await copied(page);
    const { stdout } = await promisify(execFile)('bash', ['-ec', lines.replace('curl ', 'curl -sS ')]);
    const { asyncId } = JSON.parse(stdout);
    await dashboard.system.ended(asyncId);

    // The list reloads by itself, and has the batch.
    await page.getByRole('link', { name: asyncId }).waitFor();
    await page.getByRole('link', { name: asyncId }).click();
    await seeState(page, 'completed');
    await dashboard.close(opened);
  });

  test('the button of an empty server sends the first batch and shows it', async () => {
    const { key } = await dashboard.makeKey(['*'], { tenant: 'newcomer' });
    const opened = await dashboard.open({ key });
    const { page } = opened;
    await press(page, 'Send this batch');
    await seeState(page, 'completed');
    await page.getByText('100 %').waitFor();
    await dashboard.close(opened);
  });

  test('a wrong key is told, a right one opens the page, and a revoked one leads back to the prompt', async () => {
    const { id, key } = await dashboard.makeKey(['*']);
    const opened = await dashboard.open({ key: 'a-wrong-key-of-some-length' });
    const { page } = opened;
    await page.getByRole('alert').getByText('The server does not accept this key.').waitFor();
    await assertAccessible(page);

    await signIn(page, key);
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    await page.reload();
    await page.getByRole('table', { name: 'Batches' }).waitFor();

    await dashboard.system.request(`/v1/keys/${id}`, { method: 'DELETE' });
    await page.getByText('The server no longer accepts this key').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await dashboard.close(opened);
  });

  test('a batch is watched from its start to its end and to its callback, in two tabs', async (t) => {
    const received = Promise.withResolvers<ServerResponse>();
    const { url: callbackUrl } = await startHttpServer(t, (_, response) => received.resolve(response));
    const asyncId = await dashboard.system.run(
      [...Array(20).keys()].map((n) => behave(n < 10 ? { n } : { n, gate: 'watched' })),
      { callbackUrl },
    );
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
    const other = await dashboard.open({ place: '/batches' });
    await seeState(opened.page, 'running');
    const row = other.page.getByRole('row').filter({ hasText: asyncId.slice(-8) });
    await row.getByText('running').waitFor();

    await openGate(dashboard.system.pool, 'watched');
    await seeState(opened.page, 'completed');
    await opened.page.getByText('100 %').waitFor();
    await row.getByText('completed').waitFor();

    // The batch has ended on the page, and its callback comes later.
    const callback = opened.page.getByRole('region', { name: 'Callback' });
    await callback.locator('.section-head').getByText('pending', { exact: true }).waitFor();
    (await received.promise).writeHead(204).end();
    await callback.locator('.section-head').getByText('delivered', { exact: true }).waitFor();
    await callback.getByRole('cell', { name: '204', exact: true }).waitFor();
    await dashboard.close(opened);
    await dashboard.close(other);
  });

  test('the page of a batch that has ended asks for its results once', async () => {
    const asyncId = await dashboard.ended([...Array(12).keys()].map((n) => behave({ n })));
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
    const { page, asked } = opened;
    await page.getByRole('link', { name: '11', exact: true }).waitFor();
    await allLoaded(page);
    assert.equal(asked.filter((path) => path === `/v1/batches/${asyncId}/results`).length, 1);
    await dashboard.close(opened);
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
    const asyncId = await dashboard.ended(jobs);
    const opened = await dashboard.open();
    const { page } = opened;
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: asyncId }) });
    await page.getByRole('link', { name: 'With failures' }).click();
    await row.getByRole('link', { name: '3', exact: true }).click();
    await page.getByRole('link', { name: /^All/ }).click();

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
    await waitFor(async () => (await runsOf(dashboard.system.pool, 'wrong')) === 4, {
      what: 'two more runs',
    });
    await dashboard.system.ended(asyncId);
    assert.equal(await runsOf(dashboard.system.pool, 'locked'), 1);

    // Single rows are selected too.
    await goTo(page, `/batches/${asyncId}?status=failed`);
    await seeState(page, 'completed');
    await page.getByRole('checkbox', { name: 'Select job 900' }).check();
    await press(page, 'Run 1 selected again');
    await press(page, 'Keep as it is');
    await press(page, 'Run 1 selected again');
    await press(page, 'Run 1 job again');
    await waitFor(async () => (await runsOf(dashboard.system.pool, 'locked')) === 2, {
      what: 'one more run',
    });
    await dashboard.system.ended(asyncId);
    assert.equal(await runsOf(dashboard.system.pool, 'wrong'), 4);
    await dashboard.close(opened);
  });

  test('100,000 jobs are scrolled and filtered with some rows in the page only', async () => {
    const jobs = [...Array(100_000).keys()].map((n) => ({
      namespace: 'test',
      action: 'echo',
      params: { n },
    }));
    jobs[54_321] = { namespace: 'rpc', action: 'refuse', params: { message: 'not this one' } as never };
    const asyncId = await dashboard.ended(jobs);
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
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
    const colleague = await dashboard.open({ place: hash.slice(1) });
    await colleague.page
      .getByRole('table', { name: 'Jobs that have ended' })
      .getByText('not this one')
      .waitFor();
    await dashboard.close(colleague);
    await dashboard.close(opened);
  });

  test('a running batch is cancelled after a question', async () => {
    const asyncId = await dashboard.system.run(
      [...Array(60).keys()].map((n) => behave({ n, gate: 'cancelled' })),
    );
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
    const { page } = opened;
    await press(page, 'Cancel');
    await page.getByRole('dialog').getByText('Results stay.').waitFor();
    await page.keyboard.press('Escape');
    assert.equal((await dashboard.system.rpc('progress', { async: asyncId })).body.state, 'running');
    await press(page, 'Cancel');
    await press(page, 'Cancel the batch');
    await openGate(dashboard.system.pool, 'cancelled');
    await seeState(page, 'cancelled');
    await dashboard.close(opened);
  });

  test('a key with few permissions sees a batch, and its buttons are disabled with the reason', async () => {
    const { key } = await dashboard.makeKey(['rpc.*', 'redjade.createImport']);
    const jobs = [behave({ fatal: 'no' }), { namespace: 'rpc', action: 'refuse', params: { message: 'no' } }];
    const over = await dashboard.ended(jobs, { callbackUrl: 'http://127.0.0.1:9/hook' });
    const open = await dashboard.system.run([behave({ gate: 'refused' })]);
    const opened = await dashboard.open({ key, place: `/batches/${over}` });
    const { page } = opened;
    const reason = 'This key may see the batch, but not change it: it lacks test.behave.';
    const assertRefused = async (name: string) => {
      const button = page.locator('.heading').getByRole('button', { name });
      assert.equal(await button.isDisabled(), true, name);
      const described = await button.getAttribute('aria-describedby');
      assert.equal(await page.locator(`[id="${described}"]`).textContent(), reason, name);
      // The keyboard reaches it, so that screen readers can read the reason; pressing it does nothing.
      await button.focus();
      await page.keyboard.press('Enter');
      assert.equal(await page.getByRole('dialog').count(), 0, name);
    };
    await page.getByText(reason).first().waitFor();
    for (const name of ['Run 2 again', 'Repost', 'Delete']) await assertRefused(name);
    const errors = page.getByRole('table', { name: 'Errors by code and message' });
    assert.equal(await errors.getByRole('button').first().isDisabled(), true);
    assert.equal(await page.getByRole('checkbox').count(), 0);
    await assertAccessible(page);
    await goTo(page, `/batches/${over}/jobs/0`);
    await page.getByRole('button', { name: 'Run again', disabled: true }).waitFor();
    await goTo(page, `/batches/${open}`);
    await page.getByText(reason).first().waitFor();
    for (const name of ['Pause', 'Cancel']) await assertRefused(name);
    await openGate(dashboard.system.pool, 'refused');
    await dashboard.close(opened);

    // What the page does not know, the server refuses: its answer is shown.
    const { key: other } = await dashboard.makeKey(['test.behave', 'rpc.refuse']);
    const late = await dashboard.open({ key: other, place: `/batches/${over}` });
    await late.page.route('**/v1/batches/*/repost', (route) =>
      route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"detail":"No"}' }),
    );
    await press(late.page, 'Repost');
    await press(late.page, 'Send it again');
    await late.page.getByText('This key may not do that.').waitFor();
    await dashboard.close(late);
  });

  test('a batch is paused, resumed and deleted, and shows what its sender has said about it', async () => {
    const options = {
      name: HOSTILE.slice(0, 200),
      metadata: { order: '17', 'the customer': HOSTILE.slice(0, 200) },
      deadlineSeconds: 3_600,
      stopAfter: { failedPercent: 50, finished: 10 },
      priority: -7,
    };
    const jobs = [behave({ n: 1, gate: 'paused' }), behave({ n: 2, gate: 'paused' })];
    await dashboard.ended([behave({ n: 0 })]); // the list is not empty without the other batch
    const asyncId = await dashboard.system.run(jobs, { options });
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
    const { page } = opened;
    await seeState(page, 'running');
    await page.getByText('50 % failed, once 10 have run').waitFor();
    await page.getByText('Deadline').waitFor();
    const priority = page.getByRole('term').filter({ hasText: 'Priority' });
    assert.equal(await priority.locator('xpath=following-sibling::dd').textContent(), '-7');
    await page.getByRole('link', { name: 'test.behave' }).waitFor();
    await assertAccessible(page);

    await pressExactly(page, 'Pause');
    await page.getByText('The batch is paused.').waitFor();
    await page.locator('.heading').getByText('paused', { exact: true }).waitFor();
    await pressExactly(page, 'Resume');
    await page.getByText('The batch goes on.').waitFor();
    await page.locator('.heading').getByText('paused', { exact: true }).waitFor({ state: 'detached' });

    // Its texts lead to the batches that have them too; the filters are in the address, and are taken away there.
    await page.getByRole('link', { name: '17', exact: true }).click();
    assert.match(page.url(), /metadata\.order=17/);
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: asyncId }) });
    await row.waitFor();
    await page.getByLabel(/^Name, such as/).fill('another');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'No batch is like this' }).waitFor();
    assert.match(page.url(), /name=another/);
    await page.getByRole('link', { name: /^name: another/ }).click();
    await row.waitFor();
    await page.getByLabel(/^Metadata, such as/).fill('order=18');
    await page.keyboard.press('Enter');
    await row.waitFor({ state: 'detached' });
    await goTo(page, '/batches?metadata.order=17');
    await row.waitFor();
    await page.getByText('More filters').click();
    await page.getByLabel(/^Action, such as/).fill('test.other');
    await page.keyboard.press('Enter');
    await row.waitFor({ state: 'detached' });
    assert.match(page.url(), /action=test\.other/);
    await page.getByRole('link', { name: /^action: test.other/ }).click();
    await row.waitFor();
    await page.getByLabel('Until', { exact: true }).fill('2020-01-31T12:00');
    await page.keyboard.press('Enter');
    await row.waitFor({ state: 'detached' });
    const instant = new Date(await page.evaluate<number>("Date.parse('2020-01-31T12:00')")).toISOString();
    assert.equal(new URLSearchParams(page.url().split('?')[1]).get('until'), instant);
    await page.getByRole('link', { name: /^until: / }).click();
    await row.waitFor();
    await page.getByLabel('Since', { exact: true }).fill('2020-01-31T12:00');
    await press(page, 'Since this time: filter');
    await page.getByRole('link', { name: /^since: / }).waitFor();
    await row.waitFor();
    await assertAccessible(page);

    await openGate(dashboard.system.pool, 'paused');
    await row.getByText('completed').waitFor();
    await goTo(page, `/batches/${asyncId}`);
    await pressExactly(page, 'Delete');
    await press(page, 'Keep as it is');
    assert.equal((await dashboard.system.request(`/v1/batches/${asyncId}`)).status, 200);
    await pressExactly(page, 'Delete');
    await press(page, 'Delete the batch');
    await page.getByText('The batch is deleted.').waitFor();
    assert.equal((await dashboard.system.request(`/v1/batches/${asyncId}`)).status, 404);
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    assert.equal(await page.getByRole('link', { name: asyncId }).count(), 0);
    await dashboard.close(opened);
  });

  test('jobs that have not ended are listed by status, and lead to those that they wait for', async () => {
    const gate = 'open jobs';
    const child = { ...behave({ n: 2 }), id: HOSTILE.slice(0, 100), dependsOn: ['parent'] };
    const others: object[] = [...Array(60).keys()].map((n) => ({ ...behave({ n }), dependsOn: ['parent'] }));
    const group = HOSTILE.slice(0, 100);
    others[59] = { ...behave({ n: 59 }), dependsOn: ['parent', { group }] };
    const asyncId = await dashboard.system.run([
      { ...behave({ n: 1, gate }), id: 'parent', group },
      child,
      ...others,
    ]);
    const opened = await dashboard.open({ place: `/batches/${asyncId}` });
    const { page } = opened;
    await page.getByRole('link', { name: 'Show the jobs that have not' }).click();
    const list = page.getByRole('table', { name: 'Jobs that have not ended' });
    await list.getByText('running').waitFor();
    assert.equal(await list.getByRole('row').count(), 51);
    await page.getByRole('link', { name: 'Next', exact: true }).click();
    await list.getByRole('link', { name: '61', exact: true }).waitFor();
    assert.equal(await list.getByRole('row').count(), 13);
    await assertAccessible(page);
    await page.getByRole('link', { name: /^Running/ }).click();
    await list.getByRole('link', { name: '1', exact: true }).waitFor({ state: 'detached' });
    await list.getByRole('link', { name: '0', exact: true }).waitFor();
    assert.equal(await list.getByRole('row').count(), 2);
    await page.getByRole('link', { name: /^Waiting/ }).click();

    await goTo(page, `/batches/${asyncId}/jobs/61`);
    await page.getByText('Waits for the group', { exact: true }).waitFor();
    await page.getByText('1 of 1 left').waitFor();
    await page.locator('.facts').getByText(group).waitFor();
    await assertAccessible(page);
    await page.goBack();

    await list.getByRole('link', { name: '1', exact: true }).click();
    await page.getByRole('heading', { name: 'Job 1' }).waitFor();
    await page.getByText('Waits for', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'job 0', exact: true }).click();
    await page.getByRole('heading', { name: 'Job 0' }).waitFor();
    await page.getByText('Waited for by', { exact: true }).waitFor();
    await page.getByText('and 51 more').waitFor();
    await page.getByRole('link', { name: 'job 1', exact: true }).click();
    await page.getByRole('heading', { name: 'Job 1' }).waitFor();
    await openGate(dashboard.system.pool, gate);
    await page.getByText('Waited for', { exact: true }).waitFor();
    await goTo(page, `/batches/${asyncId}/jobs/61`);
    await page.getByText('all 1 ended').waitFor();
    await dashboard.close(opened);
  });

  test('results are saved as they arrive, and as a blob where the browser cannot', async () => {
    const asyncId = await dashboard.ended([behave({ n: 1 }), behave({ fatal: 'no' })]);
    const blob = await dashboard.open({
      place: `/batches/${asyncId}`,
      before: 'showSaveFilePicker = undefined',
    });
    await blob.page.getByText('Export', { exact: true }).click();
    const [saved] = await Promise.all([blob.page.waitForEvent('download'), press(blob.page, 'CSV')]);
    assert.equal(saved.suggestedFilename(), `${asyncId}.csv`);
    assert.equal((await readFile(await saved.path(), 'utf8')).split('\n').length, 4);
    await dashboard.close(blob);

    const picked = await dashboard.open({
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
    await dashboard.close(picked);
  });
});
