/**
 * Work of this process that has a beginning and an end. Tracing runs it within a span. Unlike an event, an operation
 * gives its work a context, so that what the work does belongs to the span too.
 */
import { PerInstance } from './instance.ts';

/** Calls the work once and returns what it returned. */
export type Surround<Fields, Result> = <Returned extends Result | Promise<Result>>(
  fields: Fields,
  work: () => Returned,
) => Returned;

export class Operation<Fields extends object, Result> {
  readonly #surround = new PerInstance<Surround<Fields, Result>>();

  /** False when nothing traces: then the fields need not be put together. */
  get isTraced(): boolean {
    return this.#surround.value !== undefined;
  }

  /** Calls the work, within a span when it is traced. */
  run<Returned extends Result | Promise<Result>>(fields: Fields, work: () => Returned): Returned {
    const surround = this.#surround.value;
    return surround ? surround(fields, work) : work();
  }

  /** From now on the work of this instance runs within this function. Returns a function that ends that. */
  trace(surround: Surround<Fields, Result>): () => void {
    return this.#surround.set(surround);
  }
}

/** Headers by which another process continues a trace: `traceparent`, and `tracestate` if there is one. */
export type TraceHeaders = Readonly<Record<string, string>>;

const NO_HEADERS: TraceHeaders = Object.freeze({});
const readHeaders = new PerInstance<() => TraceHeaders>();

/** The headers of the work that runs now; none when nothing traces. */
export function traceHeaders(): TraceHeaders {
  return readHeaders.value?.() ?? NO_HEADERS;
}

/** From now on this function reads the headers of this instance's work. Returns a function that ends that. */
export function setTraceHeaders(read: () => TraceHeaders): () => void {
  return readHeaders.set(read);
}

/** A request is answered. */
export const requestHandled = new Operation<
  { method: string; headers: Readonly<Record<string, string | string[] | undefined>> },
  {
    /** The pattern of the route; null without one. */
    route: string | null;
    /** The path of a route, with the pattern's parameters in place of values that may be secret. */
    path: string;
    /** 0 when the connection ended before an answer. */
    status: number;
  }
>();

/** A request's batch is checked and stored. The result is its asyncId. */
export const batchStored = new Operation<{ tenant: string }, string>();

/** A lane works on a message, from its claim to its last settle. */
export const chunkRun = new Operation<
  {
    /** The queue that its actions name. */
    queue: string;
    asyncId: string;
    tenant: string;
    /** The chunk's number in its batch. */
    chunk: number;
    attempt: number;
    /** Jobs of the message that have no result. */
    jobs: number;
    /** When its work began, in ms since the epoch. */
    startedAt: number;
    /** JSON text: the trace headers of the request that stored the batch; null without. */
    traceContext: string | null;
  },
  unknown
>();

/** The outcome of a run, as in `domain/outcome.ts`. */
export interface RunOutcome {
  index: number;
  status: 'succeeded' | 'failed' | 'cancelled' | 'skipped' | 'retry';
  /** JSON text: the error of a failed job. */
  response?: string;
  /** The failed run of a job that will run again; null for one that does not count as an attempt. */
  failed?: { response: string } | null;
}

interface RunFields {
  action: string;
  asyncId: string;
  attempt: number;
}

/** One run of one job. */
export const jobRun = new Operation<RunFields & { index: number }, RunOutcome>();

/** One run of `runMany` for several jobs. */
export const jobsRun = new Operation<RunFields & { jobs: number }, { outcomes: readonly RunOutcome[] }>();

/** An action's request to another API. */
export const requestSent = new Operation<{ method: string; url: URL }, { status: number }>();

/** One attempt to deliver a callback. */
export const callbackSent = new Operation<
  {
    asyncId: string;
    tenant: string;
    attempt: number;
    url: string;
    /** As in `chunkRun`. */
    traceContext: string | null;
  },
  { status: number | null; error: string | null }
>();
