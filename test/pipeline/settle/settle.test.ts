import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { failure, type RecordableOutcome } from '../../../src/domain/outcome.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import { settleClaim } from '../../../src/pipeline/settle/settle.ts';
import type { ChunkMessage } from '../../../src/queue/messages.ts';
import type { Claim } from '../../../src/queue/queue.ts';
import { startSystem } from '../../support/system.ts';
import { startClaiming, takeOver } from '../claims.ts';
import { echoJobs, entriesOf, workJob } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const claims = await startClaiming({ after }, system);

/** Stores a batch and claims its messages. */
async function claimed(jobs: object[], more: { callbackUrl?: string } = {}) {
  const asyncId = await system.run(jobs, more);
  const [first, ...others] = await claims.take();
  assert.ok(first);
  return { asyncId, batchId: toBatchId(asyncId), first, others };
}

function success(index: number, response = '{}'): RecordableOutcome {
  const now = Date.now();
  return { index, status: 'succeeded', response, attempts: 1, startedAt: now, finishedAt: now };
}

function broken(index: number): RecordableOutcome {
  return failure(index, { errorCode: 500, message: 'broken' }, 1, null);
}

/** A settle of a message: the last, or an earlier one. */
function settle(claim: Claim<ChunkMessage>, outcomes: RecordableOutcome[], { last = true } = {}) {
  return settleClaim(claims.deps, { queueName: 'default', claim, outcomes, isLast: last });
}

const ON_ITS_WAY = { last: false };

async function batch(asyncId: string) {
  return (await system.rpc('progress', { async: asyncId })).body;
}

async function callbackMessages(batchId: string): Promise<number> {
  const { rows } = await system.pool.query(
    `select count(*) as messages from pgboss.job where name = 'callbacks' and data->>'batch' = $1`,
    [batchId],
  );
  return rows[0].messages;
}

/** Jobs of which each is a chunk by itself. */
function largeJobs(count: number): object[] {
  return Array.from({ length: count }, () => workJob('attempt', { message: 'x'.repeat(1024 * 1024) }));
}

test('a settle before the last records results and leaves the message with its lane', async () => {
  const { asyncId, first } = await claimed(echoJobs(2));
  const recorded = { state: 'recorded', inserted: 1, cancelRequested: false, isHeld: false };
  assert.deepEqual(await settle(first, [success(0)], ON_ITS_WAY), { ...recorded, ended: null });
  assert.equal((await batch(asyncId)).counts.succeeded, 1);
  const last = await settle(first, [success(1)]);
  assert.ok(last.state === 'recorded' && last.ended);
  assert.deepEqual([last.ended.state, last.ended.total, last.ended.succeeded], ['completed', 2, 2]);
  assert.equal((await batch(asyncId)).state, 'completed');
});

test('a settle reports a requested cancel', async () => {
  const { asyncId, first } = await claimed(echoJobs(2));
  await system.rpc('cancel', { async: asyncId });
  assert.deepEqual(await settle(first, [success(0)], ON_ITS_WAY), {
    state: 'recorded',
    inserted: 1,
    cancelRequested: true,
    isHeld: false,
    ended: null,
  });
});

test('a result is recorded once, even if another lane settles the same job', async () => {
  const { asyncId, first } = await claimed(echoJobs(3));
  await settle(first, [success(0, '"first"'), success(1)], ON_ITS_WAY);
  await settle(first, [broken(0), success(1)], ON_ITS_WAY);
  const { counts } = await batch(asyncId);
  assert.deepEqual(counts, {
    total: 3,
    pending: 1,
    waiting: 0,
    running: 0,
    succeeded: 2,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  await settle(first, [success(0), success(2)]);
  const [result] = await system.results(asyncId);
  assert.deepEqual(
    { response: result.response, status: result.status },
    { response: 'first', status: 'succeeded' },
  );
});

test('a lane that has lost its message records nothing', async () => {
  const { asyncId, first } = await claimed(echoJobs(2));
  await takeOver(system, first);
  assert.deepEqual(await settle(first, [success(0)], ON_ITS_WAY), { state: 'lost' });
  assert.deepEqual(await settle(first, [success(0), success(1)]), { state: 'lost' });
  assert.equal((await batch(asyncId)).counts.succeeded, 0);
});

test('transactional jobs whose message was lost meanwhile leave no effect', async () => {
  const jobs = Array.from({ length: 30 }, (_, n) => workJob('post', { name: `stale ${n}` }));
  const { asyncId, first } = await claimed([
    ...jobs,
    workJob('postMany', { name: 'a' }),
    workJob('postMany', { name: 'b' }),
  ]);
  await takeOver(system, first);
  await runChunk(claims.deps, 'default', first);
  assert.deepEqual(await entriesOf(system, asyncId), []);
  assert.equal((await batch(asyncId)).counts.pending, 32);
});

test('a message from before a restart records nothing and runs nothing', async () => {
  const { asyncId, batchId, first: stale, others } = await claimed([workJob('attempt'), ...largeJobs(1)]);
  // Another lane ends its jobs; this lane does not know it.
  await settle(others[0] ?? stale, [broken(0), broken(1)]);
  assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
  assert.deepEqual(await settle(stale, [success(0)], ON_ITS_WAY), { state: 'lost' });
  await runChunk(claims.deps, 'default', stale);
  assert.deepEqual(await entriesOf(system, asyncId), []);
  const { counts } = await batch(asyncId);
  assert.deepEqual(counts, {
    total: 2,
    pending: 2,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });

  // A message that another test has lost may arrive, too.
  const again = (await claims.take()).filter(({ message }) => message.batch === batchId);
  assert.deepEqual(
    again.map(({ message }) => message.generation),
    [2, 2],
  );
  for (const claim of again) await settle(claim, [success(claim.message.chunk)]);
  assert.equal((await batch(asyncId)).state, 'completed');
});

test('of lanes that race to end a batch one succeeds, and one callback is sent', async () => {
  for (let round = 0; round < 10; round++) {
    const { asyncId, batchId, first, others } = await claimed(largeJobs(4), {
      callbackUrl: 'http://127.0.0.1:9/',
    });
    await Promise.all([first, ...others].map((claim) => settle(claim, [success(claim.message.chunk)])));
    const { state, counts } = await batch(asyncId);
    assert.deepEqual({ state, succeeded: counts.succeeded }, { state: 'completed', succeeded: 4 });
    assert.equal(await callbackMessages(batchId), 1);
  }
});

test('a result that the database refuses becomes a failed one with the reason; the others are recorded', async () => {
  const { asyncId, first } = await claimed(echoJobs(3));
  await settle(first, [success(0), success(1, '{no json'), success(2)]);
  assert.equal((await batch(asyncId)).state, 'completed');
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['succeeded', 'failed', 'succeeded'],
  );
  assert.match(results[1].response.message, /^the response cannot be stored: /);
});
