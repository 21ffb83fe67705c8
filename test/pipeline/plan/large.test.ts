/** Plans of the largest batch; plans.test.ts has smaller ones. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';

const COUNT = 100_000;
const system = await startSystem({ after });

function echo(n: number, more: object): object {
  return { namespace: 'test', action: 'echo', params: { n }, ...more };
}

test('skips are handed on along a chain of 100,000 jobs', async () => {
  const first = { id: '0', namespace: 'test', action: 'behave', params: { fatal: 'no' } };
  const others = Array.from({ length: COUNT - 1 }, (_, n) =>
    echo(n, { id: String(n + 1), dependsOn: [String(n)] }),
  );
  const asyncId = await system.run([first, ...others]);
  const { counts } = await system.ended(asyncId);
  assert.deepEqual([counts.failed, counts.skipped, counts.waiting], [1, COUNT - 1, 0]);
  const { body } = await system.rpc('results', { async: asyncId, start: COUNT - 1, perPage: 1 });
  assert.equal(body.results[0].response.causedBy, 0);
});

test('a star of 100,000 jobs is released by its one job', async () => {
  const spokes = Array.from({ length: COUNT - 1 }, (_, n) => echo(n, { dependsOn: ['hub'] }));
  const asyncId = await system.run([echo(0, { id: 'hub' }), ...spokes]);
  assert.equal((await system.ended(asyncId)).counts.succeeded, COUNT);
});
