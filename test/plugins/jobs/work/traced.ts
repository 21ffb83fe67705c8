import { SpanStatusCode, trace } from '@opentelemetry/api';
import { defineAction } from 'batchwright/plugin';
import type { Traced } from '../../schemas/work/traced.ts';

export default defineAction<Traced>({
  summary: 'Makes a span of its own, as instrumented libraries do, and writes a line to the log',
  async run({ url }, { log, services }) {
    const span = trace.getTracer('plugin').startSpan('own work');
    span.setStatus({ code: SpanStatusCode.OK });
    log.info('traced');
    const { status } = await services.http({ url });
    span.end();
    return { status };
  },
});
