import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHome, type Site } from '../main/product.ts';
import { echoJobs, workJob } from '../pipeline/work-jobs.ts';
import { waitFor } from '../support/wait.ts';

const NEIGHBOURS = 1000;
/** Where the harmful job stands among them. */
const PLACE = 500;

const REASONS = {
  exit: 'the job ended its process (exit code 3), 3 times',
  loop: 'the job blocked the event loop of its process, 3 times',
  memory: 'the job exhausted the memory of its process, 3 times',
};

function jobsAround(how: string): object[] {
  const neighbours = echoJobs(NEIGHBOURS);
  return [...neighbours.slice(0, PLACE), workJob('harm', { how }), ...neighbours.slice(PLACE)];
}

async function progress(site: Site, asyncId: string) {
  const { status, body } = await site.rpc('progress', { async: asyncId });
  assert.equal(status, 200);
  return body;
}

test('jobs that take their process along fail with their reason; their neighbours succeed, the API answers', {
  timeout: 280_000,
}, async (t) => {
  const home = await makeHome(t);
  const product = home.start({ WORKERS: '3', LOG_LEVEL: 'fatal' });
  const site = await product.ready();
  const harmful = new Map<string, string>();
  for (const [how, reason] of Object.entries(REASONS)) harmful.set(await site.run(jobsAround(how)), reason);

  let slowestMs = 0;
  await waitFor(
    async () => {
      const states: string[] = [];
      for (const asyncId of harmful.keys()) {
        const askedAt = performance.now();
        states.push((await progress(site, asyncId)).state);
        slowestMs = Math.max(slowestMs, performance.now() - askedAt);
      }
      return states.every((state) => state === 'completed');
    },
    { what: 'the three batches to end', timeoutMs: 240_000 },
  );
  assert.ok(slowestMs < 3000, `the API answered within ${Math.round(slowestMs)} ms`);

  for (const [asyncId, message] of harmful) {
    const { counts } = await progress(site, asyncId);
    assert.deepEqual(
      { succeeded: counts.succeeded, failed: counts.failed },
      { succeeded: NEIGHBOURS, failed: 1 },
    );
    const results = await site.results(asyncId);
    const { status, attempts, response } = results[PLACE];
    assert.deepEqual(
      { status, attempts, response },
      { status: 'failed', attempts: 3, response: { errorCode: 500, message } },
    );
    assert.ok(
      results.every(
        (result, index) => index === PLACE || (result.status === 'succeeded' && result.attempts === 1),
      ),
    );
  }
  product.signalAll('SIGTERM');
  assert.deepEqual(await product.exited, { code: 0, signal: null });
});
