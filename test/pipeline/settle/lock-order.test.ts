/**
 * Every settle locks the message's row, then the batch's: concurrent settles wait, and none causes a
 * deadlock.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { RecordableOutcome } from '../../../src/domain/outcome.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import { releaseMessage, settleClaim } from '../../../src/pipeline/settle/settle.ts';
import type { ChunkMessage } from '../../../src/queue/messages.ts';
import type { Claim } from '../../../src/queue/queue.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { inTransaction, isBatchFreeMeanwhile, lockBatch, lockMessage, look } from '../locks.ts';
import { echoJobs, workJob } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const { deps, take } = await startClaiming({ after }, system);

/** Stores a batch and claims its message. */
async function claimed(jobs = echoJobs(2)): Promise<Claim<ChunkMessage>> {
  const batch = toBatchId(await system.run(jobs));
  const claim = (await take()).find(({ message }) => message.batch === batch);
  assert.ok(claim);
  return claim;
}

function success(index: number): RecordableOutcome {
  const now = Date.now();
  return { index, status: 'succeeded', response: '{}', attempts: 1, startedAt: now, finishedAt: now };
}

const both = [success(0), success(1)];

function settleAlone(claim: Claim<ChunkMessage>, more: object = {}) {
  return settleClaim(deps, { queueName: 'default', claim, outcomes: both, isLast: true, ...more });
}

/** How many sessions of this database wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0].count;
}

/** How many deadlocks this database has ended. */
async function deadlocks(): Promise<number> {
  const { rows } = await pool.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  return rows[0].deadlocks;
}

/**
 * Functions that lock both rows, by name; each is repeated while it fails because a lock was not granted in
 * time.
 */
const SETTLES: Record<string, (claim: Claim<ChunkMessage>) => Promise<unknown>> = {
  'a settle on its way': (claim) => settleAlone(claim, { isLast: false }),
  'the last settle': (claim) => settleAlone(claim),
  'a settle that sends a message, too': (claim) =>
    settleAlone(claim, { next: [{ message: { ...claim.message, attempt: 2 }, delaySeconds: 1 }] }),
  'the settle of a group': (claim) =>
    deps.smallChunks.settle({ queueName: 'default', claim, outcomes: both, isLast: true }),
  'a message that goes back': (claim) => releaseMessage(deps, claim),
};

describe('a settle that waits for the message leaves the batch to others', () => {
  for (const [what, settle] of Object.entries(SETTLES))
    test(what, async () => {
      const claim = await claimed();
      let settling: Promise<unknown> | undefined;
      const isFree = await isBatchFreeMeanwhile(pool, claim, () => {
        settling ??= settle(claim).finally(() => {
          settling = undefined;
        });
      });
      assert.equal(isFree, true);
      await settling;
    });

  test('a transactional job', async () => {
    const claim = await claimed([workJob('post', { name: 'order' })]);
    let running: Promise<unknown> | undefined;
    const isFree = await isBatchFreeMeanwhile(pool, claim, () => {
      running ??= runChunk(deps, 'default', claim);
    });
    assert.equal(isFree, true);
    assert.equal(await running, 'settled');
  });
});

test('settles of one batch that record results and send messages wait for each other, and none is ended', async () => {
  const batch = toBatchId(await system.run(echoJobs(2000)));
  const claims = (await take()).filter(({ message }) => message.batch === batch);
  assert.equal(claims.length, 2, 'the batch has two chunks');
  const before = await deadlocks();
  let settling: Promise<unknown> = Promise.resolve();
  await inTransaction(pool, async (client) => {
    // A shared lock: whoever only looks at the batch passes, whoever records waits.
    await client.query('select from batchwright.batch where id = $1 for share', [batch]);
    settling = Promise.all(
      claims.map((claim, at) =>
        settleAlone(claim, {
          outcomes: [success(at)],
          next: [{ message: { ...claim.message, attempt: 2, indexes: [at + 2] }, delaySeconds: 1 }],
        }),
      ),
    );
    await waitFor(async () => (await waiting()) === 2, { what: 'both settles to wait for the batch' });
  });
  await settling;
  assert.equal((await deadlocks()) - before, 0);
});

test('a settle that Postgres ends because of a deadlock is repeated', async () => {
  // The other session waits longer before it checks for a deadlock, so usually the settle is ended.
  const isEnded = async (): Promise<boolean> => {
    const claim = await claimed();
    let settling: Promise<unknown> | undefined;
    const hasLock = await inTransaction(pool, async (client) => {
      await client.query(`set local deadlock_timeout = '4s'`);
      await lockBatch(client, claim);
      settling = settleAlone(claim);
      await waitFor(async () => (await look(pool, claim)).isWaiting, {
        what: 'the settle to wait for the batch',
      });
      return lockMessage(client, claim).then(
        () => true,
        () => false,
      );
    });
    const settled = (await settling) as Awaited<ReturnType<typeof settleClaim>>;
    assert.ok(settled.state === 'recorded' && settled.ended);
    assert.equal(settled.ended.succeeded, 2);
    return hasLock;
  };
  // On a machine that hangs for a second, the other one may be ended.
  await waitFor(isEnded, { what: 'a deadlock that ends the settle' });
});
