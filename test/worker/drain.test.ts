import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import pino from 'pino';
import { startWorker } from '../../src/app/worker.ts';
import { entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { worker: false });

function gatedJobs(count: number, gate: string): object[] {
  return Array.from({ length: count }, () => workJob('attempt', { gate }));
}

async function counts(asyncId: string) {
  return (await system.rpc('progress', { async: asyncId })).body.counts;
}

function running(asyncId: string, count: number) {
  return waitFor(async () => (await counts(asyncId)).running === count, { what: `${count} jobs to run` });
}

function says(worker: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    worker.stdout?.on('data', (line: Buffer) => line.includes(text) && resolve());
  });
}

test('at SIGTERM a worker ends its running jobs, releases the others uncounted, and exits with 0', async () => {
  const worker = await system.forkWorker();
  const asyncId = await system.run(gatedJobs(30, 'sigterm'));
  await running(asyncId, 10);
  const exited = once(worker, 'exit');
  const draining = says(worker, 'draining');
  // As when a signal reaches the process group and is also passed on.
  worker.kill('SIGTERM');
  worker.kill('SIGTERM');
  worker.kill('SIGINT');
  await draining;
  await openGate(system, 'sigterm');
  assert.deepEqual(await exited, [0, null]);
  assert.deepEqual(await counts(asyncId), {
    total: 30,
    pending: 20,
    waiting: 0,
    running: 0,
    succeeded: 10,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });

  const next = await system.forkWorker();
  const { state } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  for (const { status, attempts } of await system.results(asyncId))
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  const entries = await entriesOf(system, asyncId);
  assert.deepEqual(
    entries.map(({ index }) => index).sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, index) => index),
    'each ran once',
  );
  assert.deepEqual(new Set(entries.map(({ pid }) => pid)), new Set([worker.pid, next.pid]));

  const idle = once(next, 'exit');
  next.kill('SIGTERM');
  assert.deepEqual(await idle, [0, null], 'a worker without jobs too');
});

test('jobs that outlast the grace period are aborted and released uncounted, even if they ignore the signal', async () => {
  const { config, databaseUrl, registry, url } = system;
  const options = { config, databaseUrl, registry, url, log: pino({ level: 'silent' }) };
  const worker = await startWorker({ ...options, jobGraceMs: 200 });
  const asyncId = await system.run([
    ...gatedJobs(2, 'grace'),
    workJob('attempt', { gate: 'grace', deaf: true }),
    workJob('post', { name: 'transactional', gate: 'grace' }),
  ]);
  await running(asyncId, 4);
  await worker.drain();
  assert.deepEqual(await counts(asyncId), {
    total: 4,
    pending: 4,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });

  await system.addWorker();
  await openGate(system, 'grace');
  await system.ended(asyncId);
  for (const { status, attempts } of await system.results(asyncId))
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 1 });
  const entries = await entriesOf(system, asyncId);
  assert.deepEqual(entries.map(({ index, attempt }) => `${index} ${attempt}`).sort(), [
    '0 1',
    '0 1',
    '1 1',
    '1 1',
    '2 1',
    '2 1',
    '3 1',
  ]);
});
