/** Traces inside a program that has an OpenTelemetry of its own: its spans and ours are one trace, in its collector. */
import { context, isSpanContextValid, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { logFieldsOf } from './log-fields.ts';
import { traceOperations } from './spans.ts';
import type { Tracing } from './start.ts';

/**
 * Traces every operation of this instance with the provider that the program has registered, as libraries do. Undefined
 * when it has registered none.
 */
export function joinTracing(version: string): Pick<Tracing, 'logFields' | 'stop'> | undefined {
  const tracer = trace.getTracer('batchwright', version);
  // Without a provider all spans have the same invalid context. This one is not ended, so nothing exports it.
  if (!isSpanContextValid(tracer.startSpan('start', { root: true }).spanContext())) return undefined;
  const propagator = new W3CTraceContextPropagator();
  const end = traceOperations({ tracer, propagator, contexts: context, isWithinProgram: true });
  return { logFields: () => logFieldsOf(trace.getActiveSpan()), stop: async () => end() };
}
