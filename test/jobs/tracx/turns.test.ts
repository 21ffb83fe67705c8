/** Imports of a tenant take turns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Turns } from '../../../jobs/tracx/lib/turns.ts';

const LONG_MS = 60_000;

/** Work that has begun when it says so, and ends when the test says so. */
function workOf(turns: Turns, tenant: string) {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const work = { hasBegun: false, begun: begun.promise, end: end.resolve, fail: end.reject };
  const result = turns.take(tenant, async () => {
    work.hasBegun = true;
    begun.resolve();
    await end.promise;
    return tenant;
  });
  return { ...work, result, hasBegun: () => work.hasBegun };
}

test('further work of a tenant begins when earlier work has ended, also by an error', async () => {
  const turns = new Turns({ atOnce: 2, maxWaitMs: LONG_MS });
  const [first, second, third, fourth] = Array.from({ length: 4 }, () => workOf(turns, 'acme'));
  assert.ok(first && second && third && fourth);
  await Promise.all([first.begun, second.begun]);
  await nextTurn();
  assert.deepEqual([third.hasBegun(), fourth.hasBegun()], [false, false]);
  first.end();
  assert.equal(await first.result, 'acme');
  await third.begun;
  assert.equal(fourth.hasBegun(), false);
  second.fail(new Error('not today'));
  await assert.rejects(second.result, /not today/);
  await fourth.begun;
  for (const { end } of [third, fourth]) end();
  await Promise.all([third.result, fourth.result]);
});

test('the work of one tenant does not wait for that of another', async () => {
  const turns = new Turns({ atOnce: 1, maxWaitMs: LONG_MS });
  const [slow, other] = [workOf(turns, 'slow'), workOf(turns, 'other')];
  await other.begun;
  for (const { end } of [slow, other]) end();
  await Promise.all([slow.result, other.result]);
});

test('work does not wait for slow work for longer than the maximum', async () => {
  const turns = new Turns({ atOnce: 1, maxWaitMs: 5 });
  const [slow, next] = [workOf(turns, 'acme'), workOf(turns, 'acme')];
  await next.begun;
  next.end();
  assert.equal(await next.result, 'acme');
  slow.end();
  await slow.result;
});
