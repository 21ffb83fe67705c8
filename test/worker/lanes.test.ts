import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { chunkClaimed, chunkEnded } from '../../src/telemetry/events.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { nextEvent } from '../support/next-event.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { env: { WORKER_CONCURRENCY: '1' } });

function behaves(params: object): object {
  return { namespace: 'test', action: 'behave', params: { effect: 'yield', ...params } };
}

test('a lane that has worked on a batch for a second lets others pass and returns to it', async () => {
  // Ten at a time: more than a second, and then a gate that would hold the lane for ever. The chunk is too large to
  // share its lane with another message.
  const jobs = [
    ...echoJobs(91),
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
  const results = await system.results(long);
  assert.equal(results.length, 201);
  for (const { status, attempts } of results)
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  const { rows } = await system.pool.query('select count(*) as runs from test.effect');
  assert.equal(rows[0].runs, 110, 'each job ran once');
});

test('a lane with many short jobs yields to a batch that has waited for half a second', async () => {
  // Ten at a time: three seconds.
  const long = await system.run(Array.from({ length: 1000 }, () => behaves({ waitMs: 30 })));
  const succeeded = async () => (await system.rpc('progress', { async: long })).body.counts.succeeded;
  await waitFor(async () => (await succeeded()) > 0, { what: 'the only lane to be busy' });
  await system.ended(await system.run(echoJobs(3)));
  const before = await succeeded();
  assert.ok(before < 900, `${before} jobs ended before the other batch`);
  assert.equal((await system.ended(long)).counts.succeeded, 1000);
  const { rows: effects } = await system.pool.query('select from test.effect where async_id = $1', [long]);
  assert.equal(effects.length, 1000, 'each job ran once');
});

/** Makes a chunk large enough for a lane of its own: a lane has several small ones. */
const LARGE = { message: 'x'.repeat(40_000) };

/** `work.attempt` behind a gate. It has ten slots. */
function gated(count: number, gate: string): object[] {
  return Array.from({ length: count }, (_, n) => workJob('attempt', { gate, ...(n === 0 ? LARGE : {}) }));
}

test('a lane whose jobs wait for slots that their own message has is free for others, and no job goes back', async () => {
  const many = await system.run(gated(15, 'own slots'));
  await waitFor(async () => (await entriesOf(system, many)).length === 10, { what: 'all slots to be taken' });
  const other = await system.run(echoJobs(3));
  assert.equal((await system.ended(other)).counts.succeeded, 3);
  const { rows } = await system.pool.query(
    `select state, data->'indexes' as indexes from pgboss.job where name like 'jobs.%' and group_id = $1`,
    [toBatchId(many)],
  );
  assert.deepEqual(rows, [{ state: 'active', indexes: null }], 'nothing went back');
  await openGate(system, 'own slots');
  assert.equal((await system.ended(many)).counts.succeeded, 15);
});

test('many long jobs do not keep lanes from others', async () => {
  const held = await Promise.all([1, 2, 3].map(() => system.run(gated(1, 'long'))));
  await waitFor(
    async () => {
      const entries = await Promise.all(held.map((asyncId) => entriesOf(system, asyncId)));
      return entries.every(({ length }) => length === 1);
    },
    { what: 'the jobs of all three to run' },
  );
  const other = await system.run(echoJobs(1));
  assert.equal((await system.ended(other)).state, 'completed');
  await openGate(system, 'long');
  for (const asyncId of held) assert.equal((await system.ended(asyncId)).state, 'completed');
  assert.equal((await system.results(held[0] ?? ''))[0].attempts, 1);
});

test('after lanes were given on, no more messages are in hand at once than there are lanes', async (t) => {
  const lanes = 2;
  const own = await startSystem(t, { env: { WORKER_CONCURRENCY: String(lanes) } });
  const { pool } = own;
  // Too large to share a lane, and held at a gate: each gives its lane to the next.
  const held = [...echoJobs(200), workJob('attempt', { gate: 'given on' })];
  const before = await Promise.all([1, 2, 3, 4].map(() => own.run(held)));
  for (const asyncId of before)
    await waitFor(async () => (await entriesOf(own, asyncId)).length === 1, { what: 'its last job to run' });
  const ends = before.map((asyncId) =>
    nextEvent(chunkEnded, (chunk) => chunk.asyncId === asyncId, { what: 'the end of its message' }),
  );
  await openGate(own, 'given on');
  for (const { end } of await Promise.all(ends)) assert.equal(end, 'settled');

  const claimed: string[] = [];
  t.after(chunkClaimed.listen(({ asyncId, chunk }) => claimed.push(`${asyncId} ${chunk}`)));
  const holder = await pool.connect();
  let asyncId: string;
  try {
    // Messages are claimed, and not loaded.
    await holder.query('begin; lock table batchwright.result in access exclusive mode');
    asyncId = await own.run(echoJobs(6000));
    await waitFor(async () => claimed.length >= lanes, {
      what: 'the lanes to be taken',
      after: chunkClaimed,
    });
    const { rowCount } = await pool.query(
      `select from pgboss.job where group_id = $1 and name = 'jobs.default' and state = 'active'`,
      [toBatchId(asyncId)],
    );
    assert.equal(rowCount, lanes);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  assert.equal((await own.ended(asyncId)).counts.succeeded, 6000);
  assert.ok(claimed.length > lanes, 'it had more messages than there are lanes');
});
