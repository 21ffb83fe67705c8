/** Plans of the largest batch; plans.test.ts has smaller ones. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
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

test('a response of a MiB is bound into a thousand jobs, and is not a thousand times in memory', async (t) => {
  const own = await startSystem(t, { worker: false });
  const worker = await own.forkWorker();
  const strict = (n: number) => ({
    namespace: 'rpc',
    action: 'strict',
    params: { id: n, name: 'x' },
    bind: { '/padding': { job: 'largest', at: '' } },
  });
  const largest = { id: 'largest', namespace: 'work', action: 'respond', params: { kind: 'largest' } };
  const asyncId = await own.run([largest, ...Array.from({ length: 1000 }, (_, n) => strict(n))]);
  assert.equal((await own.ended(asyncId, 240_000)).counts.succeeded, 1001);
  const { body } = await own.rpc('results', { async: asyncId, start: 1000, perPage: 1 });
  assert.equal(body.results[0].request.padding.length, 1024 * 1024 - 2);
  if (process.platform !== 'linux')
    return t.diagnostic('the most memory of a process is only known on Linux');
  const status = await readFile(`/proc/${worker.pid}/status`, 'utf8');
  const mib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  assert.ok(mib < 600, `${mib} MiB`);
});

test('a star of 100,000 jobs is released by its one job', async () => {
  const spokes = Array.from({ length: COUNT - 1 }, (_, n) => echo(n, { dependsOn: ['hub'] }));
  const asyncId = await system.run([echo(0, { id: 'hub' }), ...spokes]);
  assert.equal((await system.ended(asyncId)).counts.succeeded, COUNT);
});
