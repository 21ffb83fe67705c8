/** A single action called with an Idempotency-Key: a repeat is the same job. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { withClient } from '../../support/server.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem({ after });

function call(
  key: string,
  name: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [namespace, action] = name.split('.');
  return system.request(`/api/1.0/${namespace}?action=${action}`, {
    method: 'POST',
    headers: { 'idempotency-key': key, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const asyncIdOf = ({ headers }: Answer) => headers.get('x-async-id');

async function runsOf(effect: string): Promise<number> {
  const { rowCount } = await system.pool.query('select from test.effect where name = $1', [effect]);
  return rowCount ?? 0;
}

test('the same key, action and body are one job, and a repeat gets the same response', async () => {
  const first = await call('same', 'test.behave', { n: 1, effect: 'same' });
  assert.equal(first.status, 200);
  for (let time = 0; time < 2; time++) {
    const again = await call('same', 'test.behave', { n: 1, effect: 'same' });
    assert.deepEqual([again.status, again.body, asyncIdOf(again)], [200, first.body, asyncIdOf(first)]);
  }
  assert.equal(await runsOf('same'), 1);
});

test('another body, another action or a batch under the key is 422, and nothing is stored', async () => {
  await call('other', 'test.echo', { n: 1 });
  const rows = await storedRows(system.pool);
  const batch = { jobs: [{ namespace: 'test', action: 'echo', params: { n: 1 } }] };
  for (const answer of [
    await call('other', 'test.echo', { n: 2 }),
    await call('other', 'test.behave', { n: 1 }),
    await system.rpc('run', batch, { 'idempotency-key': 'other' }),
  ]) {
    assert.equal(answer.status, 422);
    assert.equal(answer.body.errorCode, 422);
  }
  assert.deepEqual(await storedRows(system.pool), rows);
});

test('a repeat while the job runs waits for its response', async () => {
  // While one is being looked up, another that comes at once may be asked to try again.
  const callUntilTaken = async () => {
    for (;;) {
      const answer = await call('waits', 'test.behave', { n: 7, effect: 'waits', gate: 'waits' });
      if (answer.status !== 409) return answer;
    }
  };
  const calls = [callUntilTaken(), callUntilTaken()];
  await waitFor(async () => (await runsOf('waits')) === 1, { what: 'the job to run' });
  calls.push(callUntilTaken());
  await system.pool.query("insert into test.gate values ('waits')");
  const answers = await Promise.all(calls);
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    answers.map(() => [200, { n: 7, attempt: 1 }]),
  );
  assert.equal(new Set(answers.map(asyncIdOf)).size, 1);
  assert.equal(await runsOf('waits'), 1);
});

test('a repeat while the first request is being stored is 409 with Retry-After', async () => {
  await withClient(system.databaseUrl, async (client) => {
    await client.query('begin');
    // The lock that a request holds while it is being stored.
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 7))', ['default\nbusy']);
    const { status, headers, body } = await call('busy', 'test.echo', { n: 1 });
    assert.equal(status, 409);
    assert.equal(headers.get('retry-after'), '1');
    assert.equal(body.message, 'A request with this Idempotency-Key is still being stored');
    await client.query('rollback');
  });
  assert.equal((await call('busy', 'test.echo', { n: 1 })).status, 200);
});

test('a failed job is not run again: a repeat gets its error', async () => {
  const refused = { errorCode: 422, message: 'nobody' };
  const first = await call('failed', 'rpc.refuse', refused);
  const again = await call('failed', 'rpc.refuse', refused);
  assert.deepEqual([again.status, again.body], [422, refused]);
  assert.equal(asyncIdOf(again), asyncIdOf(first));
});

test('a refused request leaves its key free', async () => {
  assert.equal((await call('refused', 'rpc.strict', { id: 'x' })).status, 400);
  assert.equal((await call('refused', 'test.echo', { n: 1 })).status, 200);
});

test('a key belongs to its tenant, and must be one that can be stored', async () => {
  const { body: made } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
  });
  const first = await call('tenants', 'test.echo', { n: 1 });
  const theirs = await call('tenants', 'test.echo', { n: 2 }, { authorization: `Bearer ${made.key}` });
  assert.equal(theirs.status, 200);
  assert.notEqual(asyncIdOf(theirs), asyncIdOf(first));
  for (const key of ['', 'k'.repeat(256)]) assert.equal((await call(key, 'test.echo', {})).status, 400);
});
