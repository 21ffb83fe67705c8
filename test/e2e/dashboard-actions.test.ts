/** Actions in the dashboard: the form of an action, its limits, and CSV files onto it. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, startBrowser } from '../support/browser.ts';
import { type System, startSystem } from '../support/system.ts';
import {
  allLoaded,
  assertAccessible,
  fitsWidth,
  goTo,
  type Opened,
  type OpenOptions,
  openDashboard,
} from './dashboard-support.ts';

const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> \u202eright to left\u202c "q"`;
const SHAPES = '/actions/test.shapes';
const CONTACTS = '/actions/contact.addOrUpdateContact/csv';

suite('Actions in the dashboard', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 240_000,
}, () => {
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

  const open = (place: string, options: OpenOptions = {}): Promise<Opened> =>
    openDashboard(browser, system.url, { place, ...options });
  const close = async ({ page, faults }: Opened) => {
    assert.deepEqual(faults, []);
    assert.doesNotMatch(await page.title(), /owned/);
    await page.context().close();
  };
  const press = (page: Page, name: string | RegExp) =>
    page.getByRole('button', { name, exact: true }).click();
  const field = (page: Page, name: string) => page.locator('.form').getByLabel(name, { exact: true });
  const jsonOf = async (page: Page): Promise<string> => {
    await page.getByRole('link', { name: 'JSON', exact: true }).click();
    const text = await page.getByLabel('Params as JSON').inputValue();
    await page.getByRole('link', { name: 'Form', exact: true }).click();
    return text;
  };
  const makeKey = async (permissions: string[]): Promise<string> => {
    const { status, body } = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'of the actions', permissions }),
    });
    assert.equal(status, 201);
    return body.key;
  };
  const batches = async (): Promise<number> =>
    (await system.request('/v1/batches?limit=1000')).body.data.length;
  const chooseFile = (page: Page, text: string, name = 'contacts.csv') =>
    page
      .getByLabel('Choose a CSV file')
      .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });

  test('the list of actions is searched, the search is in the address, and the keyboard opens an action', async () => {
    const opened = await open('/batches');
    const { page } = opened;
    await page.getByRole('link', { name: 'Actions' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    const table = page.getByRole('table', { name: 'Actions' });
    await table.getByRole('link', { name: 'test.ping' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('contact list');
    await page.getByText('2 actions found').waitFor();
    assert.match(page.url(), /search=contact\+list/);
    await page.reload();
    await table.getByRole('link', { name: 'contact.getContactList' }).waitFor();
    assert.equal(await table.getByRole('row').count(), 3);
    await page.getByLabel('Search actions').fill('nothing of this name');
    await page.getByText('No action has these words').waitFor();
    await assertAccessible(page);
    await page.getByRole('link', { name: 'Show all actions' }).click();
    await table.getByRole('link', { name: 'test.ping' }).press('Enter');
    await page.getByRole('heading', { name: 'test.ping' }).waitFor();
    await close(opened);
  });

  test('a form has the kinds of the schema, is in step with its JSON, and keeps large numbers as they are typed', async () => {
    const opened = await open(SHAPES);
    const { page } = opened;
    await field(page, 'event').fill('9007199254740993');
    await press(page, 'Add weight to params');
    await field(page, 'weight').fill('1.50');
    await press(page, 'Add isOpen to params');
    await field(page, 'isOpen').selectOption('true');
    await press(page, 'Add size to params');
    await field(page, 'size').selectOption('null');
    await press(page, 'Add note to params');
    await field(page, 'Type of note').selectOption('Null');
    await press(page, 'Add address to params');
    await field(page, 'city').fill('Wien');
    await press(page, 'Add tags to params');
    await press(page, 'Add an element to tags');
    await field(page, 'tags 1').fill(HOSTILE);
    await field(page, 'Type of pay').selectOption('invoice');
    await field(page, 'days').fill('30');
    await press(page, 'Remove title');
    await assertAccessible(page);
    assert.equal(
      await jsonOf(page),
      `{
  "event": 9007199254740993,
  "pay": {
    "by": "invoice",
    "days": 30
  },
  "weight": 1.50,
  "isOpen": true,
  "size": null,
  "note": null,
  "address": {
    "city": "Wien"
  },
  "tags": [
    ${JSON.stringify(HOSTILE)}
  ]
}`,
    );

    await page.getByRole('link', { name: 'JSON', exact: true }).click();
    const editor = page.getByLabel('Params as JSON');
    await editor.fill('{"event": 5,');
    await page.getByText('This is not JSON:').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), true);
    await assertAccessible(page);
    await editor.fill('{"event": 5, "pay": {"by": "card", "card": "1"}, "unknown": {"a": [1]}}');
    await page.getByRole('link', { name: 'Form', exact: true }).click();
    assert.equal(await field(page, 'event').inputValue(), '5');
    assert.equal(await field(page, 'card').inputValue(), '1');
    await close(opened);
  });

  test('what the server refuses is shown at its field, nothing is run, and a correction takes it away', async () => {
    const stored = await batches();
    const opened = await open(SHAPES);
    const { page } = opened;
    const event = field(page, 'event');
    await event.fill('1.5');
    await press(page, 'Add address to params');
    await press(page, 'Check only');
    await page.getByText('The server refuses this').waitFor();
    await page.getByRole('alert').getByText('jobs[0].params.event must be integer').waitFor();
    assert.equal(await event.getAttribute('aria-invalid'), 'true');
    assert.equal(await page.evaluate('document.activeElement?.id'), 'param.event');
    assert.equal(await page.locator('[id="param.event-fault"]').textContent(), 'must be integer');
    assert.equal(await field(page, 'city').getAttribute('aria-invalid'), 'true');
    await assertAccessible(page);

    await event.fill('twelve');
    await page.getByText('This is not a number.').waitFor();
    await event.fill('12');
    assert.equal(await event.getAttribute('aria-invalid'), 'false');
    await field(page, 'city').fill('Wien');
    await press(page, 'Check only');
    await page.getByText('The params are valid. Nothing was run.').waitFor();
    assert.equal(await batches(), stored);
    await close(opened);
  });

  test('one run is watched to its response, and its job runs again with changed params', async () => {
    const opened = await open(SHAPES);
    const { page } = opened;
    await field(page, 'event').fill('9007199254740991');
    await field(page, 'title').fill('"Lauf" </script>');
    await press(page, 'Run');
    const run = page.getByRole('region', { name: 'The run' });
    await run.getByText('succeeded').waitFor();
    await run.getByText('9007199254740991').waitFor();
    // The address shows a colleague the same run.
    await page.reload();
    await run.getByText('succeeded').waitFor();
    await run.getByRole('link', { name: 'Show the job' }).click();
    await page.getByRole('link', { name: 'Run with changed params' }).click();
    await page.getByText('That job stays as it is.').waitFor();
    assert.match(page.url(), /test\.shapes\?batch=[0-9a-f]{32}&index=0$/);
    assert.equal(await field(page, 'event').inputValue(), '9007199254740991');
    assert.equal(await field(page, 'title').inputValue(), '"Lauf" </script>');
    await field(page, 'event').fill('8');
    await press(page, 'Run');
    await run.getByText('"event": 8').waitFor();
    await close(opened);
  });

  test('the operator changes the limits of an action, pauses and resumes it; the list shows it', async () => {
    const opened = await open('/actions/rest.answer');
    const { page } = opened;
    await press(page, 'Change limits');
    await page.getByLabel('Starts', { exact: true }).fill('many');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await press(page, 'Change them');
    await page.getByText(/limits\.rate/).waitFor();
    await page.getByLabel('At once', { exact: true }).fill('3');
    await page.getByLabel('Starts', { exact: true }).fill('20');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await page.getByRole('dialog').getByText('They hold for all tenants').waitFor();
    await press(page, 'Change them');
    await page.getByText('At most 3 at once; at most 20 starts in 1 s.').waitFor();

    await press(page, 'Pause');
    await assertAccessible(page);
    await press(page, 'Keep as it is');
    await press(page, 'Pause');
    await press(page, 'Pause it');
    await page.getByText('rest.answer is paused.').waitFor();
    await goTo(page, '/actions?search=rest.answer');
    await page.getByRole('row').getByText('paused').waitFor();
    await goTo(page, '/actions/rest.answer');
    await press(page, 'Resume');
    await page.getByText('rest.answer runs again.').waitFor();
    const { body } = await system.request('/v1/limits');
    const [limits] = body.actions.filter(({ name }: { name: string }) => name === 'rest.answer');
    assert.deepEqual(limits, {
      name: 'rest.answer',
      paused: false,
      limits: { concurrency: { max: 3 }, rate: { limit: 20, perSeconds: 1 } },
    });
    await close(opened);
  });

  test('a key that may not run an action is told why', async () => {
    const key = await makeKey(['contact.*']);
    const opened = await open(SHAPES, { key });
    const { page } = opened;
    await page.getByText('it lacks the permission test.shapes').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), true);
    await page.getByText('Only an admin key of the tenant default changes them.').waitFor();
    await goTo(page, '/actions?search=test.shapes');
    await page.getByRole('row').getByText('not for this key').waitFor();
    await goTo(page, `${SHAPES}/csv`);
    await page.getByText('it lacks the permission test.shapes').waitFor();
    await assertAccessible(page);
    await close(opened);
  });

  test('a CSV file is previewed, its columns become params, wrong rows are named by line, and the rest runs', async () => {
    const stored = await batches();
    const opened = await open(CONTACTS);
    const { page } = opened;
    await chooseFile(
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
    await press(page, 'Same value for all rows');
    await page.getByLabel('Param 1 for all rows').fill('firstName');
    await page.getByText('The columns firstName and firstName name the same place').waitFor();
    await page.getByLabel('Param 1 for all rows').fill('updateIfExists');
    await page.getByLabel('Value 1 for all rows').fill('TRUE');
    await press(page, 'Show the params of line 5');
    await page
      .getByRole('region', { name: 'Params of line 5, text' })
      .getByText('"updateIfExists": true')
      .waitFor();
    await assertAccessible(page);

    await press(page, 'Check all rows');
    const verdict = page.getByRole('status').filter({ hasText: '3 of 3 rows are not valid' });
    await verdict.getByText('line 2').waitFor();
    await verdict.getByText('status must be one of 1, 2').waitFor();
    await verdict.getByText('line 6').waitFor();
    await param('last_name').fill('');
    await page.getByLabel('Param 1 for all rows').fill('lastName');
    await page.getByLabel('Value 1 for all rows').fill('Same');
    await press(page, 'Check all rows');
    await page.getByText('1 of 3 rows is not valid').waitFor();
    assert.equal(await batches(), stored);

    await press(page, 'Run for each row');
    await press(page, 'Run it');
    await page.getByText('The batch was not sent').waitFor();
    await page.getByRole('alert').getByText(/5/).waitFor();
    assert.equal(await batches(), stored);
    await page.getByLabel('Run the valid rows even if others are not').check();
    await press(page, 'Run for each row');
    await press(page, 'Run it');
    await page.waitForURL(/#\/batches\/[0-9a-f]{32}$/);
    const asyncId = page.url().slice(-32);
    await system.ended(asyncId);
    const results = await system.results(asyncId);
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
    await close(opened);
  });

  test('a file that is not CSV, not UTF-8, empty, or has one line is refused with its reason', async () => {
    const opened = await open(CONTACTS);
    const { page } = opened;
    for (const [content, reason] of [
      ['', 'The file is empty.'],
      ['firstName,lastName\n', 'The file has a header and no row.'],
      ['firstName,lastName\nAda\n', /line 2/],
      ['firstName,lastName\n"Ada', /line 2/],
    ] as const) {
      await chooseFile(page, content);
      await page.getByRole('alert').getByText(reason).waitFor();
      await press(page, 'Another file');
    }
    await page.getByLabel('Choose a CSV file').setInputFiles({
      name: 'old.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('firstName\nJos\xe9\n', 'latin1'),
    });
    await page.getByText('The file is not UTF-8. Choose another encoding.').waitFor();
    await page.getByLabel('Encoding').selectOption('windows-1252');
    await page.getByRole('cell', { name: 'José' }).first().waitFor();
    await close(opened);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe finds nothing on pages of actions in ${colorScheme} colours, and none is wider than 320 px`, async () => {
      const opened = await open('/batches', {
        colorScheme,
        viewport: { width: 320, height: 800 },
      });
      const { page } = opened;
      for (const place of [
        '/actions?search=contact',
        SHAPES,
        '/actions/participants.storeMultiple',
        CONTACTS,
      ]) {
        await goTo(page, place);
        await allLoaded(page);
        if (place === CONTACTS) {
          await chooseFile(page, 'firstName,lastName,email\nAda,Lovelace,ada@example.com\n');
          await press(page, 'Check all rows');
          await page.getByText('The row is valid.').waitFor();
        }
        await assertAccessible(page);
        assert.ok(await fitsWidth(page), `${place} is too wide`);
      }
      await close(opened);
    });

  test('a dropped file of 100,000 rows is checked and run while the page reacts', async () => {
    const opened = await open('/actions/test.echo/csv', {
      before: `globalThis.longest = 0;
        new PerformanceObserver((list) => {
          if (!location.hash.includes('csv')) return;
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
    await page.evaluate('longest = 0');
    await press(page, 'Check all rows');
    await page.getByText('Checking the file').waitFor();
    await press(page, 'Stop');
    await page.getByText('Checking the file').waitFor({ state: 'detached' });
    await press(page, 'Check all rows');
    await page.getByText('All 100,000 rows are valid. Nothing was stored.').waitFor({ timeout: 120_000 });
    await press(page, 'Run for each row');
    await press(page, 'Run it');
    await page.waitForURL(/#\/batches\/[0-9a-f]{32}$/, { timeout: 120_000 });
    const longest = await page.evaluate<number>('longest');
    // In one piece it would be some seconds; the tests share their cores with others.
    assert.ok(longest < 1_000, `a task of ${longest} ms`);
    const asyncId = page.url().slice(-32);
    const { counts } = await system.ended(asyncId, 120_000);
    assert.equal(counts.succeeded, 100_000);
    const { body } = await system.request(`/v1/batches/${asyncId}/jobs/99999`);
    assert.deepEqual(body.request, { n: 99_999, text: 'row 99999, ☃😀' });
    await close(opened);
  });
});
