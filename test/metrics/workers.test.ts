import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import pino from 'pino';
import { startWorkerMetrics } from '../../src/app/worker-metrics.ts';
import { readConfig } from '../../src/config/config.ts';
import { ChildFigures } from '../../src/metrics/child-figures.ts';
import { toText } from '../../src/metrics/exposition.ts';
import { batchEnded, workerRestarted } from '../../src/telemetry/events.ts';
import { superviseWorkers } from '../../src/worker/supervisor.ts';
import { nextEvent } from '../support/next-event.ts';
import { ADMIN_KEY, startSystem, TEST_PLUGINS } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { Scrape } from './parse.ts';

const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });
const ECHOED = { action: 'test.echo', status: 'succeeded' };

test('counters keep what a worker had counted that was killed and replaced', async (t) => {
  const system = await startSystem(t, { worker: false });
  const children = new ChildFigures();
  const pids: number[] = [];
  const supervisor = superviseWorkers({
    count: 1,
    env: {
      ...process.env,
      ROLE: 'worker',
      DATABASE_URL: system.databaseUrl,
      PLUGIN_DIR: TEST_PLUGINS,
      ADMIN_KEY,
      LOG_LEVEL: 'silent',
    },
    log: { warn() {}, error() {} },
    onFork(child) {
      children.follow(child);
      pids.push(child.pid ?? 0);
    },
  });
  t.after(() => supervisor.stop(0));
  const read = async () => Scrape.read((await toText(await children.read())).text);
  const finished = (count: number) =>
    waitFor(async () => (await read()).value('jobs_finished_total', ECHOED) === count && read(), {
      what: `${count} jobs in the figures`,
    });

  await system.ended(await system.run([echo(1), echo(2)]));
  const before = await finished(2);
  const restarted = nextEvent(workerRestarted, () => true, { what: 'the end of the worker' });
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await restarted;
  const between = await read();
  assert.equal(between.value('jobs_finished_total', ECHOED), 2, 'without a worker');
  assert.equal(between.value('pg_pool', { pool: 'worker', state: 'used' }), undefined, 'gauges are gone');

  await system.ended(await system.run([echo(3)]));
  const after = await finished(3);
  assert.equal(pids.length, 2);
  const cpu = ({ metrics }: Scrape) => {
    const [total] = metrics.process_cpu_seconds_total?.data ?? [];
    return total && 'value' in total ? total.value : 0;
  };
  assert.ok(cpu(after) > cpu(before), 'the processor time is that of both');
  assert.equal(after.value('job_run_seconds', { action: 'test.echo' }), 3);
});

test('a worker with METRICS_PORT serves its own metrics and health', async (t) => {
  const system = await startSystem(t, { worker: false });
  let log = '';
  const child = await system.forkWorker({ METRICS_PORT: '0' });
  child.stdout?.on('data', (text) => {
    log += text;
  });
  const [, url] = await waitFor(async () => /"url":"(http:[^"]+)"/.exec(log), { what: 'the address' });
  await system.ended(await system.run([echo(1)]));
  const scrape = await waitFor(
    async () => {
      const read = await Scrape.read(await (await fetch(`${url}/metrics`)).text());
      return read.value('jobs_finished_total', ECHOED) === 1 && read;
    },
    { what: 'the job in the figures', after: batchEnded },
  );
  assert.ok(scrape.metrics.nodejs_heap_size_used_bytes);
  assert.ok((scrape.value('pg_pool', { pool: 'worker', state: 'idle' }) ?? 0) >= 1);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  assert.equal((await fetch(`${url}/v1/batches`)).status, 404);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a worker without METRICS_KEY serves only its health where HOST is not a loopback address', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const variables = { ROLE: 'worker', DATABASE_URL: 'postgres://127.0.0.1/unused', METRICS_PORT: '0' };
  const config = readConfig({ ...variables, HOST: '0.0.0.0' });
  const metrics = await startWorkerMetrics({ config, log, isForked: false });
  const serving = metrics.serve(async () => true);
  t.after(() => serving.drain());
  const { level, msg, url } = JSON.parse(lines.join(''));
  assert.equal(level, pino.levels.values.warn);
  assert.match(msg, /^only the health of this worker is served: its metrics need METRICS_KEY/);
  const { port } = new URL(url);
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404);
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
});
