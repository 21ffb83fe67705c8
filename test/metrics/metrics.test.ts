import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { Scrape } from './parse.ts';

/** All names of the contract. */
const NAMES = [
  'batches_submitted_total',
  'batches_finished_total',
  'batches',
  'jobs_finished_total',
  'job_attempts_total',
  'job_run_seconds',
  'job_wait_seconds',
  'queue_messages',
  'oldest_waiting_seconds',
  'callback_attempts_total',
  'callbacks_waiting',
  'http_request_seconds',
  'event_loop_delay_seconds',
  'pg_pool',
  'workers',
  'worker_restarts_total',
  'build_info',
];

const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });

/** A receiver that refuses the first callback. */
async function receiver(t: TestContext): Promise<string> {
  let refused = false;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(refused ? 200 : 500).end();
    refused = true;
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`;
}

async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, { headers });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return Scrape.read(await response.text());
}

test('a scrape has the figures of a batch with successes, failures, retries and callbacks', async (t) => {
  const system = await startSystem(t, { env: { CALLBACK_RETRY_SECONDS: '1' } });
  const callbackUrl = await receiver(t);
  const asyncId = await system.run(
    [
      behave({ n: 1 }),
      behave({ n: 2, waitMs: 30 }),
      behave({ fatal: 'no' }),
      behave({ failUntilAttempt: 1 }),
      { namespace: 'test', action: 'echo', params: { n: 3 } },
    ],
    { callbackUrl },
  );
  await system.ended(asyncId);
  await system.run([{ namespace: 'test', action: 'echo', params: 'wrong' }], {
    options: { skipInvalid: true },
  });
  const now = await waitFor(
    async () => {
      const read = await scrape(system.url);
      const isDelivered = read.value('callback_attempts_total', { outcome: 'delivered' }) === 1;
      // The counts of the database are a few seconds old.
      return isDelivered && read.value('callbacks_waiting') === 0 && read;
    },
    { what: 'the second callback' },
  );
  for (const name of NAMES) assert.ok(now.metrics[`batchwright_${name}`]?.data.length, name);
  assert.ok(now.metrics.process_resident_memory_bytes);
  const action = 'test.behave';
  const finished = (status: string, of = action) => now.value('jobs_finished_total', { action: of, status });
  assert.deepEqual(
    [finished('succeeded'), finished('failed'), finished('succeeded', 'test.echo')],
    [3, 1, 1],
  );
  const attempts = (outcome: string) => now.value('job_attempts_total', { action, outcome });
  assert.deepEqual([attempts('succeeded'), attempts('failed'), attempts('retried')], [3, 1, 1]);
  assert.equal(now.value('job_run_seconds', { action }), 5);
  assert.equal(now.value('job_wait_seconds', { action }), 4, 'first runs only');
  assert.ok(now.sum('job_run_seconds', { action }) >= 0.03);
  assert.equal(now.value('batches_submitted_total'), 2);
  assert.equal(now.value('batches_finished_total', { outcome: 'failed' }), 2);
  assert.equal(finished('failed', 'test.echo'), 1, 'refused by skipInvalid');
  assert.equal(now.value('callback_attempts_total', { outcome: 'refused' }), 1);
  assert.equal(now.value('batches', { state: 'running' }), 0);
  assert.equal(now.value('workers'), 1);
  assert.equal(now.value('queue_messages', { queue: 'jobs.default', state: 'ready' }), 0);
  assert.equal(now.value('oldest_waiting_seconds', { queue: 'callbacks' }), 0);
  assert.ok(
    (now.value('http_request_seconds', { route: '/batch', method: 'POST', status: '200' }) ?? 0) >= 2,
  );
  assert.ok((now.value('pg_pool', { pool: 'api', state: 'idle' }) ?? 0) >= 1);
});

test('no label has an id, an address, a tenant or a path that a caller made up', async (t) => {
  const system = await startSystem(t, { worker: false });
  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'k', tenant: 'acme-tenant', permissions: ['*'] }),
  });
  const headers = { authorization: `Bearer ${made.body.key}` };
  const run = await system.rpc('run', { jobs: [behave({})] }, headers);
  for (const path of [
    `/v1/batches/${run.body.asyncId}`,
    `/v1/batches/${'0'.repeat(32)}/results`,
    '/made-up?query=1',
    '/api/1.0/made-up?action=nothing',
    '/v1/actions/test.made-up',
  ])
    await system.request(path, { headers });
  await system.request('/v1/batches', { method: 'PROPFIND', headers });
  const { metrics } = await scrape(system.url);
  const values = Object.entries(metrics).flatMap(([name, { data }]) =>
    data.flatMap(({ labels }) => Object.values(labels).map((value) => `${name} ${value}`)),
  );
  assert.deepEqual(
    values.filter((value) => /[0-9a-f]{32}|[0-9a-f-]{36}|:\/\/|acme|made-up|127\.0|PROPFIND|\?/.test(value)),
    [],
  );
  assert.ok(values.includes('batchwright_http_request_seconds /v1/batches/:asyncId'));
  assert.ok(values.includes('batchwright_http_request_seconds other'));
});

test('with METRICS_KEY only that key reads the metrics, and everybody else finds nothing there', async (t) => {
  const key = 'a-key-for-the-scraper!';
  const system = await startSystem(t, { worker: false, env: { METRICS_KEY: key } });
  await scrape(system.url, { authorization: `Bearer ${key}` });
  const statusOf = async (headers: Record<string, string>, method = 'GET') =>
    (await fetch(`${system.url}/metrics`, { headers, method })).status;
  assert.equal(await statusOf({}), 404);
  assert.equal(await statusOf({ authorization: `Bearer ${key}x` }), 404);
  assert.equal(await statusOf({ authorization: key }), 404);
  assert.equal((await system.request('/metrics')).status, 404, 'with the admin key');
  assert.equal(await statusOf({ authorization: `Bearer ${key}` }, 'HEAD'), 200);
  assert.equal(await statusOf({ authorization: `Bearer ${key}` }, 'POST'), 405);
});

test('without METRICS_KEY the metrics are closed where HOST is not a loopback address', async (t) => {
  const system = await startSystem(t, { worker: false, env: { HOST: '0.0.0.0' } });
  const { port } = new URL(system.url);
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404);
});
