/** Makes the spans: of every operation of the telemetry, with the names and attributes of the semantic conventions. */
import {
  type Context,
  context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { batchEnded, batchSubmitted } from '../telemetry/events.ts';
import {
  batchStored,
  callbackSent,
  chunkRun,
  jobRun,
  jobsRun,
  type Operation,
  type RunOutcome,
  requestHandled,
  requestSent,
  setTraceHeaders,
  type TraceHeaders,
} from '../telemetry/operations.ts';
import { messaging, type RunFields, receiverOf, runAttributes } from './span-attributes.ts';
import { codeOf, messageOf, setError } from './span-errors.ts';

/** In the context of a chunk: the link to the span that stored the batch. */
const BATCH = createContextKey('batchwright.batch');

interface SpanStart extends SpanOptions {
  name: string;
  /** The active context when absent. */
  parent?: Context;
}

/** Adds to a span what is known at the end of its work. */
type SpanEnd<Fields, Result> = (span: Span, result: Result, fields: Fields) => void;

/** From now on every operation of this process has a span. */
export function traceOperations(tracer: Tracer, propagator: TextMapPropagator): void {
  const spans = new Spans(tracer, propagator);
  spans.traceRequests();
  spans.traceBatches();
  spans.traceJobs();
  setTraceHeaders(() => headersOf(propagator));
}

function headersOf(propagator: TextMapPropagator): TraceHeaders {
  const headers: Record<string, string> = {};
  propagator.inject(context.active(), headers, defaultTextMapSetter);
  return headers;
}

class Spans {
  readonly #tracer: Tracer;
  readonly #propagator: TextMapPropagator;

  constructor(tracer: Tracer, propagator: TextMapPropagator) {
    this.#tracer = tracer;
    this.#propagator = propagator;
  }

  /** Those that this process answers, and those that it sends. */
  traceRequests(): void {
    this.#trace(
      requestHandled,
      ({ method, headers }) => ({
        name: method,
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': method },
        parent: this.#continued(headers),
      }),
      (span, { route, path, status }, { method }) => {
        if (route !== null) {
          span.updateName(`${method} ${route}`);
          span.setAttributes({ 'http.route': route, 'url.path': path });
        }
        if (status > 0) span.setAttribute('http.response.status_code', status);
        // A 4xx is the caller's error, not one of this service.
        if (status >= 500) setError(span, String(status));
        if (status === 0) setError(span, 'connection_closed', 'the connection ended before the answer');
      },
    );
    this.#traceWithin(
      requestSent,
      ({ method, url }) => ({
        name: method,
        kind: SpanKind.CLIENT,
        attributes: { 'http.request.method': method, ...receiverOf(url) },
      }),
      endOfExchange,
    );
  }

  traceBatches(): void {
    this.#traceWithin(
      batchStored,
      ({ tenant }) => ({
        name: 'submit batch',
        kind: SpanKind.PRODUCER,
        attributes: { ...messaging('send'), 'batchwright.tenant': tenant },
      }),
      (span, asyncId) => span.setAttribute('batchwright.async_id', asyncId),
    );
    batchSubmitted.listen(({ jobs }) => {
      trace.getActiveSpan()?.setAttribute('messaging.batch.message_count', jobs);
    });
    batchEnded.listen(({ asyncId, state, counts }) => {
      trace.getActiveSpan()?.addEvent('batch ended', {
        'batchwright.async_id': asyncId,
        'batchwright.state': state,
        'batchwright.jobs.succeeded': counts.succeeded,
        'batchwright.jobs.failed': counts.failed,
        'batchwright.jobs.cancelled': counts.cancelled,
      });
    });
    this.#trace(
      callbackSent,
      ({ asyncId, tenant, attempt, url, traceContext }) => ({
        name: 'send callback',
        kind: SpanKind.CLIENT,
        attributes: {
          'http.request.method': 'POST',
          ...receiverOf(new URL(url)),
          'batchwright.async_id': asyncId,
          'batchwright.tenant': tenant,
          ...(attempt > 1 ? { 'http.request.resend_count': attempt - 1 } : {}),
        },
        parent: this.#stored(traceContext),
      }),
      endOfExchange,
    );
  }

  traceJobs(): void {
    this.#trace(
      chunkRun,
      ({ queue, asyncId, tenant, chunk, attempt, jobs, startedAt, traceContext }) => {
        const parent = this.#stored(traceContext);
        const batch = trace.getSpanContext(parent);
        return {
          name: 'process chunk',
          kind: SpanKind.CONSUMER,
          startTime: startedAt,
          attributes: {
            ...messaging('process'),
            'messaging.destination.name': queue,
            'messaging.batch.message_count': jobs,
            'batchwright.async_id': asyncId,
            'batchwright.tenant': tenant,
            'batchwright.chunk': chunk,
            'batchwright.attempt': attempt,
          },
          parent: batch ? parent.setValue(BATCH, { context: batch } satisfies Link) : parent,
        };
      },
      (span, end) => span.setAttribute('batchwright.end', String(end)),
    );
    this.#traceWithin(jobRun, ({ index, ...fields }) => jobSpan(fields, index), endOfRun);
    this.#traceGroups();
  }

  /** A span of the whole run, and below it one of each job: all of them took as long as the run. */
  #traceGroups(): void {
    jobsRun.trace((fields, work) => {
      if (isLeftOut()) return work();
      const startTime = Date.now();
      const { action, asyncId, attempt, jobs } = fields;
      const group: SpanStart = {
        name: `run jobs ${action}`,
        attributes: { ...runAttributes({ action, asyncId, attempt }), 'batchwright.jobs': jobs },
        links: linksToBatch(),
      };
      return this.#inSpan(group, work, (span, { outcomes }: { outcomes: readonly RunOutcome[] }) => {
        if (!span.isRecording()) return;
        const parent = trace.setSpan(context.active(), span);
        for (const outcome of outcomes) {
          const start = jobSpan({ action, asyncId, attempt }, outcome.index);
          const job = this.#tracer.startSpan(start.name, { ...start, startTime }, parent);
          endOfRun(job, outcome);
          job.end();
        }
      });
    });
  }

  /**
   * The same for work within another span. When the sampler has left that one out, the work has no span: making one for
   * each job of a trace that nobody records would take longer than the smallest jobs do.
   */
  #traceWithin<Fields extends object, Result>(
    operation: Operation<Fields, Result>,
    start: (fields: Fields) => SpanStart,
    end: SpanEnd<Fields, Result>,
  ): void {
    operation.trace((fields, work) =>
      isLeftOut()
        ? work()
        : this.#inSpan(start(fields), work, (span, result: Result) => end(span, result, fields)),
    );
  }

  #trace<Fields extends object, Result>(
    operation: Operation<Fields, Result>,
    start: (fields: Fields) => SpanStart,
    end: SpanEnd<Fields, Result>,
  ): void {
    operation.trace((fields, work) =>
      this.#inSpan(start(fields), work, (span, result: Result) => end(span, result, fields)),
    );
  }

  #inSpan<Result, Returned extends Result | Promise<Result>>(
    { name, parent = context.active(), ...options }: SpanStart,
    work: () => Returned,
    end: (span: Span, result: Result) => void,
  ): Returned {
    const span = this.#tracer.startSpan(name, options, parent);
    const succeed = (result: Result) => {
      end(span, result);
      span.end();
    };
    const fail = (error: unknown) => {
      setError(span, codeOf(error), messageOf(error));
      span.end();
    };
    let returned: Returned;
    try {
      returned = context.with(trace.setSpan(parent, span), work);
    } catch (error) {
      fail(error);
      throw error;
    }
    if (returned instanceof Promise) returned.then(succeed, fail);
    else succeed(returned as Result);
    return returned;
  }

  /** The context of the trace that these headers continue; that of a new trace without. */
  #continued(headers: Readonly<Record<string, string | string[] | undefined>>): Context {
    return this.#propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  }

  #stored(traceContext: string | null): Context {
    return traceContext === null ? ROOT_CONTEXT : this.#continued(JSON.parse(traceContext));
  }
}

/** True when the sampler has left out the active span: it then leaves out all spans of the trace. */
function isLeftOut(): boolean {
  const span = trace.getActiveSpan();
  return span !== undefined && !span.isRecording() && span.spanContext().isRemote !== true;
}

function jobSpan(fields: RunFields, index: number): SpanStart {
  return {
    name: `run job ${fields.action}`,
    attributes: { ...runAttributes(fields), 'batchwright.index': index },
    links: linksToBatch(),
  };
}

function linksToBatch(): Link[] {
  const link = context.active().getValue(BATCH) as Link | undefined;
  return link ? [link] : [];
}

function endOfExchange(
  span: Span,
  { status, error = null }: { status: number | null; error?: string | null },
) {
  if (status !== null) span.setAttribute('http.response.status_code', status);
  if (error !== null) setError(span, String(status ?? 'unreachable'), error);
}

function endOfRun(span: Span, { status, response, failed }: RunOutcome): void {
  span.setAttribute('batchwright.outcome', status);
  const error = status === 'failed' ? response : failed?.response;
  if (error === undefined || !span.isRecording()) return;
  const { errorCode, message } = JSON.parse(error) as { errorCode: unknown; message: unknown };
  setError(span, String(errorCode), String(message));
}
