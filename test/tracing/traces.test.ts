import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { forkApi } from '../http/fork-api.ts';
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { type Collector, startCollector } from './collector.ts';

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
/** The kinds of spans in OTLP. */
const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

function tracedTo(collector: Pick<Collector, 'url'>): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    HTTP_ALLOW: '127.0.0.1',
    CALLBACK_ALLOW: '127.0.0.1',
  };
}

async function send(
  api: { url: string },
  body: object,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await fetch(`${api.url}/v1/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 202);
  return ((await answer.json()) as { asyncId: string }).asyncId;
}

const workJob = (action: string, params: object) => ({ namespace: 'work', action, params });

function logOf(child: ChildProcess): () => string {
  let log = '';
  child.stdout?.on('data', (text) => {
    log += text;
  });
  return () => log;
}

const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;

suite('with a collector', () => {
  let collector: Collector;
  let system: System;
  let api: Awaited<ReturnType<typeof forkApi>>;
  let worker: ChildProcess;
  const endings: (() => unknown)[] = [];
  before(async () => {
    const whole = { after: (end: () => unknown) => void endings.push(end) };
    collector = await startCollector(whole);
    system = await startSystem(whole, { worker: false });
    [api, worker] = await Promise.all([
      forkApi(whole, system, tracedTo(collector)),
      system.forkWorker(tracedTo(collector)),
    ]);
  });
  after(async () => {
    for (const end of endings.reverse()) await end();
  });

  test('requests of health checks and scrapes have no spans', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/nothing/here'])
      await (await fetch(`${api.url}${path}`)).text();
    const nothing = await collector.span('GET');
    assert.deepEqual(nothing.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 404,
    });
    assert.equal(collector.spans.length, 1);
  });

  test('a batch whose caller traces is one trace from the request over the worker to the callback', async () => {
    collector.spans.length = 0;
    const log = logOf(worker);
    const asyncId = await send(
      api,
      {
        callbackUrl: `${collector.url}/callback?secret=1`,
        jobs: [
          workJob('traced', { url: `${collector.url}/called` }),
          workJob('many', { n: 1 }),
          workJob('many', { n: 2, fatal: true }),
        ],
      },
      { traceparent },
    );
    const ofBatch = { 'batchwright.async_id': asyncId, 'batchwright.tenant': 'default' };
    const request = await collector.span('POST /v1/batches');
    const submitted = await collector.span('submit batch');
    const chunk = await collector.span('process chunk');
    const job = await collector.span('run job work.traced');
    const call = await collector.span('GET');
    const own = await collector.span('own work');
    const group = await collector.span('run jobs work.many');
    const failed = await collector.span('run job work.many', ({ status }) => status.code === 2);
    const callback = await collector.span('send callback');

    const kinds = [request, submitted, chunk, job, call, callback].map(({ kind }) => kind);
    const { server, producer, consumer, internal, client } = KIND;
    assert.deepEqual(kinds, [server, producer, consumer, internal, client, client]);
    assert.deepEqual(
      [request, submitted, chunk, job, call, own, group, failed, callback].map(({ parent }) => parent),
      [
        CALLER.spanId,
        request.spanId,
        submitted.spanId,
        chunk.spanId,
        job.spanId,
        job.spanId,
        chunk.spanId,
        group.spanId,
        submitted.spanId,
      ],
    );
    assert.deepEqual([...new Set(collector.spans.map((span) => span.traceId))], [CALLER.traceId]);
    for (const { links, name } of [job, group, failed]) assert.deepEqual(links, [submitted.spanId], name);
    assert.deepEqual([request.role, chunk.role, callback.role], ['api', 'worker', 'worker']);

    assert.deepEqual(request.attributes, {
      'http.request.method': 'POST',
      'http.route': '/v1/batches',
      'url.path': '/v1/batches',
      'http.response.status_code': 202,
    });
    assert.deepEqual(submitted.attributes, {
      ...ofBatch,
      'messaging.system': 'batchwright',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'send',
      'messaging.batch.message_count': 3,
    });
    assert.equal(chunk.attributes['messaging.destination.name'], 'default');
    assert.ok(chunk.events.includes('batch ended'));
    assert.deepEqual(job.attributes, {
      'batchwright.action': 'work.traced',
      'batchwright.async_id': asyncId,
      'batchwright.attempt': 1,
      'batchwright.index': 0,
      'batchwright.outcome': 'succeeded',
    });
    assert.equal(failed.attributes['batchwright.index'], 2);
    assert.equal(failed.attributes['error.type'], '461');
    assert.equal(failed.status.message, 'never 2');
    assert.equal(callback.attributes['http.response.status_code'], 200);
    assert.doesNotMatch(JSON.stringify(collector.spans), /secret/);

    const headers = collector.received.get('/callback?secret=1');
    assert.equal(headers?.traceparent, `00-${CALLER.traceId}-${callback.spanId}-01`);
    assert.equal(collector.received.get('/called')?.traceparent, `00-${CALLER.traceId}-${call.spanId}-01`);
    const lines = log()
      .split('\n')
      .filter((line) => line.includes('trace_id'))
      .map((line) => JSON.parse(line));
    const told = lines.find(({ msg }) => msg === 'traced');
    assert.deepEqual([told?.trace_id, told?.span_id], [CALLER.traceId, job.spanId]);
    assert.equal(lines.find(({ msg }) => msg === 'batch ended')?.trace_id, CALLER.traceId);
    const taken =
      api
        .log()
        .split('\n')
        .find((line) => line.includes('"batch taken"')) ?? '';
    assert.equal(JSON.parse(taken).span_id, request.spanId);
  });

  test('a batch whose caller traces stays one trace when its job goes to the quarantine', async () => {
    collector.spans.length = 0;
    const died = once(worker, 'exit');
    await send(api, { jobs: [workJob('die', { times: 1 })] }, { traceparent });
    await died;
    await system.forkWorker(tracedTo(collector));
    const job = await collector.span('run job work.die');
    const chunk = await collector.span('process chunk', ({ role }) => role === 'quarantine');
    const submitted = await collector.span('submit batch');
    assert.equal(job.role, 'quarantine');
    assert.equal(job.traceId, CALLER.traceId);
    assert.deepEqual([job.parent, chunk.parent], [chunk.spanId, submitted.spanId]);
  });
});

suite('without a caller that traces', () => {
  test('a request begins a trace, as the sampler decides, in the protocol of the specification', async (t) => {
    const collector = await startCollector(t);
    const system = await startSystem(t, { worker: false });
    const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...usual } = tracedTo(collector);
    const api = await forkApi(t, system, { ...usual, OTEL_SERVICE_NAME: 'our-batches' });
    const quiet = await forkApi(t, system, { ...tracedTo(collector), OTEL_TRACES_SAMPLER: 'always_off' });
    await send(quiet, { jobs: [workJob('many', { n: 1 })] }, { traceparent });
    await send(api, { jobs: [workJob('many', { n: 1 })] }, { traceparent: 'not one' });
    const exported = await waitFor(
      async () => collector.others.find(({ body }) => body.includes('POST /v1/batches')),
      { what: 'the export' },
    );
    assert.equal(exported.contentType, 'application/x-protobuf');
    assert.ok(exported.body.includes('our-batches'));
    assert.ok(!exported.body.includes(Buffer.from(CALLER.traceId, 'hex')));
    quiet.process.kill('SIGTERM');
    assert.deepEqual(await once(quiet.process, 'exit'), [0, null]);
    assert.deepEqual(collector.spans, [], 'it sends its last spans before it ends, and there were none');
  });
});

suite('a collector that is away', () => {
  /** Takes connections and never answers. */
  async function startHanging(t: { after(fn: () => unknown): void }): Promise<{ url: string }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
  }

  async function runs(system: System, api: { url: string }, jobs: number): Promise<void> {
    for (let batch = 0; batch < 3; batch++) {
      const some = Array.from({ length: jobs }, (_, n) => ({
        namespace: 'test',
        action: 'echo',
        params: { n },
      }));
      const { counts } = await system.ended(await send(api, { jobs: some }));
      assert.equal(counts.succeeded, jobs);
    }
  }

  /** A process that the collector keeps for longer than it has to drain ends with 1. */
  async function endsWell(child: ChildProcess): Promise<void> {
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  }

  for (const how of ['refuses', 'hangs'])
    test(`and ${how} stops no job, is reported once, and keeps no process from ending`, async (t) => {
      const system = await startSystem(t, { worker: false });
      const collector = how === 'hangs' ? await startHanging(t) : { url: 'http://127.0.0.1:1' };
      const env = { ...tracedTo(collector), OTEL_EXPORTER_OTLP_TIMEOUT: '300' };
      const [api, worker] = await Promise.all([forkApi(t, system, env), system.forkWorker(env)]);
      const log = logOf(worker);
      await runs(system, api, 2_000);
      await waitFor(async () => log().includes('the collector does not take spans'), { what: 'the warning' });
      await runs(system, api, 10);
      await Promise.all([endsWell(api.process), endsWell(worker)]);
      assert.equal(log().match(/the collector does not take spans/g)?.length, 1);
      assert.equal(api.log().match(/the collector does not take spans/g)?.length, 1);
    });
});
