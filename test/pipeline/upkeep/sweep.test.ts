import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { retain } from '../../../src/pipeline/upkeep/retention.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { batchEnded, chunkEnded } from '../../../src/telemetry/events.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { nextEvent } from '../../support/next-event.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });
const { pool } = system;
const { deps } = await startClaiming({ after }, system);

/** A round of the sweep that checks batches of any age. */
function sweepNow(): Promise<void> {
  return sweep({ ...deps, queues: system.registry.queues }, { minAgeSeconds: 0 });
}

async function status(asyncId: string) {
  return (await system.rpc('progress', { async: asyncId })).body;
}

/** A batch with three recorded results and two running jobs. */
async function midRun(gate: string, more: { callbackUrl?: string } = {}) {
  const gated = Array.from({ length: 2 }, () => workJob('attempt', { gate }));
  const asyncId = await system.run([...echoJobs(3), ...gated], more);
  await waitFor(
    async () => {
      const { counts } = await status(asyncId);
      return counts.succeeded === 3 && counts.running === 2;
    },
    { what: 'the batch to be in mid-run' },
  );
  return { asyncId, batchId: toBatchId(asyncId) };
}

async function deleteMessages(queue: string, batchId: string): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from pgboss.job where name = $1 and data->>'batch' = $2 and state <= 'active'`,
    [queue, batchId],
  );
  return rowCount ?? 0;
}

async function liveMessages(batchId: string): Promise<number> {
  const { rows } = await pool.query(
    `select count(*) as live from pgboss.job where data->>'batch' = $1 and state <= 'active'`,
    [batchId],
  );
  return rows[0].live;
}

async function endsWell(asyncId: string): Promise<void> {
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 5,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 5,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ index, status }) => `${index} ${status}`),
    ['0 succeeded', '1 succeeded', '2 succeeded', '3 succeeded', '4 succeeded'],
  );
}

test('the sweep does not change a running batch', async () => {
  const { asyncId, batchId } = await midRun('sound');
  await sweepNow();
  assert.equal(await liveMessages(batchId), 1);
  await openGate(system, 'sound');
  await endsWell(asyncId);
  assert.equal((await entriesOf(system, asyncId)).length, 2);
});

test('a running chunk whose message was deleted gets another', async () => {
  const { asyncId, batchId } = await midRun('chunk message');
  assert.equal(await deleteMessages('jobs.default', batchId), 1);
  await sweepNow();
  await openGate(system, 'chunk message');
  await endsWell(asyncId);
  const runs = await entriesOf(system, asyncId);
  assert.deepEqual(runs.map(({ index }) => index).sort(), [3, 3, 4, 4], 'only what had no result ran again');
});

test('a chunk whose message was deleted before it ran gets another', async () => {
  // The slots of its action are taken.
  const busy = await Promise.all(
    Array.from({ length: 10 }, () => system.run([workJob('lane', { gate: 'lane' })])),
  );
  for (const id of busy)
    await waitFor(async () => (await status(id)).counts.running === 1, { what: 'the slots to be taken' });
  const asyncId = await system.run([...echoJobs(3), workJob('lane'), workJob('lane')]);
  await waitFor(async () => (await status(asyncId)).counts.succeeded === 3, {
    what: 'the default queue to be done',
  });
  assert.equal(await deleteMessages('jobs.work', toBatchId(asyncId)), 1);
  await openGate(system, 'lane');
  for (const id of busy) await system.ended(id);
  assert.equal((await status(asyncId)).state, 'running');
  await sweepNow();
  await endsWell(asyncId);
});

test('counters changed by hand during the run are corrected, and the batch ends', async () => {
  for (const change of ['succeeded = 0', 'succeeded = 1000', 'failed = -7, cancelled = 3']) {
    const { asyncId, batchId } = await midRun(`counters ${change}`);
    await pool.query(`update batchwright.batch set ${change} where id = $1`, [batchId]);
    await openGate(system, `counters ${change}`);
    await waitFor(async () => (await liveMessages(batchId)) === 0, { what: 'its last message to be done' });
    assert.equal((await status(asyncId)).state, 'running');
    await sweepNow();
    await endsWell(asyncId);
  }
});

test('a batch that cannot be repaired keeps none of those behind it waiting', async () => {
  const [broken, behind] = [await midRun('broken'), await midRun('behind')];
  await pool.query(
    `create function test.refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`,
  );
  await pool.query(
    `create trigger refuse before update on batchwright.batch for each row
     when (old.id = '${broken.batchId}' and new.state = 'completed') execute function test.refuse()`,
  );
  for (const [gate, { batchId }] of [['broken', broken] as const, ['behind', behind] as const]) {
    await pool.query('update batchwright.batch set succeeded = 0 where id = $1', [batchId]);
    await openGate(system, gate);
    await waitFor(async () => (await liveMessages(batchId)) === 0, { what: 'its last message to be done' });
  }
  await sweepNow();
  await endsWell(behind.asyncId);
  assert.equal((await status(broken.asyncId)).state, 'running');
  await pool.query('drop function test.refuse() cascade');
  await sweepNow();
  await endsWell(broken.asyncId);
});

test('counters that end a batch too early are corrected', async () => {
  const receiver = await startReceiver({ after });
  const [first, second] = ['early 1', 'early 2'];
  const jobs = [...echoJobs(3), workJob('attempt', { gate: first }), workJob('attempt', { gate: second })];
  const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
  await waitFor(async () => (await status(asyncId)).counts.running === 2, { what: 'two jobs to run' });
  await pool.query('update batchwright.batch set succeeded = succeeded + 1 where id = $1', [
    toBatchId(asyncId),
  ]);
  const early = nextEvent(batchEnded, (batch) => batch.asyncId === asyncId, { what: 'the early end' });
  await openGate(system, first);
  assert.equal((await early).state, 'completed');
  await openGate(system, second);
  await waitFor(async () => (await liveMessages(toBatchId(asyncId))) === 0, {
    what: 'its last message to be done',
    after: chunkEnded,
  });
  await sweepNow();
  await endsWell(asyncId);
});

test('a batch with complete results is ended from them, and its callback is sent', async () => {
  const receiver = await startReceiver({ after });
  const { asyncId, batchId } = await midRun('results', { callbackUrl: receiver.url });
  await deleteMessages('jobs.default', batchId);
  await pool.query(
    `insert into batchwright.result (batch_id, index, status, attempts, finished_at, response)
     select $1, index, 'succeeded', 1, now(), '{}' from generate_series(3, 4) as index`,
    [batchId],
  );
  await sweepNow();
  assert.equal((await status(asyncId)).state, 'completed');
  await openGate(system, 'results');
  await endsWell(asyncId);
  await receiver.received(1);
});

test('a callback whose message was deleted is sent, under the same id', async () => {
  const receiver = await startReceiver({ after }, { answer: (response) => response.writeHead(500).end() });
  const asyncId = await system.run(echoJobs(1), { callbackUrl: receiver.url });
  await system.ended(asyncId);
  await receiver.received(1);
  const batchId = toBatchId(asyncId);
  await waitFor(async () => (await deleteMessages('callbacks', batchId)) === 1, {
    what: 'the message of the next attempt',
  });
  await sweepNow();
  const [first, second] = await receiver.received(2);
  assert.equal(second?.id, first?.id);
});

test('the sweep does not change a callback whose next attempt waits', async () => {
  const receiver = await startReceiver({ after }, { answer: (response) => response.writeHead(500).end() });
  const asyncId = await system.run(echoJobs(1), { callbackUrl: receiver.url });
  const waiting = () => liveMessages(toBatchId(asyncId));
  await system.ended(asyncId);
  await waitFor(
    async () => {
      const { rows } = await pool.query(
        `select from pgboss.job where name = 'callbacks' and data->>'batch' = $1 and state < 'active' and start_after > now()`,
        [toBatchId(asyncId)],
      );
      return rows.length === 1;
    },
    { what: 'the message of the next attempt' },
  );
  await sweepNow();
  assert.equal(await waiting(), 1);
});

test('the sweep ignores young batches by default', async () => {
  const { asyncId, batchId } = await midRun('young');
  await deleteMessages('jobs.default', batchId);
  await sweep({ ...deps, queues: system.registry.queues });
  assert.equal(await liveMessages(batchId), 0);
  await sweepNow();
  await openGate(system, 'young');
  await endsWell(asyncId);
});

test('a cancelled batch whose message was deleted ends as cancelled', async () => {
  const { asyncId, batchId } = await midRun('cancelled');
  await deleteMessages('jobs.default', batchId);
  await system.rpc('cancel', { async: asyncId });
  await sweepNow();
  const { state, counts } = await system.ended(asyncId);
  assert.deepEqual(
    { state, succeeded: counts.succeeded, cancelled: counts.cancelled },
    { state: 'cancelled', succeeded: 3, cancelled: 2 },
  );
  await openGate(system, 'cancelled');
});

/** Jobs of more than half a chunk each: each is a chunk of its own. */
const alone = (effect: string, more: object = {}) => ({
  namespace: 'test',
  action: 'behave',
  params: { effect: effect.padEnd(600_000, '.'), gate: 'lost chunk' },
  ...more,
});

for (const [number, what, statuses] of [
  [1, 'of a job that waits', ['succeeded', 'failed', 'skipped', 'succeeded', 'succeeded']],
  [
    0,
    'of a job that runs, and that others wait for',
    ['succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded'],
  ],
  [3, 'of the last job', ['succeeded', 'succeeded', 'succeeded', 'failed', 'skipped']],
] as const)
  test(`a batch whose jobs wait for others ends although the chunk ${what} was deleted`, async (t) => {
    const receiver = await startReceiver(t);
    await pool.query('delete from test.gate');
    const asyncId = await system.run(
      [
        alone('a', { id: 'a' }),
        alone('b', { id: 'b', dependsOn: ['a'] }),
        alone('c', { dependsOn: ['b'] }),
        alone('d', { id: 'd', dependsOn: [{ job: 'c', when: 'finished' }] }),
        alone('e', { dependsOn: ['d'] }),
      ].map((job, n) => (n === 2 ? { ...job, id: 'c' } : job)),
      { callbackUrl: receiver.url },
    );
    const batchId = toBatchId(asyncId);
    await waitFor(async () => (await status(asyncId)).counts.running === 1, { what: 'the first job to run' });
    const { rowCount } = await pool.query(
      'delete from batchwright.chunk where batch_id = $1 and number = $2',
      [batchId, number],
    );
    assert.equal(rowCount, 1);
    await pool.query(`insert into test.gate values ('lost chunk')`);
    const ended = await waitFor(
      async () => {
        if ((await liveMessages(batchId)) === 0) await sweepNow();
        const now = await status(asyncId);
        return now.state === 'completed' && now;
      },
      { what: 'the end' },
    );
    assert.equal(ended.counts.waiting, 0);
    const { rows } = await pool.query<{ status: string; response: string }>(
      'select status, response::text from batchwright.result where batch_id = $1 order by index',
      [batchId],
    );
    assert.deepEqual(
      rows.map((row) => row.status),
      statuses,
    );
    for (const { response } of rows.filter((row) => row.status === 'failed'))
      assert.deepEqual(JSON.parse(response), { errorCode: 500, message: 'the result was lost' });
    assert.equal(new Set((await receiver.received(1)).map(({ id }) => id)).size, 1);
  });

test('two concurrent sweeps send one message', async () => {
  const { asyncId, batchId } = await midRun('two sweeps');
  await deleteMessages('jobs.default', batchId);
  await Promise.all([sweepNow(), sweepNow(), sweepNow()]);
  assert.equal(await liveMessages(batchId), 1);
  await openGate(system, 'two sweeps');
  await endsWell(asyncId);
});

test('a batch that expired days ago is deleted with all its data, and no other', async () => {
  const receiver = await startReceiver({ after });
  const kept = await system.run(echoJobs(1));
  const asyncId = await system.run([...echoJobs(2), workJob('attempt', { fatal: true, failures: 1 })], {
    callbackUrl: receiver.url,
  });
  const batchId = toBatchId(asyncId);
  await system.ended(kept);
  await system.ended(asyncId);
  await waitFor(async () => (await rowsOf(batchId)).delivery === 1, { what: 'the delivery' });
  await pool.query('insert into batchwright.job_progress (batch_id, index) values ($1, 0)', [batchId]);
  await retain({ pool, log: silentPluginLog });
  assert.deepEqual(await rowsOf(batchId), { batch: 1, chunk: 1, result: 3, job_progress: 1, delivery: 1 });
  await pool.query(`update batchwright.batch set expires_at = now() - interval '3 days' where id = $1`, [
    batchId,
  ]);
  await retain({ pool, log: silentPluginLog });
  assert.deepEqual(await rowsOf(batchId), { batch: 0, chunk: 0, result: 0, job_progress: 0, delivery: 0 });
  assert.equal((await system.rpc('results', { async: asyncId })).status, 404);
  assert.equal((await system.results(kept)).length, 1);
});

test('a batch that expires while it runs is deleted after its end', async () => {
  const { asyncId, batchId } = await midRun('expires');
  await pool.query(`update batchwright.batch set expires_at = now() - interval '3 days' where id = $1`, [
    batchId,
  ]);
  await retain({ pool, log: silentPluginLog });
  assert.equal((await rowsOf(batchId)).batch, 1);
  await openGate(system, 'expires');
  await waitFor(async () => (await rowsOf(batchId)).result === 5, { what: 'its results' });
  await retain({ pool, log: silentPluginLog });
  assert.equal((await rowsOf(batchId)).batch, 0);
  assert.equal((await entriesOf(system, asyncId)).length, 2);
});

async function rowsOf(batchId: string): Promise<Record<string, number>> {
  const count = (table: string, column = 'batch_id') =>
    `(select count(*)::int from batchwright.${table} where ${column} = $1) as ${table}`;
  const { rows } = await pool.query(
    `select ${count('batch', 'id')}, ${count('chunk')}, ${count('result')}, ${count('job_progress')}, ${count('delivery')}`,
    [batchId],
  );
  return rows[0];
}

test('a settle of an expired and deleted batch records nothing', async () => {
  const asyncId = await system.run([workJob('attempt', { gate: 'gone' })]);
  await waitFor(async () => (await status(asyncId)).counts.running === 1, { what: 'its job to run' });
  const batchId = toBatchId(asyncId);
  await pool.query(`delete from batchwright.batch where id = $1`, [batchId]);
  await openGate(system, 'gone');
  await waitFor(async () => (await liveMessages(batchId)) === 0, { what: 'its message to be done' });
  assert.equal((await rowsOf(batchId)).result, 0);
});
