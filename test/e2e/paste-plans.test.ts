/** Runs the examples of the page on plans exactly as printed, with all of their 20,001 jobs. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBlocks } from '../docs/pages.ts';
import type { Json } from '../support/json.ts';
import { assertShown, freePort, type Pasting, startPasting } from './pasting.ts';

const PAGE = 'docs/plans.md';

test('the examples of docs/plans.md work as pasted', { timeout: 400_000 }, async (t) => {
  const pasting = await startPasting(t);
  const blocks = (await readBlocks(PAGE)).filter(({ language }) => language === 'sh');
  const session = blocks.map(({ heading, code }) => `echo '== ${heading}'\n${code}`).join('');
  const { folder } = pasting.home;
  const printed = await pasting.paste(
    session.replaceAll('/tmp/', `${folder}/`),
    `http://127.0.0.1:${await freePort()}`,
  );
  const [first = '', values = '', completed = '', stopped = '', csv = ''] = printed
    .split(/^== .*\n/m)
    .slice(1);

  await t.test('the first example has a job that was skipped', () => checkFirst(first));
  await t.test('values come from other jobs', () => checkValues(values));
  await t.test('each contact that succeeded is invited, and the others are not', () =>
    checkCompleted(pasting, completed),
  );
  await t.test('too many failures stop the import', () => checkStopped(pasting, stopped));
  await t.test('the same contacts come in as a CSV file', () => checkCsv(csv));
});

async function checkFirst(printed: string): Promise<void> {
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
  const { data } = answersIn(printed).at(-1);
  assert.deepEqual(
    data.map(({ index }: Json) => index),
    [5],
  );
  await assertShown(PAGE, 'An example', data[0].response);
}

async function checkValues(printed: string): Promise<void> {
  const [, contact, invitation, failed] = answersIn(printed)[0].data;
  assert.deepEqual(invitation.request, { event: 21, contacts: [contact.response.id] });
  assert.equal(invitation.response.results[0].status, true);
  await assertShown(PAGE, 'Values of other jobs', failed.response);
}

async function checkCompleted(pasting: Pasting, printed: string): Promise<void> {
  const [taken, callback, attempts, failed, skipped] = answersIn(printed);
  assert.deepEqual([taken.state, taken.counts.waiting], ['queued', 20_001]);
  await assertShown(PAGE, 'A whole import', callback);
  // listen answers 204 only when the signature holds.
  assert.deepEqual(
    attempts.data.map(({ trigger, status }: Json) => [trigger, status]),
    [['completion', 204]],
  );
  assert.equal(
    failed.data[0].response.additionalMessages[0],
    'params.firstName is required, because there is no contact 900000000 yet',
  );
  assert.deepEqual(skipped.data[0].response, {
    errorCode: 424,
    message: 'The job was not run, because one that it depends on did not end as needed: see job 1',
    causedBy: 1,
  });

  const [event, ...others] = await resultsOf(pasting, callback.asyncId);
  assert.equal(others.length, 20_000);
  const startAt = Date.parse(taken.startAt);
  assert.ok(
    [event, ...others].every(({ startedAt }) => startedAt === null || Date.parse(startedAt) >= startAt),
  );
  const invited = new Set<number>();
  for (let n = 0; n < 10_000; n++) {
    const [contact, invitation] = others.slice(2 * n, 2 * n + 2);
    if (n % 100 < 2) {
      assert.deepEqual([contact.status, invitation.status], ['failed', 'skipped']);
      assert.equal(invitation.response.causedBy, contact.index);
      continue;
    }
    const { id } = contact.response;
    assert.deepEqual(invitation.request, { contacts: [id], event: event.response.id });
    assert.equal(invitation.response.results[0].status, true);
    invited.add(id);
  }
  assert.equal(invited.size, 9_800);
}

async function checkStopped(pasting: Pasting, printed: string): Promise<void> {
  const [, callback, cancelled] = answersIn(printed);
  const { asyncId, counts } = callback;
  assert.deepEqual([callback.state, callback.stoppedBy], ['cancelled', 'stopAfter']);
  const percent = (100 * counts.failed) / (counts.failed + counts.succeeded);
  assert.ok(percent >= 5, `${percent} % failed`);
  assert.ok(counts.cancelled > 0);
  assert.equal(counts.succeeded + counts.failed + counts.cancelled + counts.skipped, 20_001);
  assert.equal(
    cancelled.data[0].response.message,
    'The batch was stopped, because too many of its jobs had failed',
  );
  const { results } = JSON.parse(await readFile(join(pasting.home.folder, 'ended.json'), 'utf8'));
  assert.deepEqual(results, await resultsOf(pasting, asyncId));
}

function checkCsv(printed: string): void {
  const [, end = '{}'] = /^data: (.*)$/m.exec(printed) ?? [];
  const { state, counts } = JSON.parse(end);
  assert.deepEqual([state, counts.succeeded, counts.failed], ['completed', 9_000, 1_000]);
}

/** The JSON objects that have a line of their own. */
function answersIn(printed: string): Json[] {
  return [...printed.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line));
}

async function resultsOf({ site, headers }: Pasting, asyncId: string): Promise<Json[]> {
  const answer = await fetch(`${site.url}/v1/batches/${asyncId}/results`, {
    headers: { ...headers, accept: 'application/x-ndjson' },
  });
  return (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
