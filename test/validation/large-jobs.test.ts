import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { startSystem } from '../support/system.ts';

const system = await startSystem({ after }, { worker: false });

/** One job that is large enough to be checked in the thread. */
function run() {
  const job = { namespace: 'test', action: 'echo', params: { text: 'x'.repeat(300 * 1024) } };
  return system.rpc('run', { jobs: [job] });
}

test('a request whose job is being checked when the thread ends gets an error, and the next one is served', async () => {
  const started = once(process, 'worker');
  const answer = run();
  const [thread] = (await started) as [Worker];
  await thread.terminate();
  const { status, body } = await answer;
  assert.deepEqual({ status, body }, { status: 500, body: { errorCode: 500, message: 'Internal error' } });
  assert.equal((await run()).status, 200);
});
