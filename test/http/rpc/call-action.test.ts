/** A single action: `POST /api/1.0/{namespace}?action={action}`. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { ErrorBody } from '../../../src/contract/errors.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem({ after }, { callWaitMs: 2500 });

function call(name: string, params: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const [namespace, action] = name.split('.');
  const body = typeof params === 'string' ? params : JSON.stringify(params);
  return system.request(`/api/1.0/${namespace}?action=${action}`, { method: 'POST', headers, body });
}

async function assertRefused(answer: Promise<Answer>, expected: ErrorBody): Promise<void> {
  const before = await storedRows(system.pool);
  const { status, body } = await answer;
  assert.deepEqual(body, expected);
  assert.equal(status, expected.errorCode);
  assert.deepEqual(await storedRows(system.pool), before, 'something was stored');
}

describe('calling a single action', () => {
  test('a call returns the response of the action unchanged, whatever the Content-Type says', async () => {
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
      const { status, headers, body } = await call(
        'test.echo',
        { n: 1, x: [null] },
        { 'content-type': type },
      );
      assert.equal(status, 200);
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
      assert.deepEqual(body, { n: 1, x: [null] });
    }
  });

  test('a call with an empty or blank body has no params', async () => {
    for (const body of ['', ' \r\n', '\ufeff']) {
      const { status, body: answer } = await call('test.echo', body);
      assert.deepEqual([status, answer], [200, {}]);
    }
    const missing = await call('rpc.strict', '');
    assert.deepEqual([missing.status, missing.body.specificCode], [400, 23017]);
  });

  test('a call is a batch of one job, whose asyncId is in a header', async () => {
    const { headers } = await call('test.echo', { n: 1 });
    const asyncId = headers.get('x-async-id') ?? '';
    const { body } = await system.rpc('progress', { async: asyncId });
    assert.deepEqual(body, {
      progress: 100,
      asyncId,
      state: 'completed',
      counts: {
        total: 1,
        pending: 0,
        waiting: 0,
        running: 0,
        succeeded: 1,
        failed: 0,
        cancelled: 0,
        skipped: 0,
      },
    });
    const [result] = await system.results(asyncId);
    assert.deepEqual(result.response, { n: 1 });
  });

  test('a call needs POST', async () => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const { status, headers, body } = await system.request('/api/1.0/test?action=echo', { method });
      assert.equal(status, 405);
      assert.equal(headers.get('allow'), 'POST');
      assert.deepEqual(body, { errorCode: 405, message: 'An action is called with POST' });
    }
  });

  test('a call that takes too long is 504 with the asyncId, under which its results are available later', async () => {
    const { status, body } = await call('test.behave', { gate: 'late', n: 7 });
    assert.equal(status, 504);
    const { asyncId, ...error } = body;
    assert.deepEqual(error, { errorCode: 504, message: 'The job is still running' });
    await system.pool.query("insert into test.gate values ('late')");
    assert.equal((await system.ended(asyncId)).state, 'completed');
    const [result] = await system.results(asyncId);
    assert.deepEqual(result.response, { n: 7, attempt: 1 });
  });

  test('a call whose job is cancelled before it starts is 461, with the asyncId', async (t) => {
    // Cancelled as soon as it is stored: a test could not be quick enough from outside.
    await system.pool.query(`
      create function cancel_at_once() returns trigger language plpgsql
        as 'begin new.cancel_requested = true; return new; end';
      create trigger cancel before insert on batchwright.batch
        for each row execute function cancel_at_once()`);
    t.after(() => system.pool.query('drop function cancel_at_once cascade'));
    const { status, headers, body } = await call('test.echo', {});
    assert.equal(status, 461);
    const asyncId = headers.get('x-async-id');
    assert.deepEqual(body, { errorCode: 461, message: 'The job was cancelled', asyncId });
  });

  test('the job of a call continues when its caller goes away', async () => {
    const { request } = openPost(`${system.url}/api/1.0/test?action=behave`);
    request.end(JSON.stringify({ effect: 'left', gate: 'left' }));
    const asyncId = await startedBatch('left');
    request.destroy();
    await system.pool.query("insert into test.gate values ('left')");
    assert.equal((await system.ended(asyncId)).counts.succeeded, 1);
  });
});

describe('failed calls', () => {
  test('a failed call answers its error object, with its errorCode as the HTTP status', async () => {
    const error = {
      errorCode: 409,
      message: 'taken',
      specificCode: 31001,
      additionalMessages: ['by somebody', 'else'],
    };
    const { status, headers, body } = await call('rpc.refuse', error);
    assert.equal(status, 409);
    assert.deepEqual(body, error);
    assert.match(headers.get('x-async-id') ?? '', /^[0-9a-f]{32}$/);
  });

  test('a failed call without a code is 461, and links to the page about failed jobs', async () => {
    const { status, headers, body } = await call('rpc.refuse', { message: 'no' });
    assert.equal(status, 461);
    assert.equal(headers.get('link'), '</docs/errors/job-failed>; rel="help"');
    assert.deepEqual(body, { errorCode: 461, message: 'no' });
  });

  test('a failed call whose code is not an HTTP error is 461 with the error object', async () => {
    for (const errorCode of [0, 200, 302, 600, 23016]) {
      const { status, body } = await call('rpc.refuse', { message: 'no', errorCode });
      assert.equal(status, 461);
      assert.deepEqual(body, { errorCode: 461, message: 'no' });
    }
  });
});

describe('refused calls, which store nothing', () => {
  test('a call with an invalid parameter is refused', () =>
    assertRefused(call('rpc.strict', { id: 'x', name: 'one' }), {
      errorCode: 400,
      message: "'id' does not validate",
      specificCode: 23016,
      additionalMessages: ['params.id must be integer'],
    }));

  test('a call with several invalid parameters is refused: the first is in the message and all are listed', () =>
    assertRefused(call('rpc.strict', { id: 1.5, name: 7, tags: [{ label: 'a' }, { label: 7 }] }), {
      errorCode: 400,
      message: "'id' does not validate",
      specificCode: 23016,
      additionalMessages: [
        'params.id must be integer',
        'params.name must be string',
        'params.tags[1].label must be string',
      ],
    }));

  test('a call with an invalid nested parameter is refused', () =>
    assertRefused(call('rpc.strict', { id: 1, name: 'one', tags: [{ label: 7 }] }), {
      errorCode: 400,
      message: "'tags[0].label' does not validate",
      specificCode: 23016,
      additionalMessages: ['params.tags[0].label must be string'],
    }));

  test('a call with an unknown parameter is refused', () =>
    assertRefused(call('rpc.strict', { id: 1, name: 'one', other: 1 }), {
      errorCode: 400,
      message: "'other' does not validate",
      specificCode: 23016,
      additionalMessages: ['params.other is not known'],
    }));

  test('a call without a required parameter is refused', () =>
    assertRefused(call('rpc.strict', { id: 1 }), {
      errorCode: 400,
      message: "'name' is required",
      specificCode: 23017,
      additionalMessages: ['params.name is required'],
    }));

  test('a call without a required nested parameter, beside invalid ones, is refused', () =>
    assertRefused(call('rpc.strict', { id: 'x', name: 'one', tags: [{}] }), {
      errorCode: 400,
      message: "'tags[0].label' is required",
      specificCode: 23017,
      additionalMessages: ['params.id must be integer', 'params.tags[0].label is required'],
    }));

  test('a call of an unknown action is refused', () =>
    assertRefused(call('rpc.nothing', {}), {
      errorCode: 400,
      message: 'Incorrect job format',
      specificCode: 24092,
      additionalMessages: ['there is no action rpc.nothing'],
    }));

  test('a call without an action is refused', () =>
    assertRefused(system.request('/api/1.0/test', { method: 'POST', body: '{}' }), {
      errorCode: 400,
      message: '?action= is missing',
      specificCode: 24093,
    }));

  for (const [what, body] of [
    ['is not valid JSON', 'x'],
    ['is not an object', '[1]'],
    ['is null', 'null'],
    ['ends too early', '{"n":1'],
    ['has text after it', '{"n":1}}'],
    ['is broken inside', '{"n":tru}'],
    ['would be a job of its own', '{"n":1},"namespace":"rpc"'],
    ['is nested deeper than 500 levels', `{"x":${'['.repeat(500)}${']'.repeat(500)}}`],
  ] as const)
    test(`a call is refused when its body ${what}`, async () => {
      const before = await storedRows(system.pool);
      const answer = await call('test.echo', body);
      assert.equal(answer.status, 400);
      assert.equal(answer.body.specificCode, 24092, JSON.stringify(answer.body));
      assert.deepEqual(await storedRows(system.pool), before);
    });

  test('a call without the needed permission is refused', async () => {
    const key = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'alone', permissions: ['test.echo'] }),
    });
    const headers = { authorization: `Bearer ${key.body.key}` };
    assert.equal((await call('test.echo', {}, headers)).status, 200);
    await assertRefused(call('rpc.strict', { id: 1, name: 'one' }, headers), {
      errorCode: 403,
      message: 'The API key lacks the permission',
      additionalMessages: ['the key lacks rpc.strict'],
    });
  });
});

/** The asyncId of the batch whose job has just begun to run with this effect. */
async function startedBatch(effect: string): Promise<string> {
  return waitFor(
    async () => {
      const { rows } = await system.pool.query('select async_id from test.effect where name = $1', [effect]);
      return rows[0]?.async_id as string | undefined;
    },
    { what: `the job ${effect} to start` },
  );
}
