/** Traces that the sampler leaves out. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { AlwaysOffSampler, NodeTracerProvider, RandomIdGenerator } from '@opentelemetry/sdk-trace-node';
import { chunkRun, jobRun, jobsRun, traceHeaders } from '../../src/telemetry/operations.ts';
import { traceOperations } from '../../src/tracing/spans.ts';

class CountingIds extends RandomIdGenerator {
  count = 0;
  override generateSpanId = () => `${++this.count}`.padStart(16, '0');
}

const ids = new CountingIds();
const provider = new NodeTracerProvider({ sampler: new AlwaysOffSampler(), idGenerator: ids });
after(() => provider.shutdown());
const endTracing = traceOperations({
  tracer: provider.getTracer('test'),
  propagator: new W3CTraceContextPropagator(),
  contexts: new AsyncLocalStorageContextManager().enable(),
});
after(endTracing);

test('jobs of a trace that the sampler has left out make no spans, and hand its decision on', async () => {
  const run = { action: 'test.echo', asyncId: '0'.repeat(32), attempt: 1 };
  const succeeded = { index: 0, status: 'succeeded' } as const;
  const chunk = { queue: 'default', tenant: 'default', chunk: 0, jobs: 2, startedAt: 0, traceContext: null };
  const sent = await chunkRun.run({ ...run, ...chunk }, async () => [
    await jobRun.run({ ...run, index: 0 }, async () => ({ ...succeeded, sent: traceHeaders() })),
    jobsRun.run({ ...run, jobs: 1 }, () => ({ outcomes: [succeeded], sent: traceHeaders() })),
  ]);
  assert.equal(ids.count, 1, 'the span of the chunk');
  for (const { sent: headers } of sent)
    assert.match(headers.traceparent ?? '', /^00-[0-9a-f]{32}-0{15}1-00$/);
});
