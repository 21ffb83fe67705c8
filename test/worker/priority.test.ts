/** Of a tenant's jobs that wait, those of the batches with the highest priority start first, wherever they wait. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Batchwright } from '../../src/client/index.ts';
import { toBatchId } from '../../src/domain/batch.ts';
import { postLines, toLines } from '../http/v1/support.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { ADMIN_KEY, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { startCalledServer } from './limits-server.ts';

const system = await startSystem({ after });
const { pool } = system;
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });
/** The concurrency of `work.attempt`, the default of all actions. */
const SLOTS = 10;

const attempt = (gate: string, more: object = {}) => workJob('attempt', { gate, ...more });
/** A job whose run takes some time, so that no more messages of its action are fetched than can start. */
const behave = (params: object) => ({
  namespace: 'test',
  action: 'behave',
  params: { effect: 'run', waitMs: 30, ...params },
});
const withPriority = (job: object, priority: number, more: object = {}) =>
  system.run([job], { options: { priority, ...more } });

/** The batches whose jobs have started, in the order of the starts. */
async function started(table = 'work.entry'): Promise<string[]> {
  const { rows } = await pool.query<{ asyncId: string }>(
    `select async_id as "asyncId" from ${table} where name = 'run' order by id`,
  );
  return rows.map(({ asyncId }) => asyncId);
}

/** Resolves when so many messages are due that no lane has. */
async function waiting(count: number): Promise<void> {
  await waitFor(
    async () => {
      const { rowCount } = await pool.query(
        `select from pgboss.job
         where name = 'jobs.default' and state < 'active' and not blocked and start_after <= now()`,
      );
      return rowCount === count;
    },
    { what: `${count} messages to wait` },
  );
}

/** As if its time had come. */
async function start(asyncId: string): Promise<void> {
  await pool.query(
    `update batchwright.batch set start_at = now(), due_at = now() - interval '1 s' where id = $1`,
    [toBatchId(asyncId)],
  );
  await waitFor(
    async () =>
      (await pool.query(`select from batchwright.batch where id = $1 and is_scheduled`, [toBatchId(asyncId)]))
        .rowCount === 0,
    { what: 'the time to be noticed' },
  );
}

async function otherTenant() {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
  });
  return new Batchwright({ url: system.url, key: body.key });
}

test('waiting batches start by their priority: new, restarted, resumed and timed ones, retries, and jobs that waited for others', async () => {
  const inAnHour = { startAt: new Date(Date.now() + 3_600_000).toISOString() };
  const retried = await withPriority(behave({ gate: 'fail', failUntilAttempt: 1 }), 6);
  const running = await Promise.all(
    Array.from({ length: SLOTS }, (_, n) => withPriority(behave({ gate: `running ${n}` }), 50)),
  );
  const open = (gate: string) => pool.query('insert into test.gate values ($1)', [gate]);
  await open('fail');
  await waitFor(
    async () => {
      const now = await started('test.effect');
      return [retried, ...running].every((asyncId) => now.includes(asyncId));
    },
    { what: 'all slots to be taken' },
  );

  const restarted = await withPriority(behave({}), 5, inAnHour);
  await client.batches.cancel(restarted);
  await system.ended(restarted);
  await client.batches.restart(restarted);
  const timed = await withPriority(behave({}), 4, inAnHour);
  const low = await withPriority(behave({}), -100);
  const normal = await system.run([behave({})]);
  const resumed = await withPriority(behave({}), 3);
  await client.batches.pause(resumed);
  const lines = await postLines(system, toLines([behave({})]), { query: '?priority=2' });
  const csv = await system.request('/v1/batches?action=test.behave&priority=100', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: 'effect,waitMs\nrun,30\n',
  });
  const planned = await system.run(
    [
      { ...(echoJobs(1)[0] as object), id: 'first' },
      { ...behave({}), dependsOn: ['first'] },
    ],
    { options: { priority: 7 } },
  );
  await client.batches.resume(resumed);
  for (const asyncId of [timed, restarted]) await start(asyncId);

  const expected = [
    csv.body.asyncId,
    planned,
    retried,
    restarted,
    timed,
    resumed,
    lines.body.asyncId,
    normal,
    low,
  ];
  await waiting(expected.length);
  const before = (await started('test.effect')).length;
  await open('running 0');
  for (const asyncId of expected) assert.equal((await system.ended(asyncId)).state, 'completed');
  assert.deepEqual((await started('test.effect')).slice(before), expected);
  for (let n = 1; n < SLOTS; n++) await open(`running ${n}`);
  for (const asyncId of running) await system.ended(asyncId);
});

test('a batch in hand makes room for another of its tenant unless its priority is lower, and for any of another tenant', async () => {
  // The jobs that run first have gates of their own.
  const many = (gate: string) =>
    Array.from({ length: 60 }, (_, n) => attempt(n < SLOTS ? `${gate} ${n}` : gate));
  const large = await system.run(many('large'), { options: { priority: 5 } });
  await waitFor(async () => (await entriesOf(system, large)).length === SLOTS, {
    what: 'the slots to be taken',
  });
  const messages = async () => {
    const { rowCount } = await pool.query(
      `select from pgboss.job where name = 'jobs.default' and group_id = $1 and state <= 'active'`,
      [toBatchId(large)],
    );
    return rowCount;
  };
  const low = await withPriority(attempt('small'), 4);
  const normal = await system.run([attempt('small')]);
  // A worker looks for others when a batch has been in hand for half a second: the jobs of this one take longer.
  await system.ended(await system.run([{ namespace: 'test', action: 'behave', params: { waitMs: 1200 } }]));
  assert.equal(await messages(), 1, 'nothing has returned to the queue');
  const other = await otherTenant();
  const theirs = await other.batches.create({
    jobs: [attempt('small')] as never,
    options: { priority: -100 },
  });
  await waitFor(async () => (await messages()) === 2, { what: 'jobs to return to the queue' });
  const before = (await started()).length;
  await openGate(system, 'large 0');
  await waitFor(async () => (await started()).length > before, { what: 'the next job' });
  assert.equal((await started())[before], theirs.asyncId);
  await openGate(system, 'small');
  await openGate(system, 'large');
  assert.equal((await other.batches.wait(theirs.asyncId)).state, 'completed');
  for (let n = 1; n < SLOTS; n++) await openGate(system, `large ${n}`);
  for (const asyncId of [large, low, normal]) assert.equal((await system.ended(asyncId)).state, 'completed');
  const starts = (await started()).filter((asyncId) => [large, low, normal].includes(asyncId));
  // When its runs become quick, messages are taken beside the last of them: its runs were slow, so that is after 20.
  for (const asyncId of [low, normal]) assert.ok(starts.indexOf(asyncId) > 30, starts.join());
});

test('a batch in hand makes room for one with a higher priority', async () => {
  const large = await system.run(
    Array.from({ length: 60 }, (_, n) => attempt(n < SLOTS ? `room ${n}` : 'room')),
    { options: { priority: -5 } },
  );
  await waitFor(async () => (await entriesOf(system, large)).length === SLOTS, {
    what: 'the slots to be taken',
  });
  const high = await system.run([attempt('high'), attempt('high')], { options: { priority: -4 } });
  await waiting(2);
  const before = (await started()).length;
  for (const gate of ['room 0', 'room 1']) await openGate(system, gate);
  await waitFor(async () => (await started()).length === before + 2, { what: 'the next two jobs' });
  assert.deepEqual((await started()).slice(before), [high, high]);
  for (const gate of ['high', 'room']) await openGate(system, gate);
  for (let n = 2; n < SLOTS; n++) await openGate(system, `room ${n}`);
  for (const asyncId of [large, high]) assert.equal((await system.ended(asyncId)).state, 'completed');
});

test('jobs that wait for a limit start by the priority of their batches', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const calls = (account: string, count: number, priority: number) =>
    system.run(
      Array.from({ length: count }, () => ({
        namespace: 'limit',
        action: 'account',
        params: { url: server.url, account },
      })),
      { options: { priority } },
    );
  // Two of an account run at once. A few jobs wait in hand; most are held in the queue.
  const first = await calls('one', 2, 0);
  await waitFor(async () => server.calls.length === 2, { what: 'two calls' });
  const last = await calls('one', 3, -1);
  const third = await calls('one', 90, 1);
  const highest = await calls('one', 3, 3);
  const second = await calls('one', 90, 2);
  const batches = [first, highest, second, third, last];
  await waitFor(
    async () => {
      const { rows } = await pool.query(
        `select coalesce(sum(jsonb_array_length(data -> 'indexes')), 0)::int as jobs from pgboss.job
         where blocked and (data ->> 'priority')::int < 3`,
      );
      return rows[0].jobs === 183;
    },
    { what: 'all but those of the highest priority to be held' },
  );
  server.answer();
  for (const asyncId of batches) assert.equal((await system.ended(asyncId)).state, 'completed');
  const { rows } = await pool.query<{ id: string }>(
    `select batch_id as id from batchwright.result where batch_id = any ($1) order by started_at, batch_id`,
    [batches.map(toBatchId)],
  );
  const mean = (asyncId: string) => {
    const places = rows.flatMap(({ id }, place) => (id === toBatchId(asyncId) ? [place] : []));
    return places.reduce((sum, place) => sum + place, 0) / places.length;
  };
  const order = [first, highest, second, third].map(mean);
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    order,
  );
  // The jobs of the next quarter of a second are taken together: the lowest may start beside the last of the third.
  assert.ok(mean(last) > mean(second));
});
