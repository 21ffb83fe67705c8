import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasEnded, isAsyncId, toAsyncId, toBatchId } from '../../src/domain/batch.ts';

const BATCH_ID = '0199c3a1-5f2e-7abc-8def-0123456789ab';
const ASYNC_ID = '0199c3a15f2e7abc8def0123456789ab';

test("an asyncId is the 32 hex digits of the batch's UUID", () => {
  assert.equal(toAsyncId(BATCH_ID), ASYNC_ID);
  assert.equal(toBatchId(ASYNC_ID), BATCH_ID);
  assert.ok(isAsyncId(ASYNC_ID));
});

for (const value of [
  BATCH_ID,
  ASYNC_ID.toUpperCase(),
  ASYNC_ID.slice(1),
  `${ASYNC_ID}0`,
  `${ASYNC_ID}\n`,
  'g'.repeat(32),
  '',
  null,
  undefined,
  7,
  [ASYNC_ID],
])
  test(`${JSON.stringify(value)} is not an asyncId`, () => assert.ok(!isAsyncId(value)));

test('a batch has ended when it is completed or cancelled', () => {
  const states = ['queued', 'running', 'completed', 'cancelled'] as const;
  assert.deepEqual(states.filter(hasEnded), ['completed', 'cancelled']);
});
