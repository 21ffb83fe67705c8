import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

test('the operator sees queues, what workers run, versions and limits, and nobody else does', async (t) => {
  const system = await startSystem(t);
  const gate = `gate-${process.pid}`;
  const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { gate } }]);
  const { body } = await waitFor(
    async () => {
      const answer = await system.request('/v1/system');
      return answer.body.workers[0]?.running.length === 1 && answer;
    },
    { what: 'the worker to report what it runs' },
  );
  const [worker] = body.workers;
  const [running] = worker.running;
  assert.deepEqual(
    [worker.pid, worker.concurrency, worker.version, body.version],
    [process.pid, system.config.workerConcurrency, body.version, '0.1.0'],
  );
  assert.deepEqual([running.queue, running.asyncId, running.chunk], ['default', asyncId, 0]);
  assert.ok(Date.parse(running.since) <= Date.now());
  assert.deepEqual(
    body.queues.find(({ queue }: { queue: string }) => queue === 'jobs.default'),
    { queue: 'jobs.default', ready: 0, delayed: 0, held: 0, active: 1, oldestSeconds: 0 },
  );
  assert.equal(body.batches.running, 1);
  assert.deepEqual([body.limits.maxJobsPerBatch, body.limits.rateLimit], [100_000, 6000]);
  await system.pool.query('insert into test.gate (name) values ($1)', [gate]);
  await system.ended(asyncId);
  assert.match(body.database.version, /^\d+/);
  assert.match(body.database.size, /^\d+ .?B$/);
  await waitFor(
    async () => (await system.request('/v1/system')).body.workers[0].jobsFinished === worker.jobsFinished + 1,
    { what: 'the worker to report the job that it has finished' },
  );

  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'k', tenant: 'acme', permissions: ['admin', '*'] }),
  });
  // Who asks at the same time as the operator shares nothing with it.
  const headers = { authorization: `Bearer ${made.body.key}` };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => system.request('/v1/system', n % 2 ? { headers } : {})),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map((_, n) => (n % 2 ? 403 : 200)),
  );
});

test('a worker that has ended is no longer among the workers, and its work waits in the queue', async (t) => {
  const system = await startSystem(t, { worker: false });
  const worker = await system.addWorker();
  const workers = async () => (await system.request('/v1/system')).body.workers.length;
  await waitFor(async () => (await workers()) === 1, { what: 'the worker' });
  await worker.drain();
  assert.equal(await workers(), 0);
  await system.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
  const { queues } = (await system.request('/v1/system')).body;
  const { ready, oldestSeconds } = queues.find(({ queue }: { queue: string }) => queue === 'jobs.default');
  assert.equal(ready, 1);
  assert.ok(oldestSeconds > 0 && oldestSeconds < 60);
});
