import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import type { ChunkMessage } from '../../../src/queue/messages.ts';
import { startSystem } from '../../support/system.ts';
import { startClaiming } from '../claims.ts';
import { echoJobs, entriesOf, workJob } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });
const claims = await startClaiming({ after }, system);

/** Stores a batch of one chunk and claims its message. */
async function claimed(jobs: object[]) {
  const asyncId = await system.run(jobs);
  const claim = (await claims.take()).find(({ message }) => message.batch === toBatchId(asyncId));
  assert.ok(claim);
  return { asyncId, claim };
}

async function counts(asyncId: string) {
  return (await system.rpc('progress', { async: asyncId })).body.counts;
}

/** The message that follows the current one, and its delay. */
async function nextMessage(asyncId: string) {
  const { rows } = await system.pool.query<{ data: string; delay: number }>(
    `select data, extract(epoch from start_after - created_on)::float8 as delay
     from pgboss.job where group_id = $1 and state < 'active'`,
    [toBatchId(asyncId)],
  );
  assert.equal(rows.length, 1);
  const { batch: _, ...message } = JSON.parse(rows[0]?.data ?? '') as ChunkMessage;
  return { message, delay: rows[0]?.delay };
}

test('a job whose action is gone fails with that reason, and the others run', async () => {
  const { asyncId, claim } = await claimed([...echoJobs(1), workJob('attempt')]);
  const { registry } = claims.deps;
  const without = {
    ...registry,
    get: (namespace: string, action: string) =>
      namespace === 'work' ? undefined : registry.get(namespace, action),
  };
  await runChunk({ ...claims.deps, registry: without }, 'default', claim);
  const [echo, gone] = await system.results(asyncId);
  assert.equal(echo.status, 'succeeded');
  assert.deepEqual(
    { status: gone.status, response: gone.response },
    { status: 'failed', response: { errorCode: 500, message: 'there is no action work.attempt any more' } },
  );
});

test('a message that is claimed while the process drains is released unchanged', async () => {
  const { asyncId, claim } = await claimed([
    workJob('attempt'),
    workJob('post', { name: 'no' }),
    ...echoJobs(1),
  ]);
  await runChunk({ ...claims.deps, draining: AbortSignal.abort() }, 'default', claim);
  assert.deepEqual(await nextMessage(asyncId), {
    message: { tenant: 'default', chunk: 0, isSmall: true, generation: 1, attempt: 1 },
    delay: 0,
  });
  assert.equal((await counts(asyncId)).pending, 3);
  assert.deepEqual(await entriesOf(system, asyncId), []);
});

test('the message of the next run has only the jobs that failed', async () => {
  const { asyncId, claim } = await claimed([...echoJobs(1), workJob('attempt', { failures: 1 })]);
  await runChunk(claims.deps, 'default', claim);
  const { message, delay } = await nextMessage(asyncId);
  const { lastRuns, ...rest } = message;
  assert.deepEqual(rest, {
    tenant: 'default',
    chunk: 0,
    isSmall: true,
    generation: 1,
    attempt: 2,
    indexes: [1],
  });
  assert.match(lastRuns ?? '', /this time not/);
  assert.ok(delay !== undefined && delay >= 0.3 && delay <= 0.36, `${delay} s`);
});

for (const [kind, job] of [
  ['a job', workJob('attempt', { cuts: true })],
  ['a transactional job', workJob('post', { name: 'cut', cuts: true })],
] as const) {
  test(`a run of ${kind} does not count as an attempt when the database stops`, async () => {
    const { asyncId, claim } = await claimed([job, ...echoJobs(1)]);
    await runChunk(claims.deps, 'default', claim);
    assert.deepEqual(await nextMessage(asyncId), {
      message: {
        tenant: 'default',
        chunk: 0,
        isSmall: true,
        generation: 1,
        attempt: 1,
        indexes: [0],
        interruptions: 1,
      },
      delay: 1,
    });
    assert.equal((await counts(asyncId)).succeeded, 1);
  });

  test(`a run of ${kind} counts as an attempt at the twenty-first database outage in a row`, async () => {
    const { asyncId, claim } = await claimed([job]);
    await runChunk(claims.deps, 'default', { ...claim, message: { ...claim.message, interruptions: 20 } });
    const { attempt, indexes, interruptions } = (await nextMessage(asyncId)).message;
    assert.deepEqual([attempt, indexes, interruptions], [2, [0], undefined]);
  });
}
