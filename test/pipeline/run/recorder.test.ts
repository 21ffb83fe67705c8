/** A recorder whose settles must wait, because another session has locked the batch's row. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PoolClient } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import { failure, type RecordableOutcome, type RetryOutcome } from '../../../src/domain/outcome.ts';
import { type InHand, Recorder, type RecorderDeps } from '../../../src/pipeline/run/recorder.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import { SmallChunks } from '../../../src/pipeline/settle/small-chunks.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import type { RegisteredAction } from '../../../src/registry/registry.ts';
import { wayThatIsCut } from '../../support/cut-commit.ts';
import { settled } from '../../support/settled.ts';
import { silentLog } from '../../support/silent-log.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming, takeOver } from '../claims.ts';
import { echoJobs } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const claims = await startClaiming({ after }, system);

/** Stores a batch and claims its message. */
async function claimed(jobs: object[]) {
  const asyncId = await system.run(jobs);
  const batchId = toBatchId(asyncId);
  const claim = (await claims.take()).find(({ message }) => message.batch === batchId);
  assert.ok(claim);
  return { asyncId, batchId, claim };
}

/** Locks the batch's row while `work` runs, or until `work` releases it. */
async function holdingBatch(batchId: string, work: (letGo: () => Promise<void>) => Promise<void>) {
  const holder: PoolClient = await system.pool.connect();
  const letGo = async () => {
    await holder.query('rollback');
  };
  try {
    await holder.query('begin');
    await holder.query('select from batchwright.batch where id = $1 for update', [batchId]);
    await work(letGo);
  } finally {
    await letGo();
    holder.release();
  }
}

/** The session that waits for a lock, when there is one. */
function waitingSession(): Promise<number> {
  const sessions = `select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  return waitFor(async () => (await system.pool.query<{ pid: number }>(sessions)).rows[0]?.pid, {
    what: 'a settle to wait for the row',
  });
}

function success(index: number): RecordableOutcome {
  const now = Date.now();
  return { index, status: 'succeeded', response: '{}', attempts: 1, startedAt: now, finishedAt: now };
}

/** Jobs of one action with these indexes. */
function jobsOf(indexes: readonly number[]) {
  return indexes.map((index) => ({ index, entry: { name: 'test.echo' } }));
}

/** The recorder of a message in hand with these jobs. */
function recorderOf(deps: RecorderDeps, claim: InHand['claim'], indexes: readonly number[]): Recorder {
  return new Recorder(deps, { queueName: 'default', claim, jobs: jobsOf(indexes), askedAt: 0, clock: 0 });
}

test('a message is completed after its current settle, even if that must be repeated', async (t) => {
  const { asyncId, batchId, claim } = await claimed(echoJobs(2));
  // One connection: a last settle that does not wait would get it before the other one is repeated.
  const pool = createPool({ url: system.databaseUrl, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  const deps = { ...claims.deps, pool, smallChunks: new SmallChunks({ pool, queue: claims.deps.queue }) };
  const recorder = recorderOf(deps, claim, [0, 1]);
  await holdingBatch(batchId, async (letGo) => {
    await recorder.add(success(0));
    const flushed = recorder.flush();
    const pid = await waitingSession();
    await recorder.add(success(1));
    const closed = recorder.close([]);
    await system.pool.query('select pg_terminate_backend($1)', [pid]);
    await letGo();
    await Promise.all([flushed, closed]);
  });
  assert.equal(recorder.halted, null, 'the message was not lost');
  const { state, counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([state, counts.succeeded], ['completed', 2]);
});

test('no further job is started while the unsettled bytes reach their limit', async () => {
  const count = 100;
  const { asyncId, batchId, claim } = await claimed(echoJobs(count));
  const { registry } = claims.deps;
  const echo = registry.get('test', 'echo');
  assert.ok(echo);
  let started = 0;
  const large = {
    summary: 'of the test',
    run() {
      started++;
      return 'x'.repeat(1024 * 1024 - 2);
    },
  };
  const entry: RegisteredAction = { ...echo, action: large };
  const deps = { ...claims.deps, registry: { ...registry, get: () => entry } };
  await holdingBatch(batchId, async (letGo) => {
    const running = runChunk(deps, 'default', claim);
    await waitingSession();
    await settled(async () => started, { forMs: 500, what: 'the number of jobs that were started' });
    // 4 MiB are being settled, and another 4 MiB wait for it; each slot may have one more response.
    assert.ok(started >= 5 && started <= 10 + echo.concurrency, `${started} jobs were started`);
    await letGo();
    assert.equal(await running, 'settled');
  });
  const { state, counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([state, counts.succeeded], ['completed', count]);
});

/** The batch's messages that wait or are claimed, each with its jobs. */
async function messagesOf(batchId: string) {
  const { rows } = await system.pool.query<{ state: string; indexes: string; attempt: string }>(
    `select state, data->'indexes' as indexes, data->'attempt' as attempt
     from pgboss.job where group_id = $1 and state <= 'active' order by state, indexes`,
    [batchId],
  );
  return rows.map(({ state, indexes, attempt }) => [state, JSON.parse(indexes), JSON.parse(attempt)]);
}

function retryOf(index: number): RetryOutcome {
  const failed = failure(index, { errorCode: 500, message: 'not yet' }, 1, Date.now());
  return { index, status: 'retry', delaySeconds: 60, failed };
}

test('jobs handed back one after the other before a settle all return to the queue', async () => {
  const { batchId, claim } = await claimed(echoJobs(3));
  const recorder = recorderOf(claims.deps, claim, [0, 1, 2]);
  void recorder.handBack([{ action: 'test.echo', indexes: [0] }]);
  void recorder.handBack([{ action: 'test.echo', indexes: [1] }]);
  await recorder.add(success(2));
  await recorder.close([]);
  const indexes = (await messagesOf(batchId)).flatMap(([, of]) => of);
  assert.deepEqual(indexes.toSorted(), [0, 1]);
});

test('retries leave with a settle, and the message keeps the jobs that are neither settled nor gone', async () => {
  const { batchId, claim } = await claimed(echoJobs(5));
  const indexes = [0, 1, 2, 3, 4];
  const recorder = new Recorder(claims.deps, {
    queueName: 'default',
    claim,
    jobs: jobsOf(indexes),
    askedAt: 0,
    clock: 0,
  });
  await recorder.add(success(1));
  await recorder.add(retryOf(2));
  await recorder.flush();
  assert.deepEqual(await messagesOf(batchId), [
    ['created', [2], 2],
    ['active', [0, 3, 4], 1],
  ]);
  await recorder.add(retryOf(4));
  await recorder.add(retryOf(3));
  await recorder.flush();
  assert.deepEqual(await messagesOf(batchId), [
    ['created', [2], 2],
    ['created', [3, 4], 2],
    ['active', [0], 1],
  ]);
  await recorder.add(success(0));
  await recorder.close([]);
  assert.deepEqual(await messagesOf(batchId), [
    ['created', [2], 2],
    ['created', [3, 4], 2],
  ]);
});

test('retries leave at the timer, without a result beside them', async () => {
  const { batchId, claim } = await claimed(echoJobs(2));
  const recorder = recorderOf(claims.deps, claim, [0, 1]);
  await recorder.add(retryOf(0));
  await waitFor(async () => (await messagesOf(batchId)).length === 2, { what: 'the retry to leave' });
  await recorder.add(success(1));
  await recorder.close([]);
});

test('a lane that has lost its message sends no retry', async () => {
  const { batchId, claim } = await claimed(echoJobs(2));
  const recorder = recorderOf(claims.deps, claim, [0, 1]);
  await recorder.add(retryOf(0));
  await takeOver(system, claim);
  await recorder.flush();
  assert.equal(recorder.halted, 'lost');
  await recorder.close([]);
  assert.deepEqual(await messagesOf(batchId), [['active', null, 1]]);
});

test('retries whose commit was not confirmed leave once', async (t) => {
  const { batchId, claim } = await claimed(echoJobs(2));
  const way = await wayThatIsCut(t, system.databaseUrl, 'after');
  const pool = createPool({ url: way.url, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  const deps = { ...claims.deps, pool, smallChunks: new SmallChunks({ pool, queue: claims.deps.queue }) };
  const recorder = recorderOf(deps, claim, [0, 1]);
  await pool.query('select 1');
  way.armed = true;
  await recorder.add(retryOf(0));
  await recorder.flush();
  assert.equal(way.armed, false, 'a commit was cut');
  assert.equal(recorder.halted, null);
  assert.deepEqual(await messagesOf(batchId), [
    ['created', [0], 2],
    ['active', [1], 1],
  ]);
  await recorder.add(success(1));
  await recorder.close([]);
});

test('retries of a batch that was cancelled meanwhile stay, and end with the outcome of their run', async () => {
  const { asyncId, batchId, claim } = await claimed(echoJobs(3));
  const recorder = recorderOf(claims.deps, claim, [0, 1, 2]);
  await recorder.add(retryOf(0));
  await system.rpc('cancel', { async: asyncId });
  await recorder.flush();
  assert.equal(recorder.halted, 'cancelled');
  await recorder.add(success(1));
  await recorder.close([{ action: 'test.echo', indexes: [2] }]);
  assert.deepEqual(await messagesOf(batchId), []);
  assert.deepEqual(
    (await system.results(asyncId)).map(({ status, attempts }) => `${status} ${attempts}`),
    ['failed 1', 'succeeded 1', 'cancelled 0'],
  );
});

test('results and retries of one settle block no other settle of the batch', async () => {
  const { asyncId, batchId, claim } = await claimed(echoJobs(3));
  const recorder = recorderOf(claims.deps, claim, [0, 1, 2]);
  const other = await system.pool.connect();
  try {
    // The other settle holds off a cancel, and then changes the row that both have locked.
    await other.query(`begin; set local deadlock_timeout = '10ms'`);
    await other.query('select from batchwright.batch where id = $1 for share', [batchId]);
    await recorder.add(success(0));
    await recorder.add(retryOf(1));
    const flushed = recorder.flush();
    await waitingSession();
    await other.query(`update batchwright.batch set state = 'running' where id = $1`, [batchId]);
    await other.query('commit');
    await flushed;
  } finally {
    other.release(true);
  }
  const { counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([counts.succeeded, counts.pending], [1, 2]);
  assert.deepEqual(await messagesOf(batchId), [
    ['created', [1], 2],
    ['active', [2], 1],
  ]);
  await recorder.add(success(2));
  await recorder.close([]);
});
