import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const system = await startSystem({ after });

const INSERT = `insert into test.gate values ('written')`;

function statements(...texts: string[]) {
  return { namespace: 'work', action: 'statements', params: { statements: texts } };
}

test('a transactional action that begins or ends transactions itself fails and leaves nothing', async () => {
  for (const control of ['commit', ' ROLLBACK', ';end', 'begin', 'abort', 'start transaction']) {
    const asyncId = await system.run([statements(INSERT, control, INSERT)]);
    await system.ended(asyncId);
    const [result] = await system.results(asyncId);
    assert.equal(result.status, 'failed', control);
    assert.match(result.response.message, /must not begin or end transactions/);
    assert.equal((await system.pool.query('select from test.gate')).rowCount, 0, control);
  }
});

test('a transactional action may roll back to a savepoint', async () => {
  const asyncId = await system.run([statements('savepoint a', INSERT, 'rollback to savepoint a')]);
  await system.ended(asyncId);
  assert.equal((await system.results(asyncId))[0].status, 'succeeded');
  assert.equal((await system.pool.query('select from test.gate')).rowCount, 0);
});

test('progress outside the allowed range is limited, and callers get an answer', async () => {
  const reports = [
    [1e308, 1e-10],
    [7, 2],
    [-1, 2],
    [1, 0],
  ];
  const asyncId = await system.run(
    reports.map((progress) => ({
      namespace: 'test',
      action: 'behave',
      params: { progress, gate: 'bounds' },
    })),
  );
  const { body } = await waitFor(
    async () => {
      const answer = await system.rpc('progress', { async: asyncId });
      assert.equal(answer.status, 200);
      return answer.body.counts.running === 4 && answer;
    },
    { what: 'four running jobs' },
  );
  assert.ok(body.progress <= 25, 'of four jobs one is done at most');
  await system.pool.query(`insert into test.gate values ('bounds')`);
  assert.equal((await system.ended(asyncId)).state, 'completed');
});
