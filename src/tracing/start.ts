/** Traces of this process, sent to an OpenTelemetry collector. Loaded only when a collector is configured. */
import { randomUUID } from 'node:crypto';
import { DiagLogLevel, diag, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Log } from '../domain/log.ts';
import { ReportingExporter } from './exporter.ts';
import { traceOperations } from './spans.ts';

/** The end of the process waits no longer for the collector. Workers and the API end one after the other. */
const FLUSH_MS = 1_500;
/** A process of the quarantine is there for jobs that kill it, and with it its last spans. */
const QUARANTINE_DELAY_MS = 500;

export interface TracingOptions {
  /** The base address of the collector, or the one for traces. */
  endpoint: string;
  protocol: 'http/protobuf' | 'http/json';
  /** `all`, `api`, `worker` or `quarantine`. */
  role: string;
  version: string;
}

export interface Tracing {
  /** The fields that a log line gets, by which it is found from its trace. */
  logFields(): object;
  /** Warnings go to this log, those of the start too. */
  reportTo(log: Log): void;
  /** Sends the spans that wait. Resolves after 1.5 s at the latest. */
  stop(): Promise<void>;
}

/** Traces every operation from now on. The SDK reads the other variables of OpenTelemetry by itself. */
export async function startTracing({ endpoint, protocol, role, version }: TracingOptions): Promise<Tracing> {
  let log: Log | undefined;
  const warnings: string[] = [];
  const note = (message: string) => void warnings.push(message);
  const ignore = () => {};
  // The SDK's own words about wrong variables. Later ones are about lost spans: the exporter reports those.
  diag.setLogger(
    { error: note, warn: note, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const exporter = new ReportingExporter(await createExporter(protocol), { endpoint, log: () => log });
  const provider = new NodeTracerProvider({
    resource: describeProcess(role, version),
    spanProcessors: [new BatchSpanProcessor(exporter, exportOptions(role))],
  });
  diag.disable();
  provider.register();
  traceOperations(trace.getTracer('batchwright', version), new W3CTraceContextPropagator());
  return {
    logFields() {
      const active = trace.getActiveSpan()?.spanContext();
      return active ? { trace_id: active.traceId, span_id: active.spanId } : {};
    },
    reportTo(given) {
      log = given;
      for (const warning of warnings) log.warn({ warning }, 'OpenTelemetry warns');
    },
    async stop() {
      const timeOver = Promise.withResolvers<void>();
      const timer = setTimeout(timeOver.resolve, FLUSH_MS);
      // The exporter has reported a failure.
      await Promise.race([provider.shutdown().catch(() => {}), timeOver.promise]);
      clearTimeout(timer);
    },
  };
}

/** Only one of the two is loaded. */
async function createExporter(protocol: TracingOptions['protocol']): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

function describeProcess(role: string, version: string) {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': 'batchwright',
        'service.version': version,
        'service.instance.id': randomUUID(),
        'process.pid': process.pid,
        'batchwright.role': role,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
}

/** What is absent comes from OTEL_BSP_…, or is the SDK's default: at most 2,048 spans wait, for at most 5 s. */
function exportOptions(role: string): { scheduledDelayMillis?: number } {
  const isSet = process.env.OTEL_BSP_SCHEDULE_DELAY !== undefined;
  return role === 'quarantine' && !isSet ? { scheduledDelayMillis: QUARANTINE_DELAY_MS } : {};
}
