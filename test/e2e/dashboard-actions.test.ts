/** Actions in the dashboard: the list, the form of an action, and its limits. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Page } from 'playwright-core';
import { chromiumPath } from '../support/browser.ts';
import {
  allLoaded,
  assertAccessible,
  chooseCsv,
  fitsWidth,
  goTo,
  HOSTILE,
  pressExactly,
  storedBatches,
  useDashboard,
} from './dashboard-support.ts';

const SHAPES = '/actions/test.shapes';
const CONTACTS = '/actions/contact.addOrUpdateContact/csv';

suite('Actions in the dashboard', {
  skip: chromiumPath === undefined && 'no Chromium',
  timeout: 240_000,
}, () => {
  const dashboard = useDashboard();

  const field = (page: Page, name: string) => page.locator('.form').getByLabel(name, { exact: true });
  const jsonOf = async (page: Page): Promise<string> => {
    await page.getByRole('link', { name: 'JSON', exact: true }).click();
    const text = await page.getByLabel('Params as JSON').inputValue();
    await page.getByRole('link', { name: 'Form', exact: true }).click();
    return text;
  };

  test('the list of actions is searched, the search is in the address, and the keyboard opens an action', async () => {
    const opened = await dashboard.open({ place: '/batches' });
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
    await dashboard.close(opened);
  });

  test('a form has the kinds of the schema, is in step with its JSON, and keeps large numbers as they are typed', async () => {
    const opened = await dashboard.open({ place: SHAPES });
    const { page } = opened;
    await field(page, 'event').fill('9007199254740993');
    await pressExactly(page, 'Add weight to params');
    await field(page, 'weight').fill('1.50');
    await pressExactly(page, 'Add isOpen to params');
    await field(page, 'isOpen').selectOption('true');
    await pressExactly(page, 'Add size to params');
    await field(page, 'size').selectOption('null');
    await pressExactly(page, 'Add note to params');
    await field(page, 'Type of note').selectOption('Null');
    await pressExactly(page, 'Add address to params');
    await field(page, 'city').fill('Wien');
    await pressExactly(page, 'Add tags to params');
    await pressExactly(page, 'Add an element to tags');
    await field(page, 'tags 1').fill(HOSTILE);
    await field(page, 'Type of pay').selectOption('invoice');
    await field(page, 'days').fill('30');
    await pressExactly(page, 'Remove title');
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
    await dashboard.close(opened);
  });

  test('what the server refuses is shown at its field, nothing is run, and a correction takes it away', async () => {
    const stored = await storedBatches(dashboard.system);
    const opened = await dashboard.open({ place: SHAPES });
    const { page } = opened;
    const event = field(page, 'event');
    await event.fill('1.5');
    await pressExactly(page, 'Add address to params');
    await pressExactly(page, 'Check only');
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
    await pressExactly(page, 'Check only');
    await page.getByText('The params are valid. Nothing was run.').waitFor();
    assert.equal(await storedBatches(dashboard.system), stored);
    await dashboard.close(opened);
  });

  test('one run is watched to its response, and its job runs again with changed params', async () => {
    const opened = await dashboard.open({ place: SHAPES });
    const { page } = opened;
    await field(page, 'event').fill('9007199254740991');
    await field(page, 'title').fill('"Lauf" </script>');
    await pressExactly(page, 'Run');
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
    await pressExactly(page, 'Run');
    await run.getByText('"event": 8').waitFor();
    await dashboard.close(opened);
  });

  test('the operator changes the limits of an action, pauses and resumes it; the list shows it', async () => {
    const opened = await dashboard.open({ place: '/actions/rest.answer' });
    const { page } = opened;
    await pressExactly(page, 'Change limits');
    await page.getByLabel('Starts', { exact: true }).fill('many');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await pressExactly(page, 'Change them');
    await page.getByText(/limits\.rate/).waitFor();
    await page.getByLabel('At once', { exact: true }).fill('3');
    await page.getByLabel('Starts', { exact: true }).fill('20');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await page.getByRole('dialog').getByText('They hold for all tenants').waitFor();
    await pressExactly(page, 'Change them');
    await page.getByText('At most 3 at once; at most 20 starts in 1 s.').waitFor();

    await pressExactly(page, 'Change limits');
    await page.getByLabel('At once for each', { exact: true }).fill('tenant');
    await page.getByLabel('Starts for each', { exact: true }).fill('account');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await pressExactly(page, 'Change them');
    await page.getByText(/limits\.rate\.by/).waitFor();
    await page.getByLabel('Starts for each', { exact: true }).fill('/account');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await pressExactly(page, 'Change them');
    await page
      .getByText('At most 3 at once for each tenant; at most 20 starts in 1 s for each /account.')
      .waitFor();
    // An emptied field takes what shares the limit away.
    await pressExactly(page, 'Change limits');
    assert.equal(await page.getByLabel('At once for each', { exact: true }).inputValue(), 'tenant');
    await page.getByLabel('At once for each', { exact: true }).fill('');
    await page.locator('.limits-form').getByRole('button', { name: 'Change limits' }).click();
    await pressExactly(page, 'Change them');
    await page.getByText('At most 3 at once; at most 20 starts in 1 s for each /account.').waitFor();

    await pressExactly(page, 'Pause');
    await assertAccessible(page);
    await pressExactly(page, 'Keep as it is');
    await pressExactly(page, 'Pause');
    await pressExactly(page, 'Pause it');
    await page.getByText('rest.answer is paused.').waitFor();
    await goTo(page, '/actions?search=rest.answer');
    await page.getByRole('row').getByText('paused').waitFor();
    await goTo(page, '/actions/rest.answer');
    await pressExactly(page, 'Resume');
    await page.getByText('rest.answer runs again.').waitFor();
    const { body } = await dashboard.system.request('/v1/limits');
    const [limits] = body.actions.filter(({ name }: { name: string }) => name === 'rest.answer');
    assert.deepEqual(limits, {
      name: 'rest.answer',
      paused: false,
      limits: { concurrency: { max: 3 }, rate: { limit: 20, perSeconds: 1, by: '/account' } },
    });
    await dashboard.close(opened);
  });

  test('a key that may not run an action is told why', async () => {
    const { key } = await dashboard.makeKey(['contact.*']);
    const opened = await dashboard.open({ place: SHAPES, key });
    const { page } = opened;
    await page.getByText('it lacks the permission test.shapes').first().waitFor();
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), true);
    await page.getByText('Only an admin key of the tenant default changes them.').waitFor();
    await goTo(page, '/actions?search=test.shapes');
    await page.getByRole('row').getByText('not for this key').waitFor();
    await goTo(page, `${SHAPES}/csv`);
    await page.getByText('it lacks the permission test.shapes').waitFor();
    await assertAccessible(page);
    await dashboard.close(opened);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe finds nothing on pages of actions in ${colorScheme} colours, and none is wider than 320 px`, async () => {
      const opened = await dashboard.open({
        place: '/batches',
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
          await chooseCsv(page, 'firstName,lastName,email\nAda,Lovelace,ada@example.com\n');
          await pressExactly(page, 'Check all rows');
          await page.getByText('The row is valid.').waitFor();
        }
        await assertAccessible(page);
        assert.ok(await fitsWidth(page), `${place} is too wide`);
      }
      await dashboard.close(opened);
    });
});
