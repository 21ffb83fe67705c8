/** The cost of a round of the sweep, and its limits: no worker takes the messages here. */
import assert from 'node:assert/strict';
import { after, afterEach, describe, test } from 'node:test';
import type { Pool, PoolClient } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { startSystem } from '../../support/system.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  deliveries,
  endedBatch,
  hastenCallback,
  queuedCallbacks,
  startDelivering,
} from '../deliver/deliver-support.ts';
import { echoJobs, workJob } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const { deps } = await startClaiming({ after }, system);

/** A round that checks batches of any age. */
function sweepNow(options: { pool?: Pool; pageSize?: number } = {}): Promise<void> {
  const { pool: own = pool, ...more } = options;
  return sweep({ ...deps, pool: own, queues: system.registry.queues }, { minAgeSeconds: 0, ...more });
}

async function messagesOf(asyncId: string): Promise<{ name: string; state: string }[]> {
  const { rows } = await pool.query(
    `select name, state::text from pgboss.job where data->>'batch' = $1 and state <= 'active' order by name, state`,
    [toBatchId(asyncId)],
  );
  return rows;
}

function deleteMessages(...asyncIds: string[]): Promise<unknown> {
  return pool.query(`delete from pgboss.job where data->>'batch' = any($1)`, [asyncIds.map(toBatchId)]);
}

/** The statements that are sent while `work` runs, over a pool that it gets. */
async function countStatements(work: (counting: Pool) => Promise<void>): Promise<number> {
  let count = 0;
  const counted = <Target extends Pool | PoolClient>(target: Target): Target =>
    Object.assign(Object.create(target), {
      query: (...query: unknown[]) => {
        count++;
        return Reflect.apply(target.query, target, query);
      },
    });
  // A pool's own `query` connects by itself: here it must not use this `connect`.
  const connect = async () => {
    const client = await pool.connect();
    return Object.assign(counted(client), { release: (error?: boolean) => client.release(error) });
  };
  await work(Object.assign(counted(pool), { connect }));
  return count;
}

async function runMany(count: number, callbackUrl?: string): Promise<string[]> {
  const run = () => (callbackUrl ? endedBatch(system, callbackUrl) : system.run(echoJobs(1)));
  const asyncIds: string[] = [];
  while (asyncIds.length < count) asyncIds.push(...(await Promise.all(Array.from({ length: 20 }, run))));
  return asyncIds.slice(0, count);
}

describe('a round of the sweep', () => {
  afterEach(() => pool.query('delete from batchwright.batch'));

  test('a round sends no more statements for hundreds of batches and callbacks that are in order', async () => {
    const few = await countStatements((counting) => sweepNow({ pool: counting }));
    await runMany(100);
    await runMany(100, 'http://127.0.0.1:9/');
    const many = await countStatements((counting) => sweepNow({ pool: counting }));
    assert.ok(few >= 4 && many <= few + 5, `${few} statements for none, ${many} for 200`);
  });

  test('a round checks batches and callbacks of every page', async () => {
    const queued = await runMany(20);
    const ended = await runMany(20, 'http://127.0.0.1:9/');
    await deleteMessages(...queued, ...ended);
    await sweepNow({ pageSize: 3 });
    for (const asyncId of [...queued, ...ended])
      assert.equal((await messagesOf(asyncId)).length, 1, 'one message again');
    await sweepNow({ pageSize: 3 });
    for (const asyncId of [...queued, ...ended]) assert.equal((await messagesOf(asyncId)).length, 1);
  });

  test('a round sends only the message of the chunk and queue that lacks it', async () => {
    const whole = await system.run([...echoJobs(1500), workJob('lane')]);
    const lacking = await system.run([...echoJobs(1500), workJob('lane')]);
    const before = await messagesOf(lacking);
    assert.deepEqual(before, await messagesOf(whole));
    for (const condition of [`name = 'jobs.work'`, `name = 'jobs.default' and data->>'chunk' = '1'`]) {
      await pool.query(`delete from pgboss.job where data->>'batch' = $1 and ${condition}`, [
        toBatchId(lacking),
      ]);
      assert.equal((await messagesOf(lacking)).length, before.length - 1);
      await sweepNow();
      assert.deepEqual(await messagesOf(lacking), before);
      assert.deepEqual(await messagesOf(whole), before);
    }
  });

  for (const state of ['created', 'active', 'retry'])
    test(`a round sends no message for a chunk whose message is ${state} in the quarantine`, async () => {
      const asyncId = await system.run(echoJobs(3));
      await pool.query(
        `update pgboss.job set name = 'quarantine.default', state = $2::pgboss.job_state where data->>'batch' = $1`,
        [toBatchId(asyncId), state],
      );
      await sweepNow();
      assert.deepEqual(await messagesOf(asyncId), [{ name: 'quarantine.default', state }]);
    });
});

describe('callbacks whose message is lost', () => {
  test('a callback whose message is lost continues its schedule to the end', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600, 3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    for (const attempt of [1, 2, 3]) {
      await attemptsLogged(system, asyncId, attempt);
      if (attempt === 3) break;
      await deleteMessages(asyncId);
      await sweepNow();
    }
    await callbackBecomes(system, asyncId, 'failed');
    await sweepNow();
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
    assert.equal(receiver.callbacks.length, 3);
    assert.equal(new Set(receiver.callbacks.map(({ id }) => id)).size, 1);
  });

  test('a callback whose message is lost continues the schedule of its last repost', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600, 3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await hastenCallback(system, asyncId);
    await attemptsLogged(system, asyncId, 2);
    await system.rpc('repost', { async: asyncId });
    await attemptsLogged(system, asyncId, 3);
    await deleteMessages(asyncId);
    await sweepNow();
    const log = await attemptsLogged(system, asyncId, 4);
    assert.deepEqual(
      log.map(({ trigger }) => trigger),
      ['completion', 'completion', 'repost', 'repost'],
    );
    assert.deepEqual(
      (await queuedCallbacks(system, asyncId)).map(({ attempt, trigger }) => ({ attempt, trigger })),
      [{ attempt: 3, trigger: 'repost' }],
    );
  });

  test('a lost callback message is sent although a superseded one still waits', async (t) => {
    const first = await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await first.stop();
    await system.rpc('repost', { async: asyncId });
    await pool.query(`delete from pgboss.job where data->>'batch' = $1 and data->>'trigger' = 'repost'`, [
      toBatchId(asyncId),
    ]);
    await sweepNow();
    assert.deepEqual(
      (await queuedCallbacks(system, asyncId)).map(({ attempt, trigger }) => [attempt, trigger]),
      [
        [2, 'completion'],
        [1, 'repost'],
      ],
    );
    assert.equal((await deliveries(system, asyncId)).length, 1);
  });
});
