/**
 * Writes the pictures of docs/dashboard.md: `npm run docs:screenshots`. It is a test file of its own, because it needs the
 * suite's Postgres, and no part of the suite, because pictures differ from machine to machine.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { allLoaded, goTo, openDashboard } from '../e2e/dashboard-support.ts';
import { openGate } from '../http/v1/support.ts';
import { chromiumPath, startBrowser } from '../support/browser.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const FOLDER = join(import.meta.dirname, '../../docs/dashboard');
const VIEWPORT = { width: 1200, height: 760 };
/** The narrowest screen. */
const NARROW = { width: 320, height: 760 };
const NARROW_PLACES = ['batches', 'batch', 'job', 'action'];

/** The pages, by the name of their picture. */
const places = ({ batch, running }: { batch: string; running: string }): Record<string, string> => ({
  batches: '/batches?',
  batch: `/batches/${batch}`,
  job: `/batches/${batch}/jobs/1234`,
  open: `/batches/${running}?status=open`,
  limits: '/limits',
  callbacks: '/callbacks',
  keys: '/keys',
  audit: '/audit',
  system: '/system',
  actions: '/actions',
  action: '/actions/contact.addOrUpdateContact',
  csv: '/actions/contact.addOrUpdateContact/csv',
});

const CSV = [
  'First name;Last name;E-mail;Phone;Notes',
  'Ada;Lovelace;ada@example.com;+44 20 7946 0000;met in May',
]
  .concat(
    [...Array(1_500).keys()].map(
      (n) => `Grace;Hopper ${n};grace-${n}${n % 500 === 7 ? '' : '@example.com'};;`,
    ),
  )
  .join('\n');

test('pictures of the dashboard', { skip: chromiumPath === undefined && 'no Chromium' }, async (t) => {
  const system = await startSystem(t, { env: { RATE_LIMIT: '0' } });
  const browser = await startBrowser(t);
  await mkdir(FOLDER, { recursive: true });
  const first = { place: '/batches', viewport: VIEWPORT };
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await openDashboard(browser, system.url, { ...first, colorScheme });
    await page.getByRole('heading', { name: 'Send a first batch' }).waitFor();
    await page.getByText('test.ping').first().waitFor();
    await page.screenshot({ path: join(FOLDER, `first-${colorScheme}.png`) });
    await page.context().close();
  }

  const contact = (n: number) => ({
    namespace: 'contact',
    action: 'addOrUpdateContact',
    params: { firstName: 'Ada', lastName: `Lovelace ${n}`, email: `ada-${n}@example.com` },
  });
  const pause = (n: number) => ({ namespace: 'test', action: 'behave', params: { n, waitMs: 40 } });
  const missing = { namespace: 'event', action: 'getEvent', params: { id: 77 } };
  const batch = await system.run(
    [...Array(3_000).keys()].map((n) =>
      n % 15 === 0 ? pause(n) : [1_234, 2_345, 2_900].includes(n) ? missing : contact(n),
    ),
    {
      callbackUrl: 'http://127.0.0.1:9/hook',
      options: { name: 'contacts of May', metadata: { order: '17', customer: 'Marathon' } },
    },
  );
  await system.ended(batch);
  await system.ended(await system.run([...Array(250).keys()].map(contact)));
  await limit(system);
  const running = await system.run(
    [...Array(400).keys()].map((n) =>
      n < 260 ? contact(n) : { namespace: 'test', action: 'behave', params: { n, gate: 'pictures' } },
    ),
  );
  await makeKeys(system);
  await waitFor(async () => (await waitingForLimit(system)) > 0, { what: 'jobs to wait for the limit' });
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await openDashboard(browser, system.url, { ...first, colorScheme });
    await page.getByRole('table', { name: 'Batches' }).waitFor();
    for (const [name, place] of Object.entries(places({ batch, running }))) {
      await goTo(page, place);
      await allLoaded(page);
      if (name === 'open')
        await page.getByRole('heading', { name: 'Jobs', exact: true }).scrollIntoViewIfNeeded();
      if (name === 'job') await page.getByRole('button', { name: 'Run again' }).waitFor();
      if (name === 'batch') await page.locator('.plot canvas').first().waitFor();
      if (name === 'system') await page.getByText(/now, at most/).waitFor();
      if (name === 'csv') {
        const buffer = Buffer.from(CSV);
        await page
          .getByLabel('Choose a CSV file')
          .setInputFiles({ name: 'contacts.csv', mimeType: 'text/csv', buffer });
        await page.getByRole('button', { name: 'Check all rows' }).click();
        await page.getByText('are not valid').waitFor();
        await page.setViewportSize({ ...VIEWPORT, height: 1_300 });
      }
      await page.screenshot({ path: join(FOLDER, `${name}-${colorScheme}.png`) });
    }
    await page.context().close();
  }
  const { page } = await openDashboard(browser, system.url, { place: '/batches', viewport: NARROW });
  await page.getByRole('table', { name: 'Batches' }).waitFor();
  for (const name of NARROW_PLACES) {
    await goTo(page, places({ batch, running })[name] ?? '');
    await allLoaded(page);
    await page.screenshot({ path: join(FOLDER, `${name}-narrow.png`) });
  }
  await page.context().close();
  await openGate(system.pool, 'pictures');
  await system.ended(running);
});

async function makeKeys({ request }: System): Promise<void> {
  const keys = [
    { name: 'registration website', permissions: ['contact.*', 'event.*'] },
    { name: 'results import', tenant: 'marathon', permissions: ['participants.storeMultiple'] },
    { name: 'operations', permissions: ['*', 'admin'], expiresAt: '2099-01-31T12:00:00Z' },
  ];
  for (const key of keys) await request('/v1/keys', { method: 'POST', body: JSON.stringify(key) });
}

/** An action that jobs wait for, and one that is paused. */
async function limit({ request }: System): Promise<void> {
  const change = (name: string, body: object) =>
    request(`/v1/actions/${name}`, { method: 'PATCH', body: JSON.stringify(body) });
  await change('test.behave', { limits: { concurrency: { max: 2, by: 'tenant' } } });
  await change('contact.addOrUpdateContact', { limits: { rate: { limit: 50, perSeconds: 1, burst: 200 } } });
  await change('participants.storeMultiple', { paused: true });
}

async function waitingForLimit({ request }: System): Promise<number> {
  const { body } = await request('/v1/limits');
  return body.data.find(({ action }: { action: string | null }) => action === 'test.behave')?.waiting ?? 0;
}
