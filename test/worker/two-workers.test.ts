import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { type ReceivedCallback, startReceiver, verified } from '../pipeline/deliver/deliver-receiver.ts';
import { callbackSecret } from '../pipeline/deliver/deliver-support.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import type { Json } from '../support/json.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const SHIFTED_CLOCK = new URL('./shifted-clock.mjs', import.meta.url).href;
const HOUR_MS = 3_600_000;

const system = await startSystem({ after }, { worker: false });
const receiver = await startReceiver({ after });
const secret = await callbackSecret(system);
/** Two processes, one with its clock an hour ahead and one an hour behind. */
const workers = await Promise.all([HOUR_MS, -HOUR_MS].map(forkShifted));

function forkShifted(shiftMs: number) {
  return system.forkWorker({
    NODE_OPTIONS: `--import=${SHIFTED_CLOCK}`,
    CLOCK_SHIFT_MS: String(shiftMs),
  });
}

/** Jobs that make a chunk each: two of them are too large for one. */
function largeJobs(count: number, gate: string): object[] {
  return Array.from({ length: count }, () => workJob('attempt', { gate, message: 'x'.repeat(600_000) }));
}

async function status(asyncId: string) {
  return (await system.rpc('progress', { async: asyncId })).body;
}

const bodies = new Map<ReceivedCallback, Json>();

function callbacksOf(asyncId: string): Json[] {
  for (const callback of receiver.callbacks)
    if (!bodies.has(callback)) bodies.set(callback, verified(secret, callback));
  return [...bodies.values()].filter((body) => body.asyncId === asyncId);
}

test('two workers with wrong clocks share a batch, and no job runs early or late', async () => {
  const pids = new Set(workers.map(({ pid }) => pid));
  const asyncId = await system.run(
    [
      ...largeJobs(6, 'shared'),
      workJob('attempt', { failures: 1 }),
      workJob('attempt', { failures: 1, retryInSeconds: 1 }),
    ],
    { callbackUrl: receiver.url },
  );
  await waitFor(
    async () => {
      const entered = new Set((await entriesOf(system, asyncId)).map(({ pid }) => pid));
      return entered.size === 2 && (await status(asyncId)).counts.running >= 6;
    },
    { what: 'both workers to take part' },
  );
  // Each process looks for messages whose holder seems dead, and for batches to sweep.
  const supervised = async () => {
    const { rows } = await system.pool.query(
      `select monitor_on::text from pgboss.queue where name = 'jobs.default'`,
    );
    return rows[0].monitor_on as string | null;
  };
  let last = await supervised();
  for (let round = 0; round < 2; round++)
    last = await waitFor(
      async () => {
        const now = await supervised();
        return now !== last && now;
      },
      { what: 'a round of supervision' },
    );
  assert.equal((await status(asyncId)).counts.running, 6, 'all seen running, by the clock of the database');
  await openGate(system, 'shared');
  const { state, counts } = await system.ended(asyncId);
  assert.deepEqual({ state, succeeded: counts.succeeded }, { state: 'completed', succeeded: 8 });

  const entries = await entriesOf(system, asyncId);
  assert.deepEqual(new Set(entries.map(({ pid }) => pid)), pids);
  assert.deepEqual(
    entries.map(({ index, attempt }) => `${index} ${attempt}`).sort(),
    ['0 1', '1 1', '2 1', '3 1', '4 1', '5 1', '6 1', '6 2', '7 1', '7 2'],
    'each job ran as often as its action says',
  );
  const { rows } = await system.pool.query(
    `select started_at between created_at and finished_at and finished_at between now() - interval '1 minute' and now() as sane
     from batchwright.batch where id = $1`,
    [toBatchId(asyncId)],
  );
  assert.deepEqual(rows, [{ sane: true }]);
  for (const { startedAt, finishedAt } of await system.results(asyncId)) {
    assert.ok(startedAt <= finishedAt);
    assert.ok(Math.abs(Date.parse(finishedAt) - Date.now()) < 60_000, finishedAt);
  }
  const [body] = await waitFor(
    async () => {
      const bodies = callbacksOf(asyncId);
      return bodies.length > 0 && bodies;
    },
    { what: 'the callback, with a timestamp that receivers accept' },
  );
  assert.equal(body.results.length, 8);
});

test('two processes that race to end batches end each once', async () => {
  const batches: string[] = [];
  for (let number = 0; number < 4; number++) {
    // The last chunks of each end at the same moment.
    const jobs = [...largeJobs(1, `race ${number}`), ...echoJobs(1), ...largeJobs(1, `race ${number}`)];
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    await waitFor(async () => (await entriesOf(system, asyncId)).length === 2, {
      what: 'both chunks to run',
    });
    await openGate(system, `race ${number}`);
    batches.push(asyncId);
  }
  for (const asyncId of batches) {
    const { state, counts } = await system.ended(asyncId);
    assert.deepEqual({ state, succeeded: counts.succeeded }, { state: 'completed', succeeded: 3 });
    assert.equal((await system.results(asyncId)).length, 3);
  }
  await waitFor(async () => batches.every((asyncId) => callbacksOf(asyncId).length > 0), {
    what: 'all callbacks',
  });
  for (const asyncId of batches) {
    assert.equal(callbacksOf(asyncId).length, 1);
    const { rows } = await system.pool.query(
      `select count(*) as messages from pgboss.job where name = 'callbacks' and data->>'batch' = $1`,
      [toBatchId(asyncId)],
    );
    assert.equal(rows[0].messages, 1);
  }
});
