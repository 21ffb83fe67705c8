import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { echoJobs } from '../pipeline/work-jobs.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { env: { WORKER_CONCURRENCY: '1' } });

function behaves(params: object): object {
  return { namespace: 'test', action: 'behave', params: { effect: 'yield', ...params } };
}

test('a lane that has worked for a second on a batch lets others pass and comes back to it', async () => {
  // Ten at a time: more than a second, and then a gate at which the lane would be held for good.
  const jobs = [
    ...Array.from({ length: 100 }, () => behaves({ waitMs: 150 })),
    ...Array.from({ length: 10 }, () => behaves({ gate: 'yield' })),
  ];
  const long = await system.run(jobs);
  const state = async () => (await system.rpc('progress', { async: long })).body.state;
  await waitFor(async () => (await state()) === 'running', { what: 'the only lane to be busy' });
  const short = await system.run(echoJobs(3));
  assert.equal((await system.ended(short)).counts.succeeded, 3);
  assert.equal(await state(), 'running');
  await system.pool.query(`insert into test.gate (name) values ('yield')`);
  await system.ended(long);
  for (const { status, attempts } of await system.results(long))
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  const { rows } = await system.pool.query('select count(*) as runs from test.effect');
  assert.equal(rows[0].runs, 110, 'each job ran once');
});
