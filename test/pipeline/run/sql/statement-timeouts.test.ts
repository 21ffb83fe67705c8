/** A job's time ends while its statements run: the server ends them, however they were sent. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Outcome } from '../../../../src/domain/outcome.ts';
import { execute, executeMany, type PendingJob } from '../../../../src/pipeline/run/execute.ts';
import { executeTransactional } from '../../../../src/pipeline/run/execute-transactional.ts';
import type { RunScope } from '../../../../src/pipeline/run/run-scope.ts';
import { PluginSql } from '../../../../src/pipeline/run/sql/plugin-sql.ts';
import type { JobsContext, Sql } from '../../../../src/plugin/context.ts';
import { silentPluginLog } from '../../../support/action-context.ts';
import { ENDLESS } from '../../../support/endless.ts';
import { startSystem } from '../../../support/system.ts';
import { waitFor } from '../../../support/wait.ts';
import { pluginConnections, startClaiming } from '../../claims.ts';
import { echoJobs } from '../../work-jobs.ts';

// No worker: each test runs its jobs on its own connections.
const system = await startSystem({ after }, { worker: false });
const claims = await startClaiming({ after }, system);
const TIMEOUT_SECONDS = 0.3;

type Run = (context: Pick<JobsContext, 'sql' | 'signal'>) => Promise<unknown>;

/** The ways in which a worker runs an action. */
const FORMS = ['run', 'runMany', 'transactional run', 'transactional runMany'] as const;

function scopeOf(asyncId: string, stopping = new AbortController().signal): RunScope {
  const { services } = claims.deps;
  return {
    asyncId,
    tenant: 'default',
    attempt: 1,
    throttledSince: null,
    limits: null,
    log: silentPluginLog,
    services,
    stopping,
    reportProgress() {},
    noteOutcome() {},
    paramsAsSent: () => () => ({}),
  };
}

/** An action with one job, or two that run together, in its own batch; returns a function that runs them. */
async function prepare(
  t: { after(fn: () => Promise<void>): void },
  form: (typeof FORMS)[number],
  run: Run,
  { timeoutSeconds = TIMEOUT_SECONDS, stopping }: { timeoutSeconds?: number; stopping?: AbortSignal } = {},
): Promise<() => Promise<Outcome[]>> {
  const known = system.registry.get('test', 'echo');
  assert.ok(known);
  const isTogether = form.endsWith('Many');
  const runMany = (_jobs: unknown, context: JobsContext) => run(context) as Promise<unknown[]>;
  const summary = 'of the test';
  const action = isTogether ? { summary, runMany } : { summary, run: (_: unknown, c: JobsContext) => run(c) };
  const transactional = form.startsWith('transactional');
  const retry = { limit: 0, delaySeconds: 0, backoff: false };
  const entry = { ...known, name: `test.${form}`, action, transactional, retry, timeoutSeconds };
  const jobs: PendingJob[] = (isTogether ? [0, 1] : [0]).map((index) => ({ index, params: {}, entry }));

  const asyncId = await system.run(echoJobs(jobs.length));
  const [claim] = await claims.take();
  assert.ok(claim);
  const scope = scopeOf(asyncId, stopping);
  const connections = pluginConnections(system.databaseUrl, 4);
  t.after(() => connections.close());
  return async () => {
    if (transactional) {
      const run = { ...claims.deps, connections, queueName: 'default', claim, scope };
      const answer = await executeTransactional(run, jobs);
      assert.ok(answer !== 'lost' && 'outcomes' in answer, JSON.stringify(answer));
      assert.equal(answer.isOver, true, 'one by one they would take as long again');
      return answer.outcomes;
    }
    const sql = new PluginSql(connections, entry, undefined);
    if (isTogether) return (await executeMany(entry, runMany, jobs, scope, sql)).outcomes;
    return [await execute(jobs[0] as PendingJob, scope, sql)];
  };
}

async function outcomesOf(...given: Parameters<typeof prepare>): Promise<Outcome[]> {
  return (await prepare(...given))();
}

/** Statements and transactions of these tests that still run on the server. */
async function underWay(): Promise<string[]> {
  const { rows } = await system.pool.query(
    `select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
     and (application_name like 'batchwright job %' or application_name = 'test plugins')
     and (state <> 'idle' or xact_start is not null)`,
  );
  return rows.map(({ query }) => query);
}

async function noneUnderWay(): Promise<void> {
  await waitFor(async () => (await underWay()).length === 0, { what: `the end of ${await underWay()}` });
}

const IN_FUNCTION = ENDLESS.replace('select', 'perform');
const LOCKED = 'select from work.gate for update';
const never = () => new Promise<never>(() => {});
const ignored = () => {};

/** An action's ways to have a statement that takes longer than its job may. */
const RUNS: Record<string, Run> = {
  'is awaited': ({ sql }) => sql.query(ENDLESS),
  'has values': ({ sql }) => sql.query(`${ENDLESS}, $1`, ['a value']),
  'is the second of its text': ({ sql }) => sql.query(`select 1; ${ENDLESS}`),
  'is one of several at once': ({ sql }) => Promise.all([1, 2, 3].map(() => sql.query(ENDLESS))),
  'comes after others': async ({ sql }) => {
    for (let n = 0; n < 5; n++) await sql.query('select 1');
    await sql.query(ENDLESS);
  },
  'is not awaited': async ({ sql }) => {
    sql.query(ENDLESS).catch(ignored);
    await never();
  },
  'waits for a lock': ({ sql }) => sql.query(LOCKED),
  'is in a function': ({ sql }) => sql.query(`do $$ begin ${IN_FUNCTION}; end $$`),
  'has lifted its limit': ({ sql }) => sql.query(`set statement_timeout = 0; ${ENDLESS}`),
  'is sent again whenever it fails': ({ sql }) => again(sql),
  'takes no notice of being cancelled': ({ sql }) =>
    sql.query(`do $$ begin
      loop begin ${IN_FUNCTION}; exception when query_canceled then null; end; end loop;
    end $$`),
};

let ended = false;
after(() => {
  ended = true;
});

async function again(sql: Sql): Promise<void> {
  while (!ended) {
    await sql.query(ENDLESS).catch(ignored);
    await nextTurn(); // a statement refused at once must not block the event loop
  }
}

describe('statements that take longer than their job may', () => {
  for (const [what, run] of Object.entries(RUNS))
    test(`a job fails with 504 and the server ends its statement when it ${what}`, async (t) => {
      const holder = await system.pool.connect();
      try {
        await holder.query("insert into work.gate (name) values ('held') on conflict do nothing");
        await holder.query(`begin; ${LOCKED}`);
        const prepared: (() => Promise<Outcome[]>)[] = [];
        for (const form of FORMS) prepared.push(await prepare(t, form, run));
        const outcomes = (await Promise.all(prepared.map((start) => start()))).flat();
        assert.deepEqual(
          outcomes.map((outcome) => [outcome.status, 'response' in outcome && outcome.response]),
          Array.from({ length: 6 }, () => ['failed', '{"errorCode":504,"message":"timed out after 0.3 s"}']),
        );
        await noneUnderWay();
      } finally {
        await holder.query('rollback');
        holder.release();
      }
    });
});

describe('statements at the stop of the process', () => {
  for (const form of FORMS)
    test(`${form}: when the process must stop, the job is released and the server ends its statement`, async (t) => {
      const stopping = new AbortController();
      const outcomes = outcomesOf(t, form, ({ sql }) => sql.query(ENDLESS), {
        timeoutSeconds: 300,
        stopping: stopping.signal,
      });
      await waitFor(async () => (await underWay()).length > 0, { what: 'the statement to run' });
      stopping.abort();
      for (const outcome of await outcomes)
        assert.deepEqual(outcome, { index: outcome.index, status: 'retry', delaySeconds: 0, failed: null });
      await noneUnderWay();
    });

  test('an action may use its statements for a moment after its signal, to clean up', async (t) => {
    const cleaned = Promise.withResolvers<void>();
    await outcomesOf(t, 'run', async ({ sql, signal }) => {
      signal.addEventListener('abort', () => {
        sql
          .query("insert into work.gate (name) values ('cleaned')")
          .then(() => cleaned.resolve(), cleaned.reject);
      });
      await never();
    });
    await cleaned.promise;
  });

  test('a run that ended long ago cannot send further statements', async (t) => {
    const refused = Promise.withResolvers<unknown>();
    await outcomesOf(t, 'run', async ({ sql }) => {
      try {
        for (;;) await sql.query('select 1');
      } catch {
        for (;;)
          await sql.query('select 1').catch((error: unknown) => {
            refused.resolve(error);
            return never();
          });
      }
    });
    assert.match(String(await refused.promise), /timed out after 0.3 s/);
    await noneUnderWay();
  });
});
