import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pino from 'pino';
import { startWorker } from '../../../src/app/worker.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import type { RegisteredAction, Registry } from '../../../src/registry/registry.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import { echoJobs, workJob } from '../work-jobs.ts';

// The API takes batches with the original actions; each test starts workers of the next release.
const system = await startSystem({ after }, { worker: false });
const { deps } = await startClaiming({ after }, system);

/** The same actions except for one, changed by `change`; undefined removes it. */
function nextRelease(
  name: string,
  change: (entry: RegisteredAction) => RegisteredAction | undefined,
): Registry {
  const actions = system.registry.actions.flatMap((entry) =>
    entry.name === name ? (change(entry) ?? []) : entry,
  );
  return {
    ...system.registry,
    actions,
    queues: [...new Set(['default', ...actions.map(({ queue }) => queue)])],
    get: (namespace, action) => actions.find((entry) => entry.name === `${namespace}.${action}`),
  };
}

async function startWorkerOf(t: { after(fn: () => Promise<void>): void }, registry: Registry) {
  const { config, databaseUrl, url } = system;
  const log = pino({ level: 'silent' });
  const worker = await startWorker({ config, databaseUrl, log, registry, url });
  t.after(() => worker.drain());
}

/** A round of that release's sweep, for batches of any age. */
function sweepOf(registry: Registry): Promise<void> {
  return sweep({ ...deps, registry, queues: registry.queues }, { minAgeSeconds: 0 });
}

async function messages(asyncId: string): Promise<string[]> {
  const { rows } = await system.pool.query<{ name: string }>(
    `select name from pgboss.job where group_id = $1 and state <= 'active' order by name`,
    [toBatchId(asyncId)],
  );
  return rows.map(({ name }) => name);
}

async function resultsAtEnd(asyncId: string): Promise<string[]> {
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  return results.map(
    ({ status, response }) => `${status} ${response.message ?? response.lane ?? response.n}`,
  );
}

const lane = workJob('lane');

test('jobs whose action has left a removed queue run in the new one', async (t) => {
  const asyncId = await system.run([...echoJobs(1), lane]);
  assert.deepEqual(await messages(asyncId), ['jobs.default', 'jobs.work']);
  const registry = nextRelease('work.lane', (entry) => ({ ...entry, queue: 'default' }));
  assert.ok(!registry.queues.includes('work'));
  await sweepOf(registry);
  assert.deepEqual(await messages(asyncId), ['jobs.default']);
  await sweepOf(registry);
  assert.deepEqual(await messages(asyncId), ['jobs.default'], 'and once only');
  await startWorkerOf(t, registry);
  assert.deepEqual(await resultsAtEnd(asyncId), ['succeeded 0', 'succeeded work']);
});

test('a chunk whose only queue was removed is queued again', async (t) => {
  const receiver = await startReceiver(t);
  const asyncId = await system.run([lane, lane], { callbackUrl: receiver.url });
  const registry = nextRelease('work.lane', (entry) => ({ ...entry, queue: 'other' }));
  // An API of that release would create the queue too; here the worker does it.
  await startWorkerOf(t, registry);
  await sweepOf(registry);
  assert.deepEqual(await resultsAtEnd(asyncId), ['succeeded work', 'succeeded work']);
  await receiver.received(1);
});

test('jobs whose action is gone fail with that reason', async (t) => {
  const asyncId = await system.run([lane, ...echoJobs(1)]);
  const registry = nextRelease('work.lane', () => undefined);
  await sweepOf(registry);
  await startWorkerOf(t, registry);
  assert.deepEqual(await resultsAtEnd(asyncId), [
    'failed there is no action work.lane any more',
    'succeeded 0',
  ]);
});

test('jobs whose action has moved to another existing queue run there', async (t) => {
  const asyncId = await system.run(echoJobs(2));
  const registry = nextRelease('test.echo', (entry) => ({ ...entry, queue: 'work' }));
  await startWorkerOf(t, registry);
  await waitFor(async () => (await messages(asyncId)).length === 0, { what: 'the old message to be gone' });
  await sweepOf(registry);
  assert.deepEqual(await resultsAtEnd(asyncId), ['succeeded 0', 'succeeded 1']);
});

test('a message that a worker of the previous release runs is left to it', async () => {
  const asyncId = await system.run([lane]);
  await system.pool.query(
    `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() where group_id = $1`,
    [toBatchId(asyncId)],
  );
  await sweepOf(nextRelease('work.lane', (entry) => ({ ...entry, queue: 'default' })));
  assert.deepEqual(await messages(asyncId), ['jobs.work']);
});

test('a batch that is cancelled in a removed queue ends', async (t) => {
  const asyncId = await system.run([lane]);
  await system.rpc('cancel', { async: asyncId });
  const registry = nextRelease('work.lane', (entry) => ({ ...entry, queue: 'default' }));
  await startWorkerOf(t, registry);
  await sweepOf(registry);
  assert.equal((await system.ended(asyncId)).state, 'cancelled');
});
