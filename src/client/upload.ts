/** A batch whose jobs are made while they are sent: one job per line, in constant memory. */
import { ConnectionError } from './errors.ts';
import { sleep } from './sleep.ts';
import { type CallOptions, newIdempotencyKey, type Transport, withQuery } from './transport.ts';
import type { Batch, BatchSettings, Job } from './types.ts';

/** Jobs, or a function that makes them again for a repeat. */
export type JobSource = Jobs | (() => Jobs);
type Jobs = Iterable<Job> | AsyncIterable<Job>;

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
  const { rate, ...others } = batchOptions;
  const path = withQuery('/v1/batches', {
    callbackUrl,
    ...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, String(value)])),
    rate: rate && JSON.stringify(rate),
  });
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': idempotencyKey };
  const isRepeatable = typeof source === 'function' || Array.isArray(source);
  let taken = false;

  const attempt = async (): Promise<Batch> => {
    const sent = new LineStream(typeof source === 'function' ? source() : source, () => {
      taken = true;
    });
    const request = { method: 'POST' as const, path, headers, signal };
    try {
      const content = canStream() ? sent.stream() : await sent.blob();
      const answer = await transport.open(request, { content, untilRead: true });
      try {
        return (await answer.response.json()) as Batch;
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
  const maySend = async (): Promise<Batch> => {
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

class LineStream {
  /** Set when the source threw. */
  failure: { reason: unknown } | undefined;
  readonly #jobs: Iterator<Job> | AsyncIterator<Job>;
  readonly #onTaken: () => void;
  #isEnded = false;

  constructor(jobs: Jobs, onTaken: () => void) {
    this.#jobs = Symbol.asyncIterator in jobs ? jobs[Symbol.asyncIterator]() : jobs[Symbol.iterator]();
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

  /** The next lines; empty at the end. */
  async #piece(): Promise<string> {
    let text = '';
    try {
      while (text.length < PIECE_LENGTH && !this.#isEnded) {
        const { done, value } = await this.#jobs.next();
        if (done) {
          this.#isEnded = true;
          break;
        }
        this.#onTaken();
        text += `${JSON.stringify(value)}\n`;
      }
    } catch (reason) {
      this.#isEnded = true;
      this.failure = { reason };
      throw reason;
    }
    return text;
  }
}
