import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSystem } from '../support/system.ts';

test('a batch runs its jobs and keeps one result a job, in request order', async (t) => {
  const system = await startSystem(t);
  const jobs = [1, 2, 3].map((n) => ({ namespace: 'test', action: 'echo', params: { n } }));
  const asyncId = await system.run(jobs);
  assert.match(asyncId, /^[0-9a-f]{32}$/);
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, { total: 3, pending: 0, running: 0, succeeded: 3, failed: 0, cancelled: 0 });
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ index, request, response, status }) => ({ index, request, response, status })),
    [1, 2, 3].map((n, index) => ({ index, request: { n }, response: { n }, status: 'succeeded' })),
  );
});
