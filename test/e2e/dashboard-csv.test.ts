/** CSV files onto an action in the dashboard. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { chromiumPath } from '../support/browser.ts';
import {
  assertAccessible,
  chooseCsv,
  HOSTILE,
  pressExactly,
  storedBatches,
  useDashboard,
} from './dashboard-support.ts';

const CONTACTS = '/actions/contact.addOrUpdateContact/csv';

suite('CSV files in the dashboard', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 240_000,
}, () => {
  const dashboard = useDashboard();

  test('a CSV file is previewed, its columns become params, wrong rows are named by line, and the rest runs', async () => {
    const stored = await storedBatches(dashboard.system);
    const opened = await dashboard.open({ place: CONTACTS });
    const { page } = opened;
    await chooseCsv(
      page,
      `\ufeffFirst name;last_name;E-Mail;State;${HOSTILE.replaceAll('"', '""').replace(/^(.*)$/, '"$1"')}\r\n` +
        'Ada;"Love;lace\r\nthe first";ada@example.com;1;x\r\n\r\n' +
        'Grace;Hopper;grace@example.com;7;y\r\n' +
        `Mary;${'w'.repeat(300)};mary@example.com;2;z\r\n`,
    );
    await page.getByRole('table', { name: 'Columns' }).waitFor();
    assert.equal(await page.getByLabel('Delimiter').inputValue(), ';');
    const param = (column: string) => page.getByLabel(`Param of the column ${column}`);
    assert.equal(await param('First name').inputValue(), 'firstName');
    assert.equal(await param('last_name').inputValue(), 'lastName');
    assert.equal(await param('E-Mail').inputValue(), 'email');
    assert.equal(await param('State').inputValue(), '');
    await param('State').fill('status');
    await pressExactly(page, 'Same value for all rows');
    await page.getByLabel('Param 1 for all rows').fill('firstName');
    await page.getByText('The columns firstName and firstName name the same place').waitFor();
    await page.getByLabel('Param 1 for all rows').fill('updateIfExists');
    await page.getByLabel('Value 1 for all rows').fill('TRUE');
    await pressExactly(page, 'Show the params of line 5');
    await page
      .getByRole('region', { name: 'Params of line 5, text' })
      .getByText('"updateIfExists": true')
      .waitFor();
    await assertAccessible(page);

    await pressExactly(page, 'Check all rows');
    const verdict = page.getByRole('status').filter({ hasText: '3 of 3 rows are not valid' });
    await verdict.getByText('line 2').waitFor();
    await verdict.getByText('status must be one of 1, 2').waitFor();
    await verdict.getByText('line 6').waitFor();
    await param('last_name').fill('');
    await page.getByLabel('Param 1 for all rows').fill('lastName');
    await page.getByLabel('Value 1 for all rows').fill('Same');
    await pressExactly(page, 'Check all rows');
    await page.getByText('1 of 3 rows is not valid').waitFor();
    assert.equal(await storedBatches(dashboard.system), stored);

    await pressExactly(page, 'Run for each row');
    await pressExactly(page, 'Run it');
    await page.getByText('The batch was not sent').waitFor();
    await page.getByRole('alert').getByText(/5/).waitFor();
    assert.equal(await storedBatches(dashboard.system), stored);
    await page.getByLabel('Run the valid rows even if others are not').check();
    await pressExactly(page, 'Run for each row');
    await pressExactly(page, 'Run it');
    await page.waitForURL(/#\/batches\/[0-9a-f]{32}$/);
    const asyncId = page.url().slice(-32);
    await dashboard.system.ended(asyncId);
    const results = await dashboard.system.results(asyncId);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['succeeded', 'failed', 'succeeded'],
    );
    assert.deepEqual(results[0].request, {
      firstName: 'Ada',
      email: 'ada@example.com',
      status: 1,
      lastName: 'Same',
    });
    await dashboard.close(opened);
  });

  test('a file that is not CSV, not UTF-8, empty, or has one line is refused with its reason', async () => {
    const opened = await dashboard.open({ place: CONTACTS });
    const { page } = opened;
    for (const [content, reason] of [
      ['', 'The file is empty.'],
      ['firstName,lastName\n', 'The file has a header and no row.'],
      ['firstName,lastName\nAda\n', /line 2/],
      ['firstName,lastName\n"Ada', /line 2/],
    ] as const) {
      await chooseCsv(page, content);
      await page.getByRole('alert').getByText(reason).waitFor();
      await pressExactly(page, 'Another file');
    }
    await page.getByLabel('Choose a CSV file').setInputFiles({
      name: 'old.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('firstName\nJos\xe9\n', 'latin1'),
    });
    await page.getByText('The file is not UTF-8. Choose another encoding.').waitFor();
    await page.getByLabel('Encoding').selectOption('windows-1252');
    await page.getByRole('cell', { name: 'José' }).first().waitFor();
    await dashboard.close(opened);
  });

  test('a dropped file of 100,000 rows is checked and run while the page reacts', async () => {
    const opened = await dashboard.open({
      place: '/actions/test.echo/csv',
      before: `globalThis.longest = 0;
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
        }).observe({ type: 'longtask' });`,
    });
    const { page } = opened;
    await page.getByText('Choose a CSV file').waitFor();
    const files = await page.evaluateHandle(`(() => {
      const lines = ['n,text'];
      for (let n = 0; n < 100_000; n++) lines.push(n + ',"row ' + n + ', ☃😀"');
      const transfer = new DataTransfer();
      transfer.items.add(new File([lines.join('\\n')], 'many.csv', { type: 'text/csv' }));
      return transfer;
    })()`);
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer: files });
    await page.getByRole('heading', { name: 'Preview' }).waitFor();
    await pressExactly(page, 'Check all rows');
    await page.getByText('Checking the file').waitFor();
    await pressExactly(page, 'Stop');
    await page.getByText('Checking the file').waitFor({ state: 'detached' });
    const startedAt = await page.evaluate<number>('longest = 0; performance.now()');
    await pressExactly(page, 'Check all rows');
    await page.getByText('All 100,000 rows are valid. Nothing was stored.').waitFor({ timeout: 120_000 });
    const [longest, endedAt] = await page.evaluate<[number, number]>('[longest, performance.now()]');
    // In one piece, parsing and checking would be one task of nearly all that time, on a machine of any speed.
    assert.ok(longest < (endedAt - startedAt) / 4, `a task of ${longest} ms`);
    await pressExactly(page, 'Run for each row');
    await pressExactly(page, 'Run it');
    await page.waitForURL(/#\/batches\/[0-9a-f]{32}$/, { timeout: 120_000 });
    const asyncId = page.url().slice(-32);
    const { counts } = await dashboard.system.ended(asyncId, 120_000);
    assert.equal(counts.succeeded, 100_000);
    const { body } = await dashboard.system.request(`/v1/batches/${asyncId}/jobs/99999`);
    assert.deepEqual(body.request, { n: 99_999, text: 'row 99999, ☃😀' });
    await dashboard.close(opened);
  });
});
