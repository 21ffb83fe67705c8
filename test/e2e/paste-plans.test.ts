/** Runs the examples of the page on plans exactly as printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlocks } from '../docs/pages.ts';
import { assertShown, startPasting } from './pasting.ts';

const PAGE = 'docs/plans.md';

test('the examples of docs/plans.md work as pasted', { timeout: 300_000 }, async (t) => {
  const { paste } = await startPasting(t);
  const session = (await readBlocks(PAGE))
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code)
    .join('');
  const printed = await paste(session);

  const [, end = '{}'] = /^event: finished\ndata: (.*)$/m.exec(printed) ?? [];
  assert.deepEqual(JSON.parse(end).counts, {
    total: 7,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 5,
    failed: 1,
    cancelled: 0,
    skipped: 1,
  });
  const [skipped, bound] = [...printed.matchAll(/^(\{"data":\[.*)$/gm)].map(([page]) => JSON.parse(page));
  const { data } = skipped;
  assert.deepEqual(
    data.map(({ index }: { index: number }) => index),
    [5],
  );
  await assertShown(PAGE, 'An example', data[0].response);

  const [, contact, invitation, failed] = bound.data;
  assert.deepEqual(invitation.request, { event: 21, contacts: [contact.response.id] });
  assert.equal(invitation.response.results[0].status, true);
  await assertShown(PAGE, 'Values of other jobs', failed.response);
});
