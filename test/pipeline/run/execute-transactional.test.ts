import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type pg from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import {
  type CommittedResult,
  executeTransactional,
} from '../../../src/pipeline/run/execute-transactional.ts';
import type { RunScope } from '../../../src/pipeline/run/run-scope.ts';
import { PluginConnections } from '../../../src/pipeline/run/sql/plugin-connections.ts';
import type { JobContext } from '../../../src/plugin/context.ts';
import { ThrottledError } from '../../../src/plugin/errors.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { openSession } from '../../../src/postgres/session.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { ENDLESS } from '../../support/endless.ts';
import { silentLog } from '../../support/silent-log.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { LEFT_BEHIND } from '../left-behind.ts';
import { echoJobs } from '../work-jobs.ts';

// No worker: each test holds the claim itself and runs its jobs on its own small pool.
const system = await startSystem({ after }, { worker: false });
const claims = await startClaiming({ after }, system);

type Run = (context: JobContext) => Promise<unknown>;

/**
 * A batch of this many jobs, claimed; returns a function that runs one of them in a transaction of the pool.
 */
async function transactions(jobs: number, pool: pg.Pool, { timeoutSeconds = 60 } = {}) {
  const asyncId = await system.run(echoJobs(jobs));
  const [claim] = await claims.take();
  assert.ok(claim);
  const entry = system.registry.get('test', 'echo');
  assert.ok(entry);
  const { services, stopping, queue } = claims.deps;
  const deps = { pool: system.pool, connections: new PluginConnections(pool), queue };
  const log = silentPluginLog;
  const scope: RunScope = {
    asyncId,
    tenant: 'default',
    attempt: 1,
    throttledSince: null,
    limits: null,
    log,
    services,
    stopping,
    reportProgress() {},
    noteOutcome() {},
    paramsAsSent: () => () => ({}),
  };
  return {
    asyncId,
    /** Runs the first two together. */
    runTogether(runMany: () => Promise<unknown[]>) {
      const action = { summary: 'of the test', runMany };
      const pair = [0, 1].map((index) => ({
        index,
        params: {},
        entry: { ...entry, transactional: true, action },
      }));
      return executeTransactional({ ...deps, queueName: 'default', claim, scope }, pair);
    },
    run(index: number, run: Run) {
      const action = { summary: 'of the test', run: (_params: unknown, context: JobContext) => run(context) };
      const job = { index, params: {}, entry: { ...entry, transactional: true, timeoutSeconds, action } };
      return executeTransactional({ ...deps, queueName: 'default', claim, scope }, [job]);
    },
  };
}

function poolOf(t: { after(fn: () => Promise<void>): void }, max: number): pg.Pool {
  const pool = createPool({
    url: system.databaseUrl,
    max,
    applicationName: 'test transactions',
    log: silentLog,
    onConnect: openSession,
  });
  t.after(() => pool.end());
  return pool;
}

test('session state that an action leaves does not reach the next user of the connection', async (t) => {
  const pool = poolOf(t, 1);
  const batch = await transactions(2 * Object.keys(LEFT_BEHIND).length, pool);
  let index = 0;
  for (const [what, { statements, tells }] of Object.entries(LEFT_BEHIND)) {
    assert.equal(await toldAfter(statements, tells), true, `${what} is what a session keeps`);
    for (const ending of ['committed', 'failed']) {
      const answer = await batch.run(index++, async ({ sql }) => {
        for (const statement of statements) await sql.query(statement);
        // State that would prevent recording the result is tested elsewhere.
        await sql.query('reset role');
        if (ending === 'failed') throw new Error('on purpose');
      });
      assert.equal('state' in Object(answer), ending === 'committed', `${what}, ${ending}`);
      const { rows } = await pool.query(`select ${tells} as there`);
      assert.equal(rows[0].there, false, `${what}, ${ending}`);
    }
  }
  assert.equal(pool.totalCount, 1);
});

/** What another session shows after the statements. */
async function toldAfter(statements: string[], tells: string): Promise<boolean> {
  const client = await system.pool.connect();
  try {
    for (const statement of statements) await client.query(statement);
    return (await client.query(`select ${tells} as there`)).rows[0].there;
  } finally {
    client.release(true);
  }
}

test('our prepared statements survive an action: the same connection records several results', async (t) => {
  const pool = poolOf(t, 1);
  const batch = await transactions(3, pool);
  const pids = new Set<number>();
  for (const index of [0, 1, 2]) {
    const answer = await batch.run(index, async ({ sql }) => {
      pids.add((await sql.query('select pg_backend_pid() as pid')).rows[0].pid);
    });
    assert.ok(answer !== 'lost' && 'state' in answer);
    assert.equal(answer.ended?.state, index === 2 ? 'completed' : undefined);
  }
  assert.equal(pids.size, 1);
});

test('the transactions of an action leave half of the connections to others', async (t) => {
  const gate = Promise.withResolvers<void>();
  t.after(() => gate.resolve());
  const pool = poolOf(t, 4);
  const batch = await transactions(6, pool);
  let begun = 0;
  const runs = Array.from({ length: 6 }, (_, index) =>
    batch.run(index, async () => {
      begun++;
      await gate.promise;
    }),
  );
  await waitFor(async () => begun >= 2, { what: 'two jobs to run' });
  await Promise.all([1, 2].map(() => pool.query('select 1')));
  assert.equal(begun, 2);
  assert.equal(pool.waitingCount, 0);
  gate.resolve();
  for (const answer of await Promise.all(runs)) assert.ok(answer !== 'lost' && 'state' in answer);
  assert.equal(begun, 6);
});

test('a job that waits for its transaction does not start once its batch is cancelled', async (t) => {
  const gate = Promise.withResolvers<void>();
  t.after(() => gate.resolve());
  const pool = poolOf(t, 2);
  const batch = await transactions(2, pool);
  const begun: number[] = [];
  const runs = [0, 1].map((index) =>
    batch.run(index, async () => {
      begun.push(index);
      await gate.promise;
    }),
  );
  await waitFor(async () => begun.length === 1, { what: 'the first job to run' });
  await system.rpc('cancel', { async: batch.asyncId });
  gate.resolve();
  const [first, second] = await Promise.all(runs);
  const { results = [], ...settled } = first as CommittedResult;
  assert.deepEqual(
    results.map(({ index, status }) => [index, status]),
    [[0, 'succeeded']],
  );
  assert.deepEqual(
    [settled, second],
    [
      { state: 'recorded', inserted: 1, cancelRequested: true, isHeld: false, ended: null },
      { outcomes: [{ index: 1, status: 'retry', delaySeconds: 1, failed: null }], isOver: false },
    ],
  );
  assert.deepEqual(begun, [0]);
  const { rows } = await system.pool.query('select index from batchwright.result where batch_id = $1', [
    toBatchId(batch.asyncId),
  ]);
  assert.deepEqual(rows, [{ index: 0 }]);
});

/** A statement that no limit of the server ends: the run's end must. */
const UNLIMITED = `set local statement_timeout = 0; ${ENDLESS}`;

/** A run that ends while its statement is under way. */
const BUSY: Record<string, (sql: JobContext['sql']) => Promise<unknown>> = {
  'its time is over': (sql) => sql.query(UNLIMITED),
  'it has failed without awaiting a statement': async (sql) => {
    sql.query(UNLIMITED).catch(() => {});
    throw new Error('on purpose');
  },
};

for (const [when, busy] of Object.entries(BUSY))
  test(`a run that ends in the middle of a statement, since ${when}, has its connection closed and its place free`, async (t) => {
    // One place for transactions.
    const pool = poolOf(t, 2);
    const batch = await transactions(2, pool, { timeoutSeconds: 1 });
    const pids: number[] = [];
    const pidOf = async (sql: JobContext['sql']) =>
      (await sql.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;
    const cut = await batch.run(0, async ({ sql }) => {
      pids.push(await pidOf(sql));
      await busy(sql);
    });
    assert.ok(cut !== 'lost' && 'outcomes' in cut);
    assert.equal(cut.outcomes[0]?.status, 'retry');
    const next = await batch.run(1, async ({ sql }) => pids.push(await pidOf(sql)));
    assert.ok(next !== 'lost' && 'state' in next, 'the next job has a connection');
    assert.notEqual(pids[0], pids[1]);
    const find = () => system.pool.query('select from pg_stat_activity where pid = $1', [pids[0]]);
    await waitFor(async () => (await find()).rowCount === 0, { what: 'the end of the session' });
  });

test('a refused transactional job is rolled back and runs again uncharged, also as part of a group', async (t) => {
  const pool = poolOf(t, 1);
  const batch = await transactions(3, pool);
  const refuse = async () => {
    throw new ThrottledError(5);
  };
  const before = Date.now();
  for (const [indexes, isOver, answer] of [
    [[0], false, await batch.run(0, refuse)],
    [[0, 1], true, await batch.runTogether(refuse)],
  ] as const) {
    assert.ok(answer !== 'lost' && 'outcomes' in answer);
    assert.equal(answer.isOver, isOver, 'one by one they would be refused, too');
    for (const [at, outcome] of answer.outcomes.entries()) {
      assert.ok(outcome.status === 'retry' && outcome.throttledSince !== undefined);
      const { throttledSince, ...rest } = outcome;
      assert.deepEqual(rest, { index: indexes[at], status: 'retry', delaySeconds: 5, failed: null });
      assert.ok(throttledSince >= before && throttledSince <= Date.now());
    }
    assert.equal(answer.outcomes.length, indexes.length);
  }
});
