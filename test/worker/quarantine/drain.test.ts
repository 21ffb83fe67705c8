import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { entriesOf, openGate, workJob } from '../../pipeline/work-jobs.ts';
import { type LogLine, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

/** Of `work.attempt`, as of every action that does not say otherwise. */
const SLOTS = 10;
const JOBS = 30;

const system = await startSystem({ after }, { worker: false });

/** What the worker and its child have logged from now on. */
function logOf(worker: ChildProcess): LogLine[] {
  const lines: LogLine[] = [];
  let rest = '';
  worker.stdout?.on('data', (text: Buffer) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line)));
  });
  return lines;
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** The messages of the batch that wait or are worked on. */
async function messagesOf(asyncId: string) {
  const { rows } = await system.pool.query(
    `select name, state::text, json_array_length((data->'indexes')::json)::int as jobs
     from pgboss.job where group_id = $1 and state <= 'active'`,
    [toBatchId(asyncId)],
  );
  return rows;
}

/** A worker whose quarantine runs as many jobs of a batch as it has slots; they wait for the gate. */
async function startBusyQuarantine(gate: string) {
  const asyncId = await system.run(Array.from({ length: JOBS }, () => workJob('attempt', { gate })));
  await system.pool.query(`update pgboss.job set name = 'quarantine.default' where group_id = $1`, [
    toBatchId(asyncId),
  ]);
  const worker = await system.forkWorker();
  const log = logOf(worker);
  const entries = await waitFor(
    async () => {
      const entered = await entriesOf(system, asyncId);
      return entered.length === SLOTS && entered;
    },
    { what: 'the jobs to run' },
  );
  const [child = 0, ...others] = new Set(entries.map(({ pid }) => pid));
  assert.deepEqual(others, []);
  assert.notEqual(child, worker.pid, 'they run in a process of their own');
  const childSays = (words: string) =>
    waitFor(async () => log.some(({ pid, msg }) => pid === child && msg === words), {
      what: `the child to log "${words}"`,
    });
  return { asyncId, worker, child, log, childSays };
}

/** The jobs that ran when the quarantine drained have their results, and the others wait in one message. */
async function assertDrained(asyncId: string): Promise<void> {
  const { counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([counts.succeeded, counts.pending, counts.running], [SLOTS, JOBS - SLOTS, 0]);
  assert.deepEqual(await messagesOf(asyncId), [
    { name: 'quarantine.default', state: 'created', jobs: JOBS - SLOTS },
  ]);
}

test('at SIGTERM the process of the quarantine drains, too: it ends the jobs that run and returns the others', async () => {
  const { asyncId, worker, child, childSays } = await startBusyQuarantine('quarantine');

  const exited = once(worker, 'exit');
  worker.kill('SIGTERM');
  await childSays('draining');
  await openGate(system, 'quarantine');
  assert.deepEqual(await exited, [0, null]);
  await waitFor(async () => isGone(child), { what: 'the end of the child', timeoutMs: 20_000 });
  await assertDrained(asyncId);

  const next = await system.addWorker();
  await system.ended(asyncId);
  await next.drain();
  for (const { status, attempts } of await system.results(asyncId))
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  assert.equal((await entriesOf(system, asyncId)).length, JOBS, 'each ran once');
});

test('the process of the quarantine drains when its worker is killed', async () => {
  const { asyncId, worker, log, childSays } = await startBusyQuarantine('orphaned');
  // Both have ended when nobody can write to their output any more.
  const closed = once(worker, 'close');
  worker.kill('SIGKILL');
  await childSays('draining');
  await openGate(system, 'orphaned');
  assert.deepEqual(await closed, [null, 'SIGKILL']);
  await assertDrained(asyncId);
  assert.deepEqual(
    log.filter(({ level }) => level >= 40),
    [],
  );
});
