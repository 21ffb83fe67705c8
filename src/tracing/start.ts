/** Traces of this process, sent to an OpenTelemetry collector. Loaded only when a collector is configured. */
import { randomUUID } from 'node:crypto';
import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
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
import { logFieldsOf } from './log-fields.ts';
import { createSampler, type Sampling } from './sampler.ts';
import { traceOperations } from './spans.ts';

/** The end of the process waits no longer for the collector. Workers and the API end one after the other. */
const FLUSH_MS = 1_500;
/** A process of the quarantine is there for jobs that kill it, and with it its last spans. */
const QUARANTINE_DELAY_MS = 500;

export interface TracingOptions {
  /** The address of the collector, for the log. */
  endpoint: string;
  /** Where its spans go. */
  url: string;
  protocol: 'http/protobuf' | 'http/json';
  sampling: Sampling;
  /** `all`, `api`, `worker` or `quarantine`. */
  role: string;
  version: string;
}

export interface Tracing {
  /** The fields that a log line gets, by which it is found from its trace. */
  logFields(): object;
  /** Warnings go to this log, those of the start too. */
  reportTo(log: Log): void;
  /** Sends the spans that wait. Resolves after 1.5 s at the latest. Then nothing is traced. */
  stop(): Promise<void>;
}

/**
 * Traces every operation from now on, as the OpenTelemetry of this process, which plugins and their libraries use too.
 * The SDK reads the other variables of OpenTelemetry by itself.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const warnings: string[] = [];
  const note = (message: string) => void warnings.push(message);
  const ignore = () => {};
  // The SDK's own words about wrong variables. Later ones are about lost spans: the exporter reports those.
  diag.setLogger(
    { error: note, warn: note, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const sending = await startSending(options);
  diag.disable();
  sending.provider.register();
  return runningTracing(sending, context, warnings);
}

/**
 * The same inside a program that is not ours, and that may have an OpenTelemetry of its own: provider and active span
 * are this instance's alone, and nothing is registered.
 */
export async function startOwnTracing(options: TracingOptions): Promise<Tracing> {
  // A connection that is kept would outlive `stop`.
  const sending = await startSending(options, { keepAlive: false });
  const contexts = new AsyncLocalStorageContextManager().enable();
  const { stop, ...tracing } = runningTracing(sending, contexts, []);
  return {
    ...tracing,
    async stop() {
      await stop();
      contexts.disable();
    },
  };
}

interface Sending {
  provider: NodeTracerProvider;
  version: string;
  /** The exporter's log, from now on. */
  reportTo(log: Log): void;
}

async function startSending(
  { endpoint, url, protocol, sampling, role, version }: TracingOptions,
  connection: { keepAlive?: boolean } = {},
): Promise<Sending> {
  let log: Log | undefined;
  const sender = await createExporter(protocol, { url, ...connection });
  const exporter = new ReportingExporter(sender, { endpoint, log: () => log });
  const provider = new NodeTracerProvider({
    resource: describeProcess(role, version),
    sampler: createSampler(sampling),
    spanProcessors: [new BatchSpanProcessor(exporter, exportOptions(role))],
  });
  return {
    provider,
    version,
    reportTo(given) {
      log = given;
    },
  };
}

function runningTracing(
  { provider, version, reportTo }: Sending,
  contexts: Parameters<typeof traceOperations>[0]['contexts'],
  warnings: readonly string[],
): Tracing {
  const tracer = provider.getTracer('batchwright', version);
  const endTracing = traceOperations({ tracer, propagator: new W3CTraceContextPropagator(), contexts });
  return {
    logFields: () => logFieldsOf(trace.getSpan(contexts.active())),
    reportTo(log) {
      reportTo(log);
      for (const warning of warnings) log.warn({ warning }, 'OpenTelemetry warns');
    },
    async stop() {
      endTracing();
      const timeOver = Promise.withResolvers<void>();
      const timer = setTimeout(timeOver.resolve, FLUSH_MS);
      // The exporter has reported a failure.
      await Promise.race([provider.shutdown().catch(() => {}), timeOver.promise]);
      clearTimeout(timer);
    },
  };
}

/** Only one of the two is loaded. */
async function createExporter(
  protocol: TracingOptions['protocol'],
  options: { url: string; keepAlive?: boolean },
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter(options);
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
