import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorBody, judge } from '../../../src/pipeline/run/job-error.ts';
import { NonRetryableError, RetryLaterError, ThrottledError } from '../../../src/plugin/errors.ts';

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

test('an error object has the details that an action gives, as JSON', () => {
  const details = { status: 409, headers: { 'set-cookie': ['a=1', 'b=2'] }, at: new Date(0) };
  assert.deepEqual(errorBody(new NonRetryableError('x', { details })), {
    errorCode: 461,
    message: 'x',
    details: { ...details, at: '1970-01-01T00:00:00.000Z' },
  });
});

test('details that are too long or not JSON are left out', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const details of [circular, 1n, () => 1, 'd'.repeat(64 * 1024)]) {
    const body = errorBody(new NonRetryableError('x', { details }));
    assert.deepEqual(body, { errorCode: 461, message: 'x' });
  }
});

test('an error object stays small, however much an action throws', () => {
  const additionalMessages = Array.from({ length: 5000 }, () => 'y'.repeat(20_000));
  const body = errorBody(new NonRetryableError('m'.repeat(3_000_000), { additionalMessages }));
  assert.equal(body.message.length, 10_001);
  assert.equal(body.additionalMessages?.length, 101);
  assert.ok(JSON.stringify(body).length < 1_100_000);
});

test('the errorCode is that of the cause', () => {
  const with503 = { errorCode: 503 };
  for (const [errorCode, thrown] of [
    [461, new NonRetryableError('x')],
    [503, new NonRetryableError('x', with503)],
    [429, new RetryLaterError('x', 1)],
    [503, new RetryLaterError('x', 1, with503)],
    [429, new ThrottledError(1)],
    [503, new ThrottledError(1, 'x', with503)],
    [500, new Error('x')],
    [409, Object.assign(new Error('x'), { errorCode: 409, status: 404 })],
    [404, Object.assign(new Error('x'), { status: 404 })],
    [502, Object.assign(new Error('x'), { statusCode: 502 })],
    [500, Object.assign(new Error('x'), { status: 200 })],
    [500, Object.assign(new Error('x'), { status: '404' })],
    [500, { message: 'x', status: 404 }],
  ] as const)
    assert.equal(errorBody(thrown).errorCode, errorCode);
});

test('a refusal without a pause that makes sense asks for a second', () => {
  for (const seconds of [0, -1, Number.NaN, undefined as unknown as number])
    assert.equal(judge(new ThrottledError(seconds)).delaySeconds, 1);
  assert.equal(judge(new ThrottledError(0.2)).delaySeconds, 0.2);
});
