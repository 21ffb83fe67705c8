/**
 * Waiting or running jobs of one tenant do not delay another tenant, nor a small batch of the same tenant.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { batchEnded } from '../../src/telemetry/events.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after });
/** The concurrency of `work.attempt`, the default of all actions. */
const SLOTS = 10;

/** Another tenant's functions: run batches and await their ends. */
async function tenant(of: System, name: string) {
  const key = await of.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name, tenant: name, permissions: ['*'] }),
  });
  const headers = { authorization: `Bearer ${key.body.key}` };
  return {
    async run(jobs: object[]): Promise<string> {
      const { body } = await of.rpc('run', { jobs }, headers);
      return body.asyncId;
    },
    ended: (asyncId: string) =>
      waitFor(
        async () => {
          const { body } = await of.rpc('progress', { async: asyncId }, headers);
          return body.state === 'completed' && body.counts;
        },
        { what: `the end of ${asyncId}`, after: batchEnded },
      ),
  };
}

const gated = (gate: string) => workJob('attempt', { gate });

/** Batches of one job each. */
function manyBatches(of: System, count: number, job: (number: number) => object): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, number) => of.run([job(number)])));
}

/** The batches that have run a job, in their order. */
async function startedOf({ pool }: System, asyncIds: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query(
    'select async_id as "asyncId" from work.entry where async_id = any ($1)',
    [asyncIds],
  );
  const started = new Set(rows.map(({ asyncId }) => asyncId));
  return asyncIds.filter((asyncId) => started.has(asyncId));
}

/** Resolves when jobs of this many of the batches run, and the messages of all others wait in the queue. */
function slotsTaken(of: System, asyncIds: readonly string[], slots = SLOTS) {
  return waitFor(
    async () => {
      const started = await startedOf(of, asyncIds);
      if (started.length < slots) return false;
      const { rowCount } = await of.pool.query(
        `select from pgboss.job where name like 'jobs.%' and state = 'active' and group_id = any ($1)`,
        [asyncIds.map(toBatchId)],
      );
      return rowCount === slots && started;
    },
    { what: 'all slots to be taken' },
  );
}

async function messagesOf(of: System, asyncId: string) {
  const { rows } = await of.pool.query(
    `select state, retry_count as "retryCount", data->>'action' as action, data->'indexes' as indexes
     from pgboss.job where name like 'jobs.%' and group_id = $1 and state <= 'active' order by created_on`,
    [toBatchId(asyncId)],
  );
  return rows.map(({ indexes, ...row }) => ({ ...row, indexes: JSON.parse(indexes) }));
}

test('many one-job batches of long jobs leave lanes to all others, of the same tenant and of another', async () => {
  const many = await manyBatches(system, 30, () => gated('many'));
  await slotsTaken(system, many);
  const stranger = await tenant(system, 'stranger');
  assert.equal((await stranger.ended(await stranger.run(echoJobs(3)))).succeeded, 3);
  assert.equal((await system.ended(await system.run(echoJobs(3)))).counts.succeeded, 3);
  assert.equal((await startedOf(system, many)).length, SLOTS);
  await openGate(system, 'many');
  for (const asyncId of many) await system.ended(asyncId);
  for (const asyncId of many) {
    const [result] = await system.results(asyncId);
    assert.deepEqual([result.status, result.attempts], ['succeeded', 1]);
    assert.equal((await entriesOf(system, asyncId)).length, 1);
  }
});

test('a free slot of an action goes to the tenant that has none', async () => {
  const many = await manyBatches(system, 20, (number) => gated(`turn ${number}`));
  const running = await slotsTaken(system, many);
  const other = await tenant(system, 'turn');
  const theirs = await other.run([gated('turn of the other'), gated('turn of the other')]);
  const [first = '', second = ''] = running;
  await openGate(system, `turn ${many.indexOf(first)}`);
  await waitFor(async () => (await entriesOf(system, theirs)).length === 1, {
    what: 'the turn of the other',
  });
  assert.deepEqual(await startedOf(system, many), running, 'nobody else came first');
  await openGate(system, `turn ${many.indexOf(second)}`);
  await waitFor(async () => (await entriesOf(system, theirs)).length === 2, { what: 'its other job' });
  await openGate(system, 'turn of the other');
  const opened = [first, second].map((asyncId) => many.indexOf(asyncId));
  for (const number of many.keys()) if (!opened.includes(number)) await openGate(system, `turn ${number}`);
  await other.ended(theirs);
  for (const asyncId of many) await system.ended(asyncId);
});

test('a large batch of long jobs makes room for the jobs of another tenant, and each of its jobs runs once', async () => {
  const large = await system.run(
    Array.from({ length: 200 }, (_, n) => gated(n < SLOTS ? `large ${n}` : 'rest')),
  );
  await waitFor(async () => (await entriesOf(system, large)).length === SLOTS, {
    what: 'the slots to be taken',
  });
  const other = await tenant(system, 'large');
  const theirs = await other.run([gated('theirs')]);
  // Jobs that are not started return to the queue while the others run.
  const messages = await waitFor(
    async () => {
      const now = await messagesOf(system, large);
      return now.length === 2 && now;
    },
    { what: 'the rest to go back' },
  );
  const indexes = Array.from({ length: 200 }, (_, n) => n);
  assert.deepEqual(
    messages.map(({ state, indexes: of }) => [state, of]),
    [
      ['active', indexes.slice(0, SLOTS)],
      ['created', indexes.slice(SLOTS)],
    ],
  );
  await openGate(system, 'large 0');
  await waitFor(async () => (await entriesOf(system, theirs)).length === 1, { what: 'the job of the other' });
  assert.equal((await entriesOf(system, large)).length, SLOTS);
  for (let n = 1; n < SLOTS; n++) await openGate(system, `large ${n}`);
  await openGate(system, 'theirs');
  await openGate(system, 'rest');
  await other.ended(theirs);
  assert.equal((await system.ended(large)).counts.succeeded, 200);
  const entries = await entriesOf(system, large);
  assert.deepEqual(
    entries.map(({ index, attempt }) => `${index} ${attempt}`).toSorted(),
    indexes.map((index) => `${index} 1`).toSorted(),
  );
});

test('jobs of a batch do not return to the queue for other jobs of the same batch', async () => {
  // Two chunks of 15 jobs.
  const message = 'x'.repeat((1024 * 1024) / 15.5);
  const large = await system.run(
    Array.from({ length: 30 }, () => workJob('attempt', { gate: 'two chunks', message })),
  );
  await waitFor(
    async () =>
      JSON.stringify((await messagesOf(system, large)).map(({ state }) => state).toSorted()) ===
        '["active","created"]' && (await entriesOf(system, large)).length === SLOTS,
    { what: 'a chunk to have all slots, and the other to wait' },
  );
  // The jobs of another action do return, for another batch: then the worker has looked at all messages.
  const behaving = (count: number) =>
    system.run(
      Array.from({ length: count }, () => ({ namespace: 'test', action: 'behave', params: { gate: 'b' } })),
    );
  const younger = await behaving(SLOTS + 5);
  await waitFor(
    async () => (await system.rpc('progress', { async: younger })).body.counts.running === SLOTS,
    {
      what: 'the younger batch to have all slots',
    },
  );
  const waiting = await behaving(1);
  await waitFor(async () => (await messagesOf(system, younger)).length === 2, {
    what: 'its rest to go back',
  });
  await openGate(system, 'two chunks');
  await system.pool.query(`insert into test.gate (name) values ('b')`);
  for (const asyncId of [large, younger, waiting]) await system.ended(asyncId);
  const { rowCount } = await system.pool.query('select from pgboss.job where group_id = $1', [
    toBatchId(large),
  ]);
  assert.equal(rowCount, 2, 'no message in addition to those of its chunks');
});

test('a message whose jobs find no free slot is left to a worker that has one', async (t) => {
  const own = await startSystem(t, { worker: false });
  const first = await own.addWorker();
  const taken = await manyBatches(own, SLOTS, () => gated('first worker'));
  await slotsTaken(own, taken);
  // Of two actions, so that it is unknown in advance that one of them has no slot.
  const mixed = await own.run([gated('first worker'), workJob('lane'), ...echoJobs(1)]);
  await waitFor(async () => (await own.rpc('progress', { async: mixed })).body.counts.succeeded === 2, {
    what: 'its other jobs',
  });
  const waiting = await waitFor(
    async () => {
      const [message, ...others] = await messagesOf(own, mixed);
      return others.length === 0 && message?.state === 'created' && message;
    },
    { what: 'the job to go back' },
  );
  assert.deepEqual(waiting, { state: 'created', retryCount: 0, action: 'work.attempt', indexes: [0] });
  const worker = await own.forkWorker();
  await waitFor(async () => (await entriesOf(own, mixed)).some(({ pid }) => pid === worker.pid), {
    what: 'the other worker to run it',
  });
  await openGate(own, 'first worker');
  await own.ended(mixed);
  for (const { status, attempts } of await own.results(mixed))
    assert.deepEqual([status, attempts], ['succeeded', 1]);
  await first.drain();
});

test('messages that may not run are not fetched repeatedly', async () => {
  const many = await manyBatches(system, 20, () => gated('still'));
  await slotsTaken(system, many);
  const writes = async () => {
    const { rows } = await system.pool.query(
      `select n_tup_upd as updates from pg_stat_all_tables where relname = 'job_common'`,
    );
    return Number(rows[0].updates);
  };
  const before = await writes();
  // Poll, review and yield have run several times: only heartbeats are written.
  for (let round = 0; round < 3; round++) {
    const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { waitMs: 700 } }]);
    await system.ended(asyncId);
  }
  assert.ok((await writes()) - before < 60, `${(await writes()) - before} updates`);
  await openGate(system, 'still');
  for (const asyncId of many) await system.ended(asyncId);
});

test('the later chunks of a large batch make progress while small ones keep arriving', async (t) => {
  const own = await startSystem(t, { env: { WORKER_CONCURRENCY: '1' } });
  const small = () => own.run([{ namespace: 'test', action: 'behave', params: { waitMs: 30 } }]);
  for (let number = 0; number < 30; number++) await small();
  const large = await own.run(echoJobs(3000));
  let done = false;
  const feeding = (async () => {
    while (!done) await own.ended(await small());
  })();
  assert.equal((await own.ended(large)).counts.succeeded, 3000);
  done = true;
  await feeding;
});

test('the chunks of a batch follow one another at once when each has one job that takes time', async () => {
  const long = (effect: string) => ({ namespace: 'test', action: 'behave', params: { effect, waitMs: 30 } });
  // From the first run on it is known that runs take time.
  await system.ended(await system.run([long('first')]));
  // Two of these do not fit into one chunk.
  const asyncId = await system.run(Array.from({ length: 9 }, (_, n) => long(`${n}`.repeat(600_000))));
  await system.ended(asyncId);
  const starts = (await system.results(asyncId)).map(({ startedAt }) => Date.parse(startedAt)).sort();
  const pauses = starts.slice(1).map((start, n) => start - (starts[n] ?? 0));
  // Messages without a notification are looked for every 500 ms.
  const median = pauses.sort((a, b) => a - b)[4] ?? 0;
  assert.ok(median < 400, `${pauses}`);
});

test('a process keeps one chunk of a batch whose runs take time, and returns the others for other processes', async () => {
  // A hundred fit into a chunk.
  const jobs = Array.from({ length: 300 }, () => ({
    namespace: 'test',
    action: 'behave',
    params: { effect: 'x'.repeat(10_400), waitMs: 100 },
  }));
  const asyncId = await system.run(jobs);
  const waiting = async () => {
    const { rows } = await system.pool.query(
      `select count(*)::int as count from pgboss.job
       where name = 'jobs.default' and group_id = $1 and state = 'created'`,
      [toBatchId(asyncId)],
    );
    return rows[0].count;
  };
  await waitFor(async () => (await waiting()) === 2, { what: 'two of three chunks to wait in the queue' });
  assert.equal((await system.ended(asyncId)).counts.succeeded, 300);
  const { rows } = await system.pool.query('select from test.effect where async_id = $1', [asyncId]);
  assert.equal(rows.length, 300, 'each job ran once');
});
