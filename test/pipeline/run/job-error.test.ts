import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorBody } from '../../../src/pipeline/run/job-error.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';

test('every thrown value becomes an error object, even one that throws when it is read', () => {
  const spiteful = new Proxy(new Error('x'), {
    get() {
      throw new Error('no');
    },
  });
  for (const thrown of [Object.create(null), spiteful, null, undefined, 1n, Symbol('s'), { message: 'x' }]) {
    const { errorCode, message } = errorBody(thrown);
    assert.equal(errorCode, 500);
    assert.equal(typeof message, 'string');
    assert.notEqual(message, '');
  }
  assert.equal(errorBody(Object.assign(new Error('x'), { message: 1n })).message, '1');
});

test('an invalid error code is left out, because the HTTP status is the errorCode', () => {
  const options = { errorCode: 42, specificCode: 10n as unknown as number };
  assert.deepEqual(errorBody(new NonRetryableError('x', options)), { errorCode: 461, message: 'x' });
  assert.deepEqual(errorBody(new NonRetryableError('x', { errorCode: 404, specificCode: 7 })), {
    errorCode: 404,
    message: 'x',
    specificCode: 7,
  });
});

test('an error object stays small, however much an action throws', () => {
  const additionalMessages = Array.from({ length: 5000 }, () => 'y'.repeat(20_000));
  const body = errorBody(new NonRetryableError('m'.repeat(3_000_000), { additionalMessages }));
  assert.equal(body.message.length, 10_001);
  assert.equal(body.additionalMessages?.length, 101);
  assert.ok(JSON.stringify(body).length < 1_100_000);
});
