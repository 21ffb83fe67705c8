/** Messages that are loaded and settled together: an error of one does not affect the others. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { RecordableOutcome } from '../../../src/domain/outcome.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import type { ChunkMessage } from '../../../src/queue/messages.ts';
import type { Claim } from '../../../src/queue/queue.ts';
import { startSystem } from '../../support/system.ts';
import { startClaiming, takeOver } from '../claims.ts';
import { echoJobs, workJob } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const { deps, take } = await startClaiming({ after }, system);

/** Stores batches of two jobs and claims their messages, in the order of the batches. */
async function claimed(count: number, more: object = {}): Promise<Claim<ChunkMessage>[]> {
  const asyncIds: string[] = [];
  for (let n = 0; n < count; n++) asyncIds.push(await system.run(echoJobs(2), more));
  const claims = await take();
  return asyncIds.map((asyncId) => {
    const claim = claims.find(({ message }) => message.batch === toBatchId(asyncId));
    assert.ok(claim);
    return claim;
  });
}

function success(index: number, response = '{}'): RecordableOutcome {
  const now = Date.now();
  return { index, status: 'succeeded', response, attempts: 1, startedAt: now, finishedAt: now };
}

/** The result of settling each message when all settle at once; null for those that must be settled alone. */
function settleTogether(claims: readonly Claim<ChunkMessage>[], response = '{}') {
  return Promise.all(
    claims.map((claim) => {
      const outcomes = [success(0, response), success(1)];
      return deps.smallChunks.settle({ queueName: 'default', claim, outcomes, isLast: true });
    }),
  );
}

async function batches(claims: readonly Claim<ChunkMessage>[]) {
  const { rows } = await pool.query(
    `select state, succeeded, batch.xmin::text as written,
       (select count(*) from batchwright.result where batch_id = batch.id) as results,
       (select count(*) from pgboss.job where name = 'callbacks' and data->>'batch' = batch.id::text) as callbacks
     from unnest($1::uuid[]) with ordinality as wanted (id, position) join batchwright.batch using (id)
     order by position`,
    [claims.map(({ message }) => message.batch)],
  );
  return rows;
}

/** Checks that all jobs ran and have one result each. */
async function assertEnded(claims: readonly Claim<ChunkMessage>[]): Promise<void> {
  for (const { state, succeeded, results } of await batches(claims))
    assert.deepEqual({ state, succeeded, results }, { state: 'completed', succeeded: 2, results: 2 });
}

describe('messages of small chunks', () => {
  test('messages that end together are settled in one transaction, each with its callback', async () => {
    const claims = await claimed(5, { callbackUrl: 'http://127.0.0.1:9/' });
    const settled = await settleTogether(claims);
    for (const [at, result] of settled.entries()) {
      assert.ok(result?.state === 'recorded' && result.ended, `message ${at}`);
      assert.deepEqual([result.ended.total, result.ended.succeeded], [2, 2]);
    }
    await assertEnded(claims);
    const rows = await batches(claims);
    assert.equal(new Set(rows.map(({ written }) => written)).size, 1);
    assert.deepEqual(
      rows.map(({ callbacks }) => callbacks),
      [1, 1, 1, 1, 1],
    );
  });

  for (const [what, spoil] of [
    ['was taken over by another lane', (claim: Claim<ChunkMessage>) => takeOver(system, claim)],
    [
      'is of a batch that was restarted',
      ({ message }: Claim<ChunkMessage>) =>
        pool.query('update batchwright.batch set generation = 2 where id = $1', [message.batch]),
    ],
    [
      'is of a batch that was deleted',
      ({ message }: Claim<ChunkMessage>) =>
        pool.query('delete from batchwright.batch where id = $1', [message.batch]),
    ],
    [
      'has a result that was recorded before',
      ({ message }: Claim<ChunkMessage>) =>
        pool.query(
          `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
           values ($1, 1, 'succeeded', '1', 1, now(), now())`,
          [message.batch],
        ),
    ],
  ] as const)
    test(`when one message of a group ${what}, each lane settles its own`, async () => {
      const claims = await claimed(4);
      const [spoilt, ...others] = claims;
      assert.ok(spoilt);
      await spoil(spoilt);
      assert.deepEqual(await settleTogether(claims), [null, null, null, null]);
      assert.ok((await batches(others)).every(({ results }) => results === 0));
      await Promise.all(others.map((claim) => runChunk(deps, 'default', claim)));
      await assertEnded(others);
    });

  test('a group with a response that Postgres refuses is settled by each lane alone', async () => {
    const claims = await claimed(3);
    const [refused, ...others] = claims;
    assert.ok(refused);
    const broken = deps.smallChunks.settle({
      queueName: 'default',
      claim: refused,
      outcomes: [success(0, '{"a":'), success(1)],
      isLast: true,
    });
    assert.deepEqual(await Promise.all([broken, settleTogether(others)]), [null, [null, null]]);
    await Promise.all(claims.map((claim) => runChunk(deps, 'default', claim)));
    await assertEnded(claims);
  });

  test('a group with a message that waits for its batch is settled by each lane alone, and the other lanes do not wait', async () => {
    const claims = await claimed(3);
    const [locked, ...others] = claims;
    assert.ok(locked);
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('select from batchwright.batch where id = $1 for update', [locked.message.batch]);
      const waiting = runChunk(deps, 'default', locked);
      await Promise.all(others.map((claim) => runChunk(deps, 'default', claim)));
      await assertEnded(others);
      await client.query('rollback');
      await waiting;
    } finally {
      client.release();
    }
    await assertEnded(claims);
  });

  test('messages of one batch are settled one after another', async () => {
    const asyncId = await system.run([...echoJobs(1), workJob('lane')]);
    const claims = await take();
    const ofBatch = claims.filter(({ message }) => message.batch === toBatchId(asyncId));
    const [claim] = ofBatch;
    assert.ok(claim);
    const settle = (of: Claim<ChunkMessage>, index: number) =>
      deps.smallChunks.settle({ queueName: 'default', claim: of, outcomes: [success(index)], isLast: true });
    const { rows } = await pool.query<{ id: string }>(
      `insert into pgboss.job (name, data, state, retry_count)
       values ('jobs.default', $1, 'active', 0) returning id`,
      [JSON.stringify(claim.message)],
    );
    const other = { ...claim, id: rows[0]?.id ?? '', retryCount: 0 };
    const results = await Promise.all([settle(claim, 0), settle(other, 1)]);
    assert.deepEqual(
      results.map((result) => result?.state ?? null),
      [null, 'recorded'],
    );
  });

  test('messages of small chunks run concurrently to their ends, apart from cancelled ones', async () => {
    const claims = await claimed(6);
    const [first] = claims;
    await pool.query('update batchwright.batch set cancel_requested = true where id = $1', [
      first?.message.batch,
    ]);
    await Promise.all(claims.map((claim) => runChunk(deps, 'default', claim)));
    const [cancelled, ...others] = await batches(claims);
    assert.equal(cancelled?.state, 'cancelled');
    assert.ok(others.every(({ state, results }) => state === 'completed' && results === 2));
  });
});
