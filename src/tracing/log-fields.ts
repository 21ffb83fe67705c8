import type { Span } from '@opentelemetry/api';

/** The fields of a log line that is written while this span is active. */
export function logFieldsOf(active: Span | undefined): object {
  const span = active?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
