/** Makes the spans: of every operation of the telemetry, with the names and attributes of the semantic conventions. */
import { createContextKey, type Link, type Span, SpanKind, trace } from '@opentelemetry/api';
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
} from '../telemetry/operations.ts';
import { messaging, type RunFields, receiverOf, runAttributes } from './span-attributes.ts';
import { setError } from './span-errors.ts';
import { SpanMaker, type SpanMakerOptions, type SpanStart } from './span-maker.ts';

/** In the context of a chunk: the link to the span that stored the batch. */
const BATCH = createContextKey('batchwright.batch');

/** Adds to a span what is known at the end of its work. */
type SpanEnd<Fields, Result> = (span: Span, result: Result, fields: Fields) => void;

/** Of this instance. */
interface Tracing extends SpanMakerOptions {
  /**
   * True when the active span of the surrounding program is the parent of a request's: the program instruments its
   * servers, and its span continues the caller's trace.
   */
  isWithinProgram?: boolean;
}

/** From now on every operation of this instance has a span. Returns a function that ends that. */
export function traceOperations({ isWithinProgram = false, ...making }: Tracing): () => void {
  const spans = new Spans(new SpanMaker(making));
  spans.traceRequests(isWithinProgram);
  spans.traceBatches();
  spans.traceJobs();
  return () => spans.end();
}

class Spans {
  readonly #maker: SpanMaker;
  readonly #ends: (() => void)[];

  constructor(maker: SpanMaker) {
    this.#maker = maker;
    this.#ends = [setTraceHeaders(() => maker.headers())];
  }

  end(): void {
    for (const end of this.#ends) end();
  }

  /** Those that this process answers, and those that it sends. */
  traceRequests(isWithinProgram: boolean): void {
    this.#trace(
      requestHandled,
      ({ method, headers }) => ({
        name: method,
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': method },
        parent:
          isWithinProgram && this.#maker.activeSpan ? this.#maker.active : this.#maker.continued(headers),
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
    this.#ends.push(
      batchSubmitted.listen(({ jobs }) => {
        this.#maker.activeSpan?.setAttribute('messaging.batch.message_count', jobs);
      }),
      batchEnded.listen(({ asyncId, state, counts }) => {
        this.#maker.activeSpan?.addEvent('batch ended', {
          'batchwright.async_id': asyncId,
          'batchwright.state': state,
          'batchwright.jobs.succeeded': counts.succeeded,
          'batchwright.jobs.failed': counts.failed,
          'batchwright.jobs.cancelled': counts.cancelled,
        });
      }),
    );
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
        parent: this.#maker.stored(traceContext),
      }),
      endOfExchange,
    );
  }

  traceJobs(): void {
    this.#trace(
      chunkRun,
      ({ queue, asyncId, tenant, chunk, attempt, jobs, startedAt, traceContext }) => {
        const parent = this.#maker.stored(traceContext);
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
    this.#traceWithin(jobRun, ({ index, ...fields }) => this.#jobSpan(fields, index), endOfRun);
    this.#traceGroups();
  }

  /** A span of the whole run, and below it one of each job: all of them took as long as the run. */
  #traceGroups(): void {
    const end = jobsRun.trace((fields, work) => {
      if (this.#maker.isLeftOut) return work();
      const startTime = Date.now();
      const { action, asyncId, attempt, jobs } = fields;
      const group: SpanStart = {
        name: `run jobs ${action}`,
        attributes: { ...runAttributes({ action, asyncId, attempt }), 'batchwright.jobs': jobs },
        links: this.#linksToBatch(),
      };
      return this.#maker.inSpan(group, work, (span, { outcomes }: { outcomes: readonly RunOutcome[] }) => {
        if (!span.isRecording()) return;
        for (const outcome of outcomes) {
          const start = this.#jobSpan({ action, asyncId, attempt }, outcome.index);
          const job = this.#maker.startBelow(span, { ...start, startTime });
          endOfRun(job, outcome);
          job.end();
        }
      });
    });
    this.#ends.push(end);
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
    this.#ends.push(
      operation.trace((fields, work) =>
        this.#maker.isLeftOut
          ? work()
          : this.#maker.inSpan(start(fields), work, (span, result: Result) => end(span, result, fields)),
      ),
    );
  }

  #trace<Fields extends object, Result>(
    operation: Operation<Fields, Result>,
    start: (fields: Fields) => SpanStart,
    end: SpanEnd<Fields, Result>,
  ): void {
    this.#ends.push(
      operation.trace((fields, work) =>
        this.#maker.inSpan(start(fields), work, (span, result: Result) => end(span, result, fields)),
      ),
    );
  }

  #jobSpan(fields: RunFields, index: number): SpanStart {
    return {
      name: `run job ${fields.action}`,
      attributes: { ...runAttributes(fields), 'batchwright.index': index },
      links: this.#linksToBatch(),
    };
  }

  #linksToBatch(): Link[] {
    const link = this.#maker.active.getValue(BATCH) as Link | undefined;
    return link ? [link] : [];
  }
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
