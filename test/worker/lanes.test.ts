import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { env: { WORKER_CONCURRENCY: '1' } });

function behaves(params: object): object {
  return { namespace: 'test', action: 'behave', params: { effect: 'yield', ...params } };
}

test('a lane that has worked on a batch for a second lets others pass and returns to it', async () => {
  // Ten at a time: more than a second, and then a gate that would hold the lane for ever.
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

test('a lane whose jobs wait for a slot of their action lets others pass', async (t) => {
  // Two lanes for first chunks, one for later ones.
  const own = await startSystem(t, { env: { WORKER_CONCURRENCY: '3' } });
  const gated = (count: number) => Array.from({ length: count }, () => workJob('attempt', { gate: 'slots' }));
  const holder = await own.run(gated(10));
  await waitFor(async () => (await entriesOf(own, holder)).length === 10, { what: 'all slots to be taken' });
  const waiting = await own.run(gated(5));
  const other = await own.run(echoJobs(3));
  assert.equal((await own.ended(other)).counts.succeeded, 3);
  await openGate(own, 'slots');
  for (const asyncId of [holder, waiting]) {
    await own.ended(asyncId);
    for (const { status, attempts } of await own.results(asyncId))
      assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  }
  assert.equal((await entriesOf(own, waiting)).length, 5);
});

test('many long jobs do not keep lanes from others', async () => {
  const held = await Promise.all([1, 2, 3].map(() => system.run([workJob('attempt', { gate: 'long' })])));
  const other = await system.run(echoJobs(1));
  assert.equal((await system.ended(other)).state, 'completed');
  await openGate(system, 'long');
  for (const asyncId of held) assert.equal((await system.ended(asyncId)).state, 'completed');
  assert.equal((await system.results(held[0] ?? ''))[0].attempts, 1);
});
