/** Runs the example of the page on plans exactly as printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlocks } from '../docs/pages.ts';
import { assertShown, startPasting } from './pasting.ts';

const PAGE = 'docs/plans.md';

test('the example of docs/plans.md works as pasted', { timeout: 300_000 }, async (t) => {
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
  const [, page = '{}'] = /^(\{"data":\[.*)$/m.exec(printed) ?? [];
  const { data } = JSON.parse(page);
  assert.deepEqual(
    data.map(({ index }: { index: number }) => index),
    [5],
  );
  await assertShown(PAGE, 'An example', data[0].response);
});
