import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHome } from '../main/product.ts';
import { chromiumPath, openPage, startBrowser } from '../support/browser.ts';

test('/docs shows every route and action in a browser, and sends no request to another host', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 120_000,
}, async (t) => {
  const home = await makeHome(t);
  const { url, key } = await home.start().ready();
  const browser = await startBrowser(t);
  const { page, faults } = await openPage(browser, `${url}/docs`);

  await page.getByText('Run a batch of jobs', { exact: true }).click();
  const call = page.locator('#operations-Batches-createBatch');
  await call.getByText('Idempotency-Key', { exact: true }).waitFor();
  await page.getByText('Run an action of contact, and wait for its response').waitFor();

  // A call from the page, with a key.
  await page.getByRole('button', { name: 'Authorize' }).click();
  // One form for each way to say who calls: those of the systems are here, too.
  const form = page.locator('form', { has: page.getByRole('textbox', { name: 'auth-bearer-value' }) });
  await form.getByRole('textbox').fill(key);
  await form.getByRole('button', { name: 'Apply credentials' }).click();
  await page.getByRole('button', { name: 'Close' }).first().click();
  await page.getByText('List the batches, newest first', { exact: true }).click();
  const list = page.locator('#operations-Batches-listBatches');
  await list.getByRole('button', { name: 'Try it out' }).click();
  const answered = page.waitForResponse((response) => response.url().includes('/v1/batches'));
  await list.getByRole('button', { name: 'Execute' }).click();
  assert.equal((await answered).status(), 200);

  await page.goto(`${url}/docs/errors`);
  await page.getByRole('link', { name: 'batch-not-found' }).click();
  await page.getByRole('heading', { name: 'What to do' }).waitFor();
  await page.getByRole('link', { name: 'The API' }).click();
  await page.getByText('Run a batch of jobs', { exact: true }).waitFor();
  assert.deepEqual(faults, []);
});
