import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startStallWatch } from '../../../src/pipeline/upkeep/stall-watch.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { silentLog } from '../../support/silent-log.ts';
import { type LogLine, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { endedBatch, startDelivering } from '../deliver/deliver-support.ts';
import { echoJobs, workJob } from '../work-jobs.ts';

const WAITS = 'work waits and no worker takes it: start one, or look in the log why it ended';
const TAKEN = 'work is taken again';
const env = { LOG_LEVEL: 'info', CALLBACK_RETRY_SECONDS: '3600' };
const stallTimes = { everyMs: 50, afterSeconds: 0.3, repeatMs: 600_000 };

function linesOf(log: LogLine[], msg: string): LogLine[] {
  return log.filter((line) => line.msg === msg);
}

function told(log: LogLine[], msg: string, count = 1): Promise<LogLine> {
  return waitFor(async () => linesOf(log, msg)[count - 1], { what: `line ${count} of "${msg}"` });
}

describe('work that no worker takes', { concurrency: true }, () => {
  test('waiting work is reported once, with the number of batches and the time, and again when it is taken', async (t) => {
    const system = await startSystem(t, { worker: false, env, stallTimes });
    const before = Date.now();
    const asyncIds = await Promise.all([1, 2, 3].map(() => system.run(echoJobs(2))));
    const { level, queues, since } = await told(system.log, WAITS);
    assert.deepEqual([level, queues], [40, ['jobs.default']]);
    assert.ok(Date.parse(since) > before - 10_000 && Date.parse(since) < Date.now());

    // When another queue is affected, the line counts all waiting work.
    await system.run([workJob('lane')]);
    const more = await told(system.log, WAITS, 2);
    assert.deepEqual([more.queues, more.batches, more.callbacks], [['jobs.default', 'jobs.work'], 4, 0]);

    await system.addWorker();
    await waitFor(async () => linesOf(system.log, TAKEN).flatMap(({ queues }) => queues).length === 2, {
      what: 'both queues to be taken',
    });
    for (const asyncId of asyncIds) assert.equal((await system.ended(asyncId)).state, 'completed');
    assert.equal(linesOf(system.log, WAITS).length, 2);
  });

  test('waiting work is reported repeatedly while it lasts, when its worker was killed', async (t) => {
    const system = await startSystem(t, {
      worker: false,
      env,
      stallTimes: { ...stallTimes, repeatMs: 200 },
    });
    const worker = await system.forkWorker();
    await system.run([workJob('attempt', { gate: 'killed' })]);
    await waitFor(
      async () => (await system.pool.query(`select from pgboss.job where state = 'active'`)).rowCount === 1,
      { what: 'the job to run' },
    );
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const { batches } = await told(system.log, WAITS, 3);
    assert.equal(batches, 1);
    assert.deepEqual(linesOf(system.log, TAKEN), []);
  });

  test('waiting callbacks are reported', async (t) => {
    const system = await startSystem(t, { worker: false, env, stallTimes });
    await endedBatch(system, 'http://127.0.0.1:9/');
    const { queues, batches, callbacks } = await told(system.log, WAITS);
    assert.deepEqual([queues, batches, callbacks], [['callbacks'], 0, 1]);
    await startDelivering(t, system, { retrySeconds: [3600] });
    assert.deepEqual((await told(system.log, TAKEN)).queues, ['callbacks']);
  });

  test('waiting work is not reported while a worker is busy with the queue', async (t) => {
    const times = { everyMs: 50, afterSeconds: 10, repeatMs: 1 };
    const system = await startSystem(t, { worker: false, env, stallTimes: times });
    const { deps, take } = await startClaiming(t, system);
    await system.run(echoJobs(2));
    const [busyWith] = await take();
    await system.run(echoJobs(2));
    await system.run([workJob('lane')]);
    await system.pool.query(`update pgboss.job set start_after = now() - interval '1 hour'`);
    for (let count = 1; count <= 5; count++) {
      await deps.queue.renew(busyWith as NonNullable<typeof busyWith>);
      assert.deepEqual((await told(system.log, WAITS, count)).queues, ['jobs.work']);
    }
  });
});

/** The checks of one watch, on connections of its own: the test says when each is due. */
async function startChecking(t: TestContext) {
  // Before the system ends: it clears timers of its own.
  t.after(() => t.mock.timers.reset());
  const system = await startSystem(t, { worker: false });
  await system.run(echoJobs(2));
  await system.pool.query(`update pgboss.job set start_after = now() - interval '1 hour'`);
  const pool = createPool({
    url: system.databaseUrl,
    max: 2,
    applicationName: 'stall watch',
    log: silentLog,
  });
  const warnings: object[] = [];
  const log = { ...silentLog, warn: (fields: object) => warnings.push(fields) };
  t.mock.timers.enable({ apis: ['setInterval'] });
  const watch = startStallWatch({ pool, queues: ['default'], log }, stallTimes);
  const begun = t.mock.method(pool, 'connect');
  t.after(async () => {
    await watch.stop();
    await pool.end();
  });
  /** Resolves when the check, with the queries that it decides to make, has ended. */
  async function ended(): Promise<void> {
    do {
      await once(pool, 'release');
      await nextTurn();
    } while (pool.idleCount < pool.totalCount || pool.waitingCount > 0);
  }
  const due = () => t.mock.timers.tick(stallTimes.everyMs);
  return {
    system,
    warnings,
    due,
    ended,
    begun: () => begun.mock.callCount(),
    async check(): Promise<void> {
      const end = ended();
      due();
      await end;
    },
  };
}

test('a check that fails does not count as the second that finds waiting work', async (t) => {
  const { system, warnings, check } = await startChecking(t);
  await check();
  await system.pool.query('alter table pgboss.job_common rename to gone');
  await check();
  await system.pool.query('alter table pgboss.gone rename to job_common');
  await check();
  assert.equal(warnings.length, 0);
  await check();
  assert.equal(warnings.length, 1);
});

test('a check that is due while another one runs is left out', async (t) => {
  const { due, ended, begun } = await startChecking(t);
  const end = ended();
  due();
  due();
  due();
  assert.equal(begun(), 1);
  await end;
  due();
  assert.equal(begun(), 2);
});
