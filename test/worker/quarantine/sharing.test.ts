import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { entriesOf, openGate, workJob } from '../../pipeline/work-jobs.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

/** Of `work.attempt`, as of every action that does not say otherwise. */
const SLOTS = 10;
/** The size at which a chunk is closed. */
const CHUNK_BYTES = 1024 * 1024;

const system = await startSystem({ after }, { worker: false });

/** A batch whose worker has died, with this many jobs per chunk. They wait for the gate. A worker of this process takes them. */
async function startQuarantined(
  t: TestContext,
  gate: string,
  { chunks, perChunk }: { chunks: number; perChunk: number },
) {
  const message = 'x'.repeat(CHUNK_BYTES / (perChunk + 0.5));
  const jobs = Array.from({ length: chunks * perChunk }, () => workJob('attempt', { gate, message }));
  const asyncId = await system.run(jobs);
  const { rowCount } = await system.pool.query(
    `update pgboss.job set name = 'quarantine.default' where group_id = $1`,
    [toBatchId(asyncId)],
  );
  assert.equal(rowCount, chunks);
  const worker = await system.addWorker();
  t.after(() => worker.drain());
  return { asyncId, jobs };
}

test('a quarantine takes the next chunk when all jobs of the first are started', async (t) => {
  const { asyncId } = await startQuarantined(t, 'places', { chunks: 3, perChunk: 1 });
  await waitFor(async () => (await entriesOf(system, asyncId)).length === 3, {
    what: 'all jobs to run at once',
  });
  await openGate(system, 'places');
  await system.ended(asyncId);
});

test('a quarantine leaves the chunks to others for which it has no free slots', async (t) => {
  const { asyncId, jobs } = await startQuarantined(t, 'slots', { chunks: 3, perChunk: SLOTS + 5 });
  const children = async () => {
    const pids = (await entriesOf(system, asyncId)).map(({ pid }) => pid);
    return [...new Set(pids)].map((pid) => pids.filter((other) => other === pid).length);
  };
  const run = async (...counts: number[]) =>
    assert.deepEqual(
      await waitFor(
        async () => {
          const running = await children();
          return running.reduce((sum, count) => sum + count, 0) === counts.length * SLOTS && running;
        },
        { what: `${counts.length} quarantines to be busy` },
      ),
      counts,
    );
  await run(SLOTS);
  await system.forkWorker();
  await run(SLOTS, SLOTS);
  await openGate(system, 'slots');
  await system.ended(asyncId);
  assert.equal((await entriesOf(system, asyncId)).length, jobs.length, 'each ran once');
});
