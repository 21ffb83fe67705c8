import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from 'pg';
import { MARKS_HOLD_MS } from '../../../src/domain/batch.ts';
import type { Releaser } from '../../../src/pipeline/plan/releaser.ts';
import type { Binder } from '../../../src/pipeline/run/binder.ts';
import { OpenJobs } from '../../../src/pipeline/run/open-jobs.ts';
import { Recorder } from '../../../src/pipeline/run/recorder.ts';
import { runJobs } from '../../../src/pipeline/run/run-jobs.ts';
import type { PluginConnections } from '../../../src/pipeline/run/sql/plugin-connections.ts';
import type { SmallChunks } from '../../../src/pipeline/settle/small-chunks.ts';
import { ActionSlots } from '../../../src/pipeline/throttle/action-slots.ts';
import type { ChunkMessage } from '../../../src/queue/messages.ts';
import type { Claim, Queue } from '../../../src/queue/queue.ts';
import type { RegisteredAction } from '../../../src/registry/registry.ts';
import { silentPluginLog } from '../../support/action-context.ts';

/** Of the batch of all messages. */
let isPaused = false;

const deps = {
  queueName: 'default',
  pool: {
    query: async () => ({ rows: [{ cancelRequested: false, isHeld: isPaused }], rowCount: 1 }),
  } as unknown as Pool,
  queue: {} as Queue,
  connections: {} as PluginConnections,
  slots: new ActionSlots(),
};
const claim: Claim<ChunkMessage> = {
  id: '1',
  queue: 'jobs.default',
  retryCount: 0,
  message: { batch: '1', chunk: 0, generation: 1, attempt: 1 },
};

function action(name: string, run: () => unknown): RegisteredAction {
  const retry = { limit: 0, delaySeconds: 1, backoff: false };
  return { name, action: { run }, retry, concurrency: 1, timeoutSeconds: 60 } as unknown as RegisteredAction;
}

/** Runs them as one message would; outcomes are not settled. Returns how many were not started. */
async function runAll(entry: RegisteredAction, count: number, binder?: Binder): Promise<number> {
  const recorder = new Recorder(
    { ...deps, smallChunks: {} as SmallChunks, releaser: {} as Releaser, log: silentPluginLog },
    { queueName: 'default', claim, jobs: [], askedAt: 0, clock: 0 },
  );
  recorder.dispose();
  const jobs = Array.from({ length: count }, (_, index) => ({
    index,
    params: {},
    entry,
    ...(binder && { binder }),
  }));
  const scope = {
    asyncId: '1',
    tenant: 'default',
    attempt: 1,
    throttledSince: null,
    limits: null,
    log: silentPluginLog,
    services: { http: () => Promise.reject(new Error('not in this test')), publicUrl: '' },
    stopping: new AbortController().signal,
    reportProgress() {},
    noteOutcome() {},
    paramsAsSent: () => () => ({}),
  };
  const open = new OpenJobs(jobs, deps.slots);
  await runJobs({ ...deps, claim, scope, recorder }, open);
  return open.size;
}

function busyFor(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test('a message of jobs that answer at once does not delay the jobs of another message', async () => {
  let busyJobs = 0;
  const busy = action('busy', () => {
    busyJobs++;
    busyFor(5);
  });
  let before = 0;
  const brief = action('brief', () => {
    before = busyJobs;
  });
  await Promise.all([runAll(busy, 200), runAll(brief, 1)]);
  assert.equal(busyJobs, 200);
  assert.ok(before < 20, `${before} jobs came first`);
});

for (const runsTogether of [false, true])
  test(`jobs whose values come after their batch was paused do not start${runsTogether ? ' together' : ''}`, async (t) => {
    t.after(() => {
      isPaused = false;
    });
    let started = 0;
    const entry = action('bound', () => {
      started++;
    });
    if (runsTogether) Object.assign(entry.action, { runMany: () => started++ });
    const binder = {
      async bind() {
        isPaused = true;
        busyFor(MARKS_HOLD_MS);
        return { params: {}, request: '{}' };
      },
    } as unknown as Binder;
    assert.equal(await runAll(entry, 3, binder), 3);
    assert.equal(started, 0);
  });
