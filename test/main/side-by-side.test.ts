/** Several Batchwrights in one program, and their traces beside those of the program. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, type TestContext, test } from 'node:test';
import { context, propagation, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { type BatchwrightOptions, type BatchwrightServer, createBatchwright } from '../../src/index.ts';
import { Scrape } from '../metrics/parse.ts';
import { createDatabase } from '../support/database.ts';
import { databaseFolder } from '../support/database-folder.ts';
import type { Json } from '../support/json.ts';
import { startCollector } from '../tracing/collector.ts';

const PLUGIN_DIR = join(import.meta.dirname, '../plugins');
let made = 0;

/** Spans are sent after 5 s; the SDK reads this variable of the program. */
process.env.OTEL_BSP_SCHEDULE_DELAY = '100';
after(() => {
  delete process.env.OTEL_BSP_SCHEDULE_DELAY;
});

/** Closed with the test. */
async function start(t: TestContext, options: BatchwrightOptions = {}): Promise<BatchwrightServer> {
  const { url: databaseUrl } = await createDatabase(t);
  const dataDir = join(await databaseFolder(), `batchwright-beside-${process.pid}-${++made}`);
  const server = await createBatchwright({
    ...{ port: 0, dataDir, databaseUrl, pluginDir: PLUGIN_DIR, role: 'api', logLevel: 'silent' },
    ...options,
  });
  t.after(async () => {
    await server.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return server;
}

async function send(
  { url, adminKey }: BatchwrightServer,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await fetch(`${url}/v1/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json', ...headers },
    body: '{"jobs":[{"namespace":"test","action":"echo","params":{"n":1}}]}',
  });
  assert.equal(answer.status, 202);
  return ((await answer.json()) as Json).asyncId;
}

async function metricsOf({ url }: BatchwrightServer) {
  return Scrape.read(await (await fetch(`${url}/metrics`)).text());
}

suite('two Batchwrights of one program', () => {
  test('have their own batches, keys, figures, events and traces, and one goes on when the other is closed', async (t) => {
    const [collector, other] = await Promise.all([startCollector(t), startCollector(t)]);
    const json = { otlpProtocol: 'http/json' } as const;
    const [one, two] = await Promise.all([
      start(t, { ...json, otlpEndpoint: collector.url }),
      start(t, { ...json, otlpEndpoint: other.url }),
    ]);
    const instances = new Map<string, unknown>();
    const note = (message: unknown) => {
      const { asyncId, instance } = message as { asyncId: string; instance: unknown };
      instances.set(asyncId, instance);
    };
    subscribe('batchwright:batch.submitted', note);
    t.after(() => void unsubscribe('batchwright:batch.submitted', note));

    const [first = '', second = '', third = ''] = await Promise.all([send(one), send(two), send(two)]);
    const seen = await fetch(`${one.url}/v1/batches/${second}`, {
      headers: { authorization: `Bearer ${one.adminKey}` },
    });
    assert.equal(seen.status, 404);
    const refused = await fetch(`${one.url}/v1/batches`, {
      headers: { authorization: `Bearer ${two.adminKey}` },
    });
    assert.equal(refused.status, 401);
    assert.notEqual(one.instance, two.instance);
    assert.deepEqual(
      [first, second, third].map((asyncId) => instances.get(asyncId)),
      [one.instance, two.instance, two.instance],
    );

    const [figures, others] = await Promise.all([metricsOf(one), metricsOf(two)]);
    assert.equal(figures.value('batches_submitted_total'), 1);
    assert.equal(others.value('batches_submitted_total'), 2);
    for (const { asyncId, sentTo, not } of [
      { asyncId: first, sentTo: collector, not: other },
      { asyncId: second, sentTo: other, not: collector },
    ]) {
      const stored = await sentTo.span(
        'submit batch',
        ({ attributes }) => attributes['batchwright.async_id'] === asyncId,
      );
      const request = await sentTo.span('POST /v1/batches', ({ spanId }) => spanId === stored.parent);
      assert.equal(request.parent, null);
      assert.ok(!not.spans.some(({ traceId }) => traceId === stored.traceId));
    }

    await one.close();
    await send(two);
    assert.equal((await metricsOf(two)).value('batches_submitted_total'), 3);
    await assert.rejects(fetch(one.url));
  });

  test('cannot share a data directory with a database of its own, and the first one says so', async (t) => {
    const dataDir = join(await databaseFolder(), `batchwright-shared-${process.pid}`);
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const options = { port: 0, dataDir, role: 'api', logLevel: 'silent' } as const;
    const server = await createBatchwright(options);
    t.after(() => server.close());
    await assert.rejects(
      createBatchwright(options),
      /dataDir .* is in use by another Batchwright \(pid \d+\)/,
    );
  });
});

suite('the traces of a Batchwright in a program', () => {
  /** The OpenTelemetry that a program has registered, until the end of the test. */
  function registerProvider(t: TestContext): InMemorySpanExporter {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    t.after(async () => {
      for (const api of [trace, context, propagation]) api.disable();
      await provider.shutdown();
    });
    return exporter;
  }

  test('go to the collector that is configured, and leave the OpenTelemetry of the program alone', async (t) => {
    const own = registerProvider(t);
    const collector = await startCollector(t);
    const options = { otlpEndpoint: collector.url, otlpProtocol: 'http/json' } as const;
    const before = trace.getTracerProvider();
    const server = await trace
      .getTracer('program')
      .startActiveSpan('boot', (span) => start(t, options).finally(() => span.end()));
    const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    await send(server, { traceparent: `00-${caller.traceId}-${caller.spanId}-01` });
    const request = await collector.span('POST /v1/batches');
    assert.equal(request.traceId, caller.traceId);
    assert.equal(request.parent, caller.spanId);
    await send(server);
    const unrelated = await collector.span('POST /v1/batches', ({ traceId }) => traceId !== caller.traceId);
    assert.equal(unrelated.parent, null, 'the span of the start is not the parent of requests');
    await server.close();
    assert.deepEqual(
      own.getFinishedSpans().map(({ name }) => name),
      ['boot'],
    );
    assert.equal(trace.getTracerProvider(), before);
  });

  test('are spans of the OpenTelemetry that the program has registered when no collector is configured', async (t) => {
    const own = registerProvider(t);
    const server = await start(t);
    const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    await send(server, { traceparent: `00-${caller.traceId}-${caller.spanId}-01` });
    await server.close();
    const [stored, request] = ['submit batch', 'POST /v1/batches'].map((name) =>
      own.getFinishedSpans().find((span) => span.name === name),
    );
    assert.ok(stored && request);
    assert.equal(stored.parentSpanContext?.spanId, request.spanContext().spanId);
    assert.equal(request.spanContext().traceId, caller.traceId);
    assert.equal(request.parentSpanContext?.spanId, caller.spanId);
  });

  test('do not keep the context in which the start was called', async (t) => {
    const storage = new AsyncLocalStorage<string>();
    const server = await storage.run('the request that starts it', () => start(t));
    const heard: unknown[] = [];
    const note = () => void heard.push(storage.getStore());
    subscribe('batchwright:batch.submitted', note);
    t.after(() => void unsubscribe('batchwright:batch.submitted', note));
    await send(server);
    assert.deepEqual(heard, [undefined]);
  });
});
