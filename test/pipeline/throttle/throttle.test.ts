import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Gate } from '../../../src/pipeline/throttle/gate.ts';
import { Throttle } from '../../../src/pipeline/throttle/throttle.ts';
import type { Limits } from '../../../src/plugin/limits.ts';
import type { RegisteredAction } from '../../../src/registry/registry.ts';
import { changeActionSetting } from '../../../src/store/action-settings.ts';
import { createDatabase } from '../../support/database.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

function action(limits: Limits): RegisteredAction {
  return { name: 'test.limited', limits } as RegisteredAction;
}

async function started(t: TestContext, pool: Pool, entry: RegisteredAction): Promise<Throttle> {
  const throttle = new Throttle({ pool, registry: { actions: [entry] }, log: silentLog });
  await throttle.start();
  t.after(() => throttle.stop());
  return throttle;
}

function gateOf(throttle: Throttle, entry: RegisteredAction, params: unknown = {}): Gate {
  const gate = throttle.gatesFor('tenant')(entry)?.(params);
  assert.ok(gate);
  return gate;
}

/** Nothing tells that jobs which were held may start: they are looked at again and again. */
const untilNextLook = () => delay(20);

/** Asserts that nothing starts, and that this is known: jobs do not wait in hand for it. */
async function assertClosed(gate: Gate): Promise<void> {
  assert.equal(await gate.wait(() => 1).ended, 'hold');
  assert.equal(gate.start(), false);
}

/** Starts as many jobs as the gate lets, one after the other; returns when each began. */
async function startJobs(gate: Gate, jobs: number, untilMs: number): Promise<number[]> {
  const starts: number[] = [];
  const end = performance.now() + untilMs;
  while (starts.length < jobs && performance.now() < end) {
    if (gate.start()) {
      starts.push(performance.now());
      gate.end();
    } else if ((await gate.wait(() => jobs - starts.length).ended) === 'hold') await untilNextLook();
  }
  return starts;
}

function mostInWindow(starts: number[], windowMs: number): number {
  const sorted = starts.toSorted((a, b) => a - b);
  return Math.max(
    ...sorted.map((at) => sorted.filter((other) => other >= at && other < at + windowMs).length),
  );
}

test('two processes together never start more than the rate in any second, and nearly as many', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ rate: { limit: 20, perSeconds: 1 } });
  const throttles = [await started(t, pool, entry), await started(t, pool, entry)];
  const starts = (
    await Promise.all(throttles.map((throttle) => startJobs(gateOf(throttle, entry), 30, 30_000)))
  ).flat();
  assert.equal(starts.length, 60);
  const most = mostInWindow(starts, 1000);
  // In its best second, even if other work held up the others.
  assert.ok(most <= 20 && most > 15, `${most} in a second`);
});

test('a burst starts at once, and then the rate holds', async (t) => {
  const { pool } = await createDatabase(t);
  // One by one they would take minutes.
  const entry = action({ rate: { limit: 1, perSeconds: 60, burst: 5 } });
  const gate = gateOf(await started(t, pool, entry), entry);
  assert.equal((await startJobs(gate, 5, 30_000)).length, 5);
  await assertClosed(gate);
});

test('two processes together never run more jobs at once than the limit, and share it', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 4 } });
  const [a, b] = [
    gateOf(await started(t, pool, entry), entry),
    gateOf(await started(t, pool, entry), entry),
  ] as const;
  /** The gate of each run, the oldest first. */
  const runs: Gate[] = [];
  let most = 0;
  const runsOf = (gate: Gate) => runs.filter((each) => each === gate).length;
  const stopping = Promise.withResolvers<'stop'>();
  async function fill(gate: Gate): Promise<void> {
    for (;;) {
      while (gate.start()) most = Math.max(most, runs.push(gate));
      const waiting = gate.wait(() => 10);
      const end = await Promise.race([waiting.ended, stopping.promise]);
      waiting.cancel();
      if (end === 'stop') return;
      if (end === 'hold') await untilNextLook();
    }
  }
  const first = fill(a);
  await waitFor(async () => runsOf(a) === 4, { what: 'the first process to use the whole limit' });
  const filling = Promise.all([first, fill(b)]);
  const areShared = async () => {
    if (runsOf(a) === 2 && runsOf(b) === 2) return true;
    runs.shift()?.end();
    return false;
  };
  await waitFor(areShared, { what: 'two runs in each process' }).finally(() => stopping.resolve('stop'));
  await filling;
  assert.equal(most, 4);
});

test('what a stopped process held is free at once, and what a dead one held after its lease', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 1 } });
  const first = await started(t, pool, entry);
  const second = await started(t, pool, entry);
  await waitFor(() => startedIn(first), { what: 'a run in the first process' });
  assert.equal(gateOf(second, entry).start(), false);
  await pool.query(`update batchwright.bucket_lease set holder = gen_random_uuid()`);
  await pool.query(`update batchwright.bucket_lease set expires_at = now()`);
  await waitFor(() => startedIn(second), { what: 'a run in the second process' });
  await second.stop();
  const { rowCount } = await pool.query('select from batchwright.bucket_lease where expires_at > now()');
  assert.equal(rowCount, 0);

  async function startedIn(throttle: Throttle): Promise<boolean> {
    const gate = gateOf(throttle, entry);
    if (gate.start()) return true;
    await gate.wait(() => 1).ended;
    return gate.start();
  }
});

test('each value has a bucket of its own', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 1, by: 'host of /url' } });
  const throttle = await started(t, pool, entry);
  const gates = ['http://a.example/1', 'http://b.example/1', 'http://a.example/2'].map((url) =>
    gateOf(throttle, entry, { url }),
  );
  const ends = await Promise.all(
    gates.slice(0, 2).map(async (gate) => {
      await gate.wait(() => 1).ended;
      return gate.start();
    }),
  );
  assert.deepEqual(ends, [true, true]);
  assert.equal(gates[2]?.start(), false);
});

test('a bucket that was put to sleep lets nothing start in any process', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 10 } });
  const [a, b] = [
    gateOf(await started(t, pool, entry), entry),
    gateOf(await started(t, pool, entry), entry),
  ] as const;
  assert.equal((await startJobs(a, 1, 1000)).length, 1);
  a.throttle(0.5);
  const at = performance.now();
  assert.equal(a.start(), false);
  const isAsleep = 'select from batchwright.bucket where asleep_until > now()';
  await waitFor(async () => (await pool.query(isAsleep)).rowCount === 1, { what: 'the bucket to sleep' });
  const starts = [...(await startJobs(a, 1, 2000)), ...(await startJobs(b, 1, 2000))];
  assert.equal(starts.length, 2);
  for (const start of starts) assert.ok(start - at >= 480, `started after ${start - at} ms`);
});

test('an adaptive bucket starts at the pace that was taken before the refusal', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 10 }, adaptive: true });
  const gate = gateOf(await started(t, pool, entry), entry);
  await startJobs(gate, 20, 1000);
  gate.throttle(1);
  const starts = await startJobs(gate, 30, 30_000);
  assert.equal(starts.length, 30);
  const pace = mostInWindow(starts, 1000);
  // In its best second, even if other work held up the others.
  assert.ok(pace > 12 && pace < 23, `${pace} a second`);
});

test('a pause stops all starts within two seconds, and a limit can be raised', async (t) => {
  const { pool } = await createDatabase(t);
  const entry = action({ concurrency: { max: 1 } });
  const throttle = await started(t, pool, entry);
  let changes = 0;
  throttle.onChange((actions) => {
    changes++;
    assert.deepEqual([...actions], ['test.limited']);
  });
  await changeActionSetting(pool, 'test.limited', { paused: true });
  await waitFor(async () => changes === 1, { timeoutMs: 2500, what: 'the pause' });
  await assertClosed(gateOf(throttle, entry));
  await changeActionSetting(pool, 'test.limited', {
    paused: false,
    limits: '{"rate":{"limit":10,"perSeconds":1}}',
  });
  await waitFor(async () => changes === 2, { timeoutMs: 2500, what: 'the new limit' });
  assert.equal((await startJobs(gateOf(throttle, entry), 5, 2000)).length, 5);
});
