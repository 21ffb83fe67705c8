/**
 * The process that starts a batch at its time, stops it, or ends it, is killed while it does so: in the transaction that
 * writes it down. Another one does it, once.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { gated, openGate, refuse, runsOf } from '../http/v1/support.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import type { Json } from '../support/json.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/** Another worker takes over within this time of a worker's death (docs/operating.md). */
const TAKEOVER_MS = 30_000;
const IN_AN_HOUR = { startAt: new Date(Date.now() + 3_600_000).toISOString() };

const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const receiver = await startReceiver({ after });

const run = (jobs: object[], options: object) => system.run(jobs, { callbackUrl: receiver.url, options });
const view = async (asyncId: string): Promise<Json> => (await system.request(`/v1/batches/${asyncId}`)).body;

/** As if so many seconds of its time had passed. */
async function timePasses(asyncId: string, seconds: number): Promise<void> {
  await pool.query(
    `update batchwright.batch set start_at = start_at - $2 * interval '1 s', deadline_at = deadline_at - $2 * interval '1 s',
       due_at = due_at - $2 * interval '1 s' where id = $1`,
    [toBatchId(asyncId), seconds],
  );
}

async function stopped(asyncId: string): Promise<void> {
  await waitFor(async () => (await view(asyncId)).stoppedBy, { what: 'the stop' });
}

const START = 'old.is_scheduled and not new.is_scheduled';
const STOP = 'old.stopped_by is null and new.stopped_by is not null';
const END = `new.state in ('completed', 'cancelled') and old.state not in ('completed', 'cancelled')`;

/** What writes this change of the batch waits, in its transaction, until the holder of the lock releases it. */
async function waitsAt(asyncId: string, change: string): Promise<void> {
  await pool.query(
    `create trigger "wait ${asyncId}" before update on batchwright.batch for each row
     when (old.id = '${toBatchId(asyncId)}' and ${change}) execute function test.wait()`,
  );
}

/** How many transactions wait at a change. */
async function waiting(): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from pg_locks where locktype = 'advisory' and objid = 77 and not granted`,
  );
  return rows[0]?.count ?? 0;
}

const failing = { namespace: 'test', action: 'behave', params: { gate: 'fail', fatal: 'no' } };
const jobs = {
  'a batch with startAt starts': [gated('start'), gated('start')],
  'a deadline stops a batch': [gated('deadline'), gated('deadline')],
  'a batch stopped by its deadline ends': [gated('end'), gated('end'), gated('end')],
  'stopAfter stops a batch': [refuse, refuse, refuse],
  'a batch stopped by stopAfter ends': [failing, gated('stopped end'), gated('stopped end')],
};
type Moment = keyof typeof jobs;

const batches = {} as Record<Moment, string>;
const begin = async (moment: Moment, options: object) => {
  batches[moment] = await run(jobs[moment], options);
};
await begin('a batch with startAt starts', IN_AN_HOUR);
await begin('a deadline stops a batch', { ...IN_AN_HOUR, deadlineSeconds: 7200 });
await begin('a batch stopped by its deadline ends', { deadlineSeconds: 3600, concurrency: 1 });
await begin('stopAfter stops a batch', { ...IN_AN_HOUR, stopAfter: { failed: 1 }, concurrency: 1 });
await begin('a batch stopped by stopAfter ends', { stopAfter: { failed: 1 }, concurrency: 2 });

/** Kills the processes that are in the middle of all of these changes. Another one goes on. */
async function killAtTheMoments(): Promise<void> {
  await pool.query(
    `create function test.wait() returns trigger language plpgsql as
     $$ begin perform pg_advisory_xact_lock_shared(77); return new; end $$`,
  );
  const [start, deadline, deadlineEnd, stopAfter, stopAfterEnd] = Object.values(batches) as [
    string,
    string,
    string,
    string,
    string,
  ];
  // Each worker looks at one batch that is due at a time.
  const workers = [await system.forkWorker(), await system.forkWorker()];
  for (const gate of ['end', 'stopped end'])
    await waitFor(async () => (await runsOf(pool, gate)) === 1, { what: 'one job to run' });
  await openGate(pool, 'fail');
  await timePasses(deadlineEnd, 3600);
  await stopped(deadlineEnd);
  await stopped(stopAfterEnd);
  const holder = await pool.connect();
  try {
    await holder.query('select pg_advisory_lock(77)');
    await waitsAt(stopAfter, STOP);
    await timePasses(stopAfter, 3600);
    await waitFor(async () => (await waiting()) === 1, { what: 'the stop of a batch' });
    await waitsAt(deadlineEnd, END);
    await waitsAt(stopAfterEnd, END);
    for (const gate of ['end', 'stopped end']) await openGate(pool, gate);
    await waitFor(async () => (await waiting()) === 3, { what: 'the ends of two batches' });
    await waitsAt(start, START);
    await waitsAt(deadline, STOP);
    await timePasses(start, 3600);
    await timePasses(deadline, 7200);
    await waitFor(async () => (await waiting()) === 5, { what: 'the start and the deadline' });
    const gone = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(gone);
  } finally {
    await holder.query('select pg_advisory_unlock(77)');
    holder.release();
  }
  await system.addWorker();
  await openGate(pool, 'start');
}

describe('a process that is killed with SIGKILL', () => {
  // Where a job has run, its result may be lost with the process: then it ends as those that have not started.
  const expected: Record<Moment, { state: string; stoppedBy?: string; succeeded: number[]; failed: number }> =
    {
      'a batch with startAt starts': { state: 'completed', succeeded: [2], failed: 0 },
      'a deadline stops a batch': { state: 'cancelled', stoppedBy: 'deadline', succeeded: [0], failed: 0 },
      'a batch stopped by its deadline ends': {
        state: 'cancelled',
        stoppedBy: 'deadline',
        succeeded: [0, 1],
        failed: 0,
      },
      'stopAfter stops a batch': { state: 'cancelled', stoppedBy: 'stopAfter', succeeded: [0], failed: 1 },
      'a batch stopped by stopAfter ends': {
        state: 'cancelled',
        stoppedBy: 'stopAfter',
        succeeded: [0, 1],
        failed: 1,
      },
    };
  const killing = killAtTheMoments();

  for (const [moment, { stoppedBy, state, succeeded, failed }] of Object.entries(expected))
    test(`while ${moment}: another one does it, once`, async () => {
      await killing;
      const asyncId = batches[moment as Moment];
      const { counts } = await system.ended(asyncId, 2 * TAKEOVER_MS);
      const batch = await view(asyncId);
      assert.deepEqual([batch.state, batch.stoppedBy], [state, stoppedBy]);
      const { total = 0, cancelled = 0 } = counts;
      assert.ok(succeeded.includes(total - failed - cancelled), JSON.stringify(counts));
      assert.deepEqual([counts.failed, counts.succeeded], [failed, total - failed - cancelled]);
      const results = await system.results(asyncId);
      assert.deepEqual(
        results.map(({ index }) => index),
        jobs[moment as Moment].map((_, index) => index),
      );
      const callbacks = await waitFor(
        async () => {
          const found = receiver.callbacks.filter(({ body }) => JSON.parse(body).asyncId === asyncId);
          return found.length > 0 && (await view(asyncId)).callback.state === 'delivered' && found;
        },
        { what: 'the callback' },
      );
      assert.equal(new Set(callbacks.map(({ id }) => id)).size, 1, 'one end has one webhook-id');
      assert.equal(JSON.parse(callbacks[0]?.body ?? '{}').stoppedBy, stoppedBy);
    });
});
