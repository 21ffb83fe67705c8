/** A batch whose jobs are made while they are sent: one job per line, in constant memory. */
import { ConnectionError } from './errors.ts';
import { sleep } from './sleep.ts';
import { type CallOptions, newIdempotencyKey, type Request, type Transport, withQuery } from './transport.ts';
import type { Batch, BatchSettings, Job } from './types.ts';

/**
 * Jobs, or a function that makes them again for a repeat. A text is the JSON of a job on one line, sent as it is; an
 * empty text is an empty line, so that the server's line numbers can be those of a file.
 */
export type JobSource = Jobs | (() => Jobs);
type Jobs = Iterable<Job | string> | AsyncIterable<Job | string>;

export interface UploadOptions extends CallOptions, BatchSettings {
  /** Made once a call when absent. */
  idempotencyKey?: string | undefined;
}

/** Jobs are sent in pieces of about this many characters: a piece per job would cost more than the job. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Stores a batch. After a broken connection the request is repeated when the source is a function or an array: any
 * other source is read once only, and is not repeated after its first job was taken.
 */
export async function upload(
  transport: Transport,
  source: JobSource,
  options: UploadOptions,
): Promise<Batch> {
  const { callbackUrl, options: batchOptions = {}, idempotencyKey = newIdempotencyKey(), signal } = options;
  const path = withQuery('/v1/batches', {
    callbackUrl,
    ...Object.fromEntries(
      Object.entries(batchOptions).map(([name, value]) => [
        name,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]),
    ),
  });
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': idempotencyKey };
  return send(transport, source, { path, headers, signal, form: LINES });
}

/** Sends the jobs as one JSON body to a route that checks them. */
export async function sendForValidation(
  transport: Transport,
  path: string,
  source: JobSource,
  { signal, ...settings }: CallOptions & BatchSettings,
): Promise<void> {
  const rest = JSON.stringify(settings).slice(1);
  const form: Form = {
    begin: '{"jobs":[',
    // An empty line is no job.
    job: (text, isFirst) => (text === '' || isFirst ? text : `,${text}`),
    end: rest === '}' ? ']}' : `],${rest}`,
  };
  await send(transport, source, { path, headers: { 'content-type': 'application/json' }, signal, form });
}

/** How jobs become a body. */
interface Form {
  begin: string;
  /** A job with what separates it from those before it. */
  job(text: string, isFirst: boolean): string;
  end: string;
}

const LINES: Form = { begin: '', job: (text) => `${text}\n`, end: '' };

async function send<Answer>(
  transport: Transport,
  source: JobSource,
  { path, headers, signal, form }: Pick<Request, 'path' | 'headers' | 'signal'> & { form: Form },
): Promise<Answer> {
  const isRepeatable = typeof source === 'function' || Array.isArray(source);
  let taken = false;

  const attempt = async (): Promise<Answer> => {
    const sent = new JobStream(typeof source === 'function' ? source() : source, form, () => {
      taken = true;
    });
    const request = { method: 'POST' as const, path, signal, ...(headers && { headers }) };
    try {
      const content = canStream() ? sent.stream() : await sent.blob();
      const answer = await transport.open(request, { content, untilRead: true });
      try {
        return (await answer.response.json()) as Answer;
      } catch (error) {
        throw answer.explain(error);
      } finally {
        answer.close();
      }
    } catch (error) {
      // The source failed, and with it the request.
      throw sent.failure?.reason ?? error;
    } finally {
      sent.stop();
    }
  };
  const maySend = async (): Promise<Answer> => {
    try {
      return await attempt();
    } catch (error) {
      if (taken && !isRepeatable && error instanceof ConnectionError) throw new OnceOnly(error);
      throw error;
    }
  };
  return transport.repeated({ signal }, maySend).catch((error) => {
    throw error instanceof OnceOnly ? error.error : error;
  });
}

/** Keeps a passing error from being repeated. */
class OnceOnly extends Error {
  readonly error: ConnectionError;

  constructor(error: ConnectionError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * Browsers stream a body over HTTP/2 only, or not at all: there the lines are collected first. Everywhere else fetch
 * does it.
 */
function canStream(): boolean {
  return !('document' in globalThis || 'WorkerGlobalScope' in globalThis) || 'Deno' in globalThis;
}

class JobStream {
  /** Set when the source threw. */
  failure: { reason: unknown } | undefined;
  readonly #jobs: Iterator<Job | string> | AsyncIterator<Job | string>;
  readonly #form: Form;
  readonly #onTaken: () => void;
  /** What is sent before the next job. */
  #begin: string;
  #isFirst = true;
  #isEnded = false;

  constructor(jobs: Jobs, form: Form, onTaken: () => void) {
    this.#jobs = Symbol.asyncIterator in jobs ? jobs[Symbol.asyncIterator]() : jobs[Symbol.iterator]();
    this.#form = form;
    this.#begin = form.begin;
    this.#onTaken = onTaken;
  }

  stream(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        // A fast source would let nothing else run, not even the arrival of the answer.
        await sleep(0);
        const text = await this.#piece();
        if (text === '') controller.close();
        else controller.enqueue(encoder.encode(text));
      },
      cancel: () => this.stop(),
    });
  }

  /** Called when the server has answered, maybe before the last line: fetch would go on reading. */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // A source that fails to end has nothing to do with the answer.
    void (async () => this.#jobs.return?.())().catch(() => {});
  }

  async blob(): Promise<Blob> {
    const pieces: string[] = [];
    for (;;) {
      const piece = await this.#piece();
      if (piece === '') return new Blob(pieces);
      pieces.push(piece);
    }
  }

  /** The next jobs; empty at the end. */
  async #piece(): Promise<string> {
    let text = this.#begin;
    this.#begin = '';
    try {
      while (text.length < PIECE_LENGTH && !this.#isEnded) {
        const { done, value } = await this.#jobs.next();
        if (done) {
          this.#isEnded = true;
          return text + this.#form.end;
        }
        this.#onTaken();
        const job = this.#form.job(typeof value === 'string' ? value : JSON.stringify(value), this.#isFirst);
        if (job !== '') this.#isFirst = false;
        text += job;
      }
    } catch (reason) {
      this.#isEnded = true;
      this.failure = { reason };
      throw reason;
    }
    return text;
  }
}
