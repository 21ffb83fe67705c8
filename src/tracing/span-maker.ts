/** Makes spans around work, and reads and writes the headers by which traces go on elsewhere. */
import {
  type Context,
  type ContextManager,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { TraceHeaders } from '../telemetry/operations.ts';
import { codeOf, messageOf, setError } from './span-errors.ts';

export interface SpanStart extends SpanOptions {
  name: string;
  /** The active context when absent. */
  parent?: Context;
}

export interface SpanMakerOptions {
  tracer: Tracer;
  propagator: TextMapPropagator;
  /** Where the active span is kept. */
  contexts: Pick<ContextManager, 'active' | 'with'>;
}

export class SpanMaker {
  readonly #tracer: Tracer;
  readonly #propagator: TextMapPropagator;
  readonly #contexts: SpanMakerOptions['contexts'];

  constructor({ tracer, propagator, contexts }: SpanMakerOptions) {
    this.#tracer = tracer;
    this.#propagator = propagator;
    this.#contexts = contexts;
  }

  /**
   * Calls the work within a span.
   *
   * @param end adds to the span what is known at the end of the work
   */
  inSpan<Result, Returned extends Result | Promise<Result>>(
    { name, parent = this.#contexts.active(), ...options }: SpanStart,
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
      returned = this.#contexts.with(trace.setSpan(parent, span), work);
    } catch (error) {
      fail(error);
      throw error;
    }
    if (returned instanceof Promise) returned.then(succeed, fail);
    else succeed(returned as Result);
    return returned;
  }

  /** A span below another one, which does not become the active one. */
  startBelow(parent: Span, { name, ...options }: SpanStart): Span {
    return this.#tracer.startSpan(name, options, trace.setSpan(this.#contexts.active(), parent));
  }

  get active(): Context {
    return this.#contexts.active();
  }

  get activeSpan(): Span | undefined {
    return trace.getSpan(this.#contexts.active());
  }

  /** True when the sampler has left out the active span: it then leaves out all spans of the trace. */
  get isLeftOut(): boolean {
    const span = this.activeSpan;
    return span !== undefined && !span.isRecording() && span.spanContext().isRemote !== true;
  }

  /** The headers that continue the active trace. */
  headers(): TraceHeaders {
    const headers: Record<string, string> = {};
    this.#propagator.inject(this.#contexts.active(), headers, defaultTextMapSetter);
    return headers;
  }

  /** The context of the trace that these headers continue; that of a new trace without. */
  continued(headers: Readonly<Record<string, string | string[] | undefined>>): Context {
    return this.#propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  }

  /** The same for headers that are stored as JSON text. */
  stored(traceContext: string | null): Context {
    return traceContext === null ? ROOT_CONTEXT : this.continued(JSON.parse(traceContext));
  }
}
