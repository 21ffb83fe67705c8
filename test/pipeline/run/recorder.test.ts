/** A recorder whose settles must wait, because another session has locked the batch's row. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PoolClient } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { RecordableOutcome } from '../../../src/domain/outcome.ts';
import { Recorder } from '../../../src/pipeline/run/recorder.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import { SmallChunks } from '../../../src/pipeline/settle/small-chunks.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import type { RegisteredAction } from '../../../src/registry/registry.ts';
import { settled } from '../../support/settled.ts';
import { silentLog } from '../../support/silent-log.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
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

test('a message is completed after its current settle, even if that must be repeated', async (t) => {
  const { asyncId, batchId, claim } = await claimed(echoJobs(2));
  // One connection: a last settle that does not wait would get it before the other one is repeated.
  const pool = createPool({ url: system.databaseUrl, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  const deps = { ...claims.deps, pool, smallChunks: new SmallChunks({ pool, queue: claims.deps.queue }) };
  const recorder = new Recorder(deps, { queueName: 'default', claim, indexes: [0, 1], clock: 0 });
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

test('jobs handed back one after the other before a settle all return to the queue', async () => {
  const { batchId, claim } = await claimed(echoJobs(3));
  const recorder = new Recorder(claims.deps, { queueName: 'default', claim, indexes: [0, 1, 2], clock: 0 });
  recorder.handBack([{ action: 'test.echo', indexes: [0] }]);
  recorder.handBack([{ action: 'test.echo', indexes: [1] }]);
  await recorder.add(success(2));
  await recorder.close([]);
  const { rows } = await system.pool.query(
    `select data->'indexes' as indexes from pgboss.job where group_id = $1 and state < 'active'`,
    [batchId],
  );
  const indexes = rows.flatMap((row) => JSON.parse(row.indexes));
  assert.deepEqual(indexes.toSorted(), [0, 1]);
});
