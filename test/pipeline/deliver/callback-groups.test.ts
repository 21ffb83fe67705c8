/** Callbacks that are recorded together, with the same effect as each alone. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { PoolClient } from 'pg';
import { PgBoss } from 'pg-boss';
import { toBatchId } from '../../../src/domain/batch.ts';
import { CallbackGroups } from '../../../src/pipeline/deliver/callback-groups.ts';
import { recordAttempt } from '../../../src/pipeline/deliver/record-attempt.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { CALLBACK_QUEUE, type CallbackMessage, type Claim } from '../../../src/queue/messages.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { countDelivered } from '../../../src/store/deliveries.ts';
import { wayThatIsCut } from '../../support/cut-commit.ts';
import { silentLog } from '../../support/silent-log.ts';
import { startSystem } from '../../support/system.ts';
import { isBatchFreeMeanwhile } from '../locks.ts';
import { endedBatch } from './deliver-support.ts';

const system = await startSystem({ after }, { worker: false });
const { pool, databaseUrl: url } = system;
const queue = await startQueue({ url, queues: [], applicationName: 'test', max: 4, log: silentLog });
const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
boss.on('error', () => {}); // its connections are cut when the database stops
await boss.start();
after(() => Promise.all([queue.stop(), boss.stop({ graceful: false })]));

const { signal: stopping } = new AbortController();
const ATTEMPT = { status: 200, error: null, retryAfterSeconds: null, durationMs: 5 };

/** Ended batches, and the claims of their callbacks in the same order. */
async function claimed(count: number): Promise<Claim<CallbackMessage>[]> {
  const asyncIds: string[] = [];
  for (let n = 0; n < count; n++) asyncIds.push(await endedBatch(system, 'http://127.0.0.1:9/'));
  const taken = await boss.fetch<CallbackMessage>(CALLBACK_QUEUE, { batchSize: 100 });
  return asyncIds.map((asyncId) => {
    const job = taken.find(({ data }) => data.batch === toBatchId(asyncId));
    assert.ok(job);
    return { id: job.id, queue: CALLBACK_QUEUE, retryCount: job.retryCount, message: job.data };
  });
}

async function recorded({ message, id }: Claim<CallbackMessage>) {
  const { rows } = await pool.query(
    `select callback_state as callback, callback_attempts as attempts, batch.xmin::text as written,
       array(select number from batchwright.delivery where batch_id = batch.id order by number) as log,
       (select state::text from pgboss.job where id = $2) as message
     from batchwright.batch where id = $1`,
    [message.batch, id],
  );
  return rows[0];
}

describe('groups of delivered callbacks', () => {
  test('the batches of a group are looked up together, even if one is deleted', async () => {
    const groups = new CallbackGroups({ pool, queue });
    const claims = await claimed(3);
    const [gone] = claims;
    await pool.query('delete from batchwright.batch where id = $1', [gone?.message.batch]);
    const batches = await Promise.all(claims.map(({ message }) => groups.batch(message.batch)));
    assert.deepEqual(
      batches.map((batch) => batch?.id ?? null),
      [null, ...claims.slice(1).map(({ message }) => message.batch)],
    );
  });

  test('a group is recorded in one transaction, each with its attempt and the end of its message', async () => {
    const groups = new CallbackGroups({ pool, queue });
    const claims = await claimed(4);
    await Promise.all(claims.map((claim) => groups.delivered(claim, ATTEMPT, stopping)));
    const rows = await Promise.all(claims.map(recorded));
    assert.equal(new Set(rows.map(({ written }) => written)).size, 1);
    for (const { written, ...row } of rows)
      assert.deepEqual(row, { callback: 'delivered', attempts: 1, log: [1], message: 'completed' });
  });

  test('a group ignores a batch that was restarted meanwhile and counts the others', async () => {
    const groups = new CallbackGroups({ pool, queue });
    const claims = await claimed(3);
    const [restarted, ...others] = claims;
    assert.ok(restarted);
    await pool.query(`update batchwright.batch set generation = 2, callback_state = null where id = $1`, [
      restarted.message.batch,
    ]);
    await Promise.all(claims.map((claim) => groups.delivered(claim, ATTEMPT, stopping)));
    assert.deepEqual((await recorded(restarted)).callback, null);
    for (const claim of others) assert.equal((await recorded(claim)).callback, 'delivered');
  });

  test('a group does not wait for a locked batch, which holds no connection while it waits', async (t) => {
    const single = createPool({ url, max: 1, applicationName: 'test callbacks', log: silentLog });
    t.after(() => single.end());
    const groups = new CallbackGroups({ pool: single, queue });
    const claims = await claimed(5);
    const others = claims.slice(4);
    const locked = claims.slice(0, 4);
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('select from batchwright.batch where id = any($1) for update', [
        locked.map(({ message }) => message.batch),
      ]);
      const waiting = Promise.all(locked.map((claim) => groups.delivered(claim, ATTEMPT, stopping)));
      await Promise.all(others.map((claim) => groups.delivered(claim, ATTEMPT, stopping)));
      for (const claim of others) assert.equal((await recorded(claim)).callback, 'delivered');
      for (const claim of locked) assert.equal((await recorded(claim)).callback, 'pending');
      await client.query('rollback');
      await waiting;
    } finally {
      client.release();
    }
    for (const claim of locked) {
      const { callback, attempts, log } = await recorded(claim);
      assert.deepEqual({ callback, attempts, log }, { callback: 'delivered', attempts: 1, log: [1] });
    }
  });

  test('a group whose commit was not confirmed is not recorded twice', async () => {
    const [claim] = await claimed(1);
    assert.ok(claim);
    const deps = { pool, queue, stopping };
    const record = async (client: PoolClient) => void (await countDelivered(client, [claim.message]));
    await recordAttempt(deps, claim, record);
    await recordAttempt(deps, claim, record, new Error('Connection terminated unexpectedly'));
    assert.equal((await recorded(claim)).attempts, 1);
    await recordAttempt(deps, claim, record);
    assert.equal((await recorded(claim)).attempts, 2, 'another lane makes an attempt of its own');
  });

  test('an attempt is not recorded again when the answer to its commit is lost', async (t) => {
    const way = await wayThatIsCut(t, url, 'after');
    const cutPool = createPool({ url: way.url, max: 1, applicationName: 'test callbacks', log: silentLog });
    t.after(() => cutPool.end());
    const [claim] = await claimed(1);
    assert.ok(claim);
    let tries = 0;
    way.armed = true;
    const answer = await recordAttempt({ pool: cutPool, queue, stopping }, claim, async (client) => {
      tries++;
      await countDelivered(client, [claim.message]);
      return 'recorded';
    });
    assert.deepEqual([answer, tries, way.armed], [undefined, 1, false]);
    assert.equal((await recorded(claim)).attempts, 1);
  });

  test('two deliveries of one batch in a group are logged as two attempts', async () => {
    const groups = new CallbackGroups({ pool, queue });
    const [claim] = await claimed(1);
    assert.ok(claim);
    await Promise.all([
      groups.delivered(claim, ATTEMPT, stopping),
      groups.delivered({ ...claim, retryCount: 7 }, ATTEMPT, stopping),
    ]);
    const { callback, attempts, log } = await recorded(claim);
    assert.deepEqual({ callback, attempts, log }, { callback: 'delivered', attempts: 2, log: [1, 2] });
    const { rows } = await pool.query(
      'select count(distinct xmin::text) as transactions from batchwright.delivery where batch_id = $1',
      [claim.message.batch],
    );
    assert.equal(rows[0].transactions, 1, 'they share a transaction');
  });
});

describe('a callback that is recorded while its message is locked leaves the batch to others', () => {
  test('the record of a group', async () => {
    const groups = new CallbackGroups({ pool, queue });
    const [claim] = await claimed(1);
    assert.ok(claim);
    let recording: Promise<void> | undefined;
    const isFree = await isBatchFreeMeanwhile(pool, claim, () => {
      recording ??= groups.delivered(claim, ATTEMPT, stopping);
    });
    assert.equal(isFree, true);
    await recording;
    assert.equal((await recorded(claim)).attempts, 1);
  });

  test('the record of one attempt', async () => {
    const [claim] = await claimed(1);
    assert.ok(claim);
    let recording: Promise<void> | undefined;
    const isFree = await isBatchFreeMeanwhile(pool, claim, () => {
      recording ??= recordAttempt({ pool, queue, stopping }, claim, (client) =>
        countDelivered(client, [claim.message]),
      );
    });
    assert.equal(isFree, true);
    await recording;
    assert.equal((await recorded(claim)).attempts, 1);
  });
});
