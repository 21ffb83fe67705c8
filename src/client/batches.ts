/** `client.batches` */
import { ConnectionError } from './errors.ts';
import { type FollowedBatch, type FollowOptions, followBatches } from './follow.ts';
import { type Page, Pages } from './pages.ts';
import { batchPath } from './paths.ts';
import type {
  Batch,
  BatchSettings,
  BatchState,
  Checked,
  ErrorGroups,
  NewBatch,
  RestartSelection,
  Timeline,
} from './resources/batch.ts';
import type { CallbackAttempt } from './resources/callback.ts';
import type { JobPlan, ListedJob, OpenJob } from './resources/job.ts';
import type { Result } from './resources/result.ts';
import { type ResultOptions, resultLines } from './results.ts';
import { type CallOptions, newIdempotencyKey, type Transport, withQuery } from './transport.ts';
import {
  type CsvSettings,
  type CsvSource,
  checkCsv,
  checkJobs,
  type JobSource,
  type UploadOptions,
  uploadCsv,
  uploadJobs,
} from './upload.ts';
import { type WaitOptions, waitForEnd } from './wait.ts';

export interface CreateOptions extends CallOptions {
  /** The same key and batch make one batch, whoever sends them. Made once a call when absent. */
  idempotencyKey?: string | undefined;
}

export interface ListOptions extends CallOptions {
  state?: BatchState | undefined;
  /** Only batches with a job of this action, `namespace.action`. */
  action?: string | undefined;
  /** Only batches taken at this time or later, as in RFC 3339. */
  since?: string | undefined;
  /** Only batches taken before this time. */
  until?: string | undefined;
  /** Only batches with failed jobs, or only those without. */
  failed?: boolean | undefined;
  name?: string | undefined;
  /** Only batches with all of these texts in their metadata. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Batches a page: 100 when absent, 1,000 at most. */
  limit?: number | undefined;
  /** Goes on behind an earlier page: its `nextCursor`. */
  cursor?: string | undefined;
}

export interface OpenJobOptions extends CallOptions {
  status?: OpenJob['status'] | undefined;
  /** Jobs a page: 100 when absent, 1,000 at most. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export class Batches {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Stores a batch, once however often the request is repeated.
   *
   * @param batch an object, or its JSON text, which is sent as it is: large numbers keep their digits
   */
  create(batch: NewBatch | string, options: CreateOptions = {}): Promise<Batch> {
    const { signal, idempotencyKey = newIdempotencyKey() } = options;
    const headers = { 'idempotency-key': idempotencyKey };
    return this.#transport.json({ method: 'POST', path: '/v1/batches', ...bodyOf(batch), headers, signal });
  }

  /**
   * Stores a batch whose jobs are sent as they are made, up to a million in constant memory. Give a function or an
   * array, if a broken connection is to be survived: any other source can be read only once.
   */
  createFrom(jobs: JobSource, options: UploadOptions = {}): Promise<Batch> {
    return uploadJobs(this.#transport, jobs, options);
  }

  /**
   * Stores a batch from a CSV file, one row a job of `options.action`, up to a million rows in constant memory. Give the
   * text, a Blob or a function that opens the file, if a broken connection is to be survived.
   */
  createFromCsv(file: CsvSource, options: UploadOptions & CsvSettings): Promise<Batch> {
    return uploadCsv(this.#transport, file, options);
  }

  /** Stores a batch and waits for its end. */
  async createAndWait(batch: NewBatch | string, options: CreateOptions & WaitOptions = {}): Promise<Batch> {
    const { asyncId } = await this.create(batch, options);
    return this.wait(asyncId, options);
  }

  /** Checks a batch and stores nothing. Throws the error that `create` would. */
  validate(batch: NewBatch | string, { signal }: CallOptions = {}): Promise<Checked> {
    const path = '/v1/batches?dryRun=true';
    return this.#transport.json({ method: 'POST', path, ...bodyOf(batch), signal });
  }

  /** Like `validate`, for jobs that are sent as they are made. */
  validateFrom(jobs: JobSource, settings: CallOptions & BatchSettings = {}): Promise<Checked> {
    return checkJobs(this.#transport, jobs, settings);
  }

  /** Like `validate`, for a CSV file. */
  validateCsv(file: CsvSource, settings: CallOptions & BatchSettings & CsvSettings): Promise<Checked> {
    return checkCsv(this.#transport, file, settings);
  }

  async retrieve(asyncId: string, { signal }: CallOptions = {}): Promise<Batch> {
    return this.#transport.json({ path: batchPath(asyncId), signal });
  }

  /** All batches of the key's tenant, newest first; `pages()` returns them page by page. */
  list({ signal, failed, metadata = {}, cursor: first, ...query }: ListOptions = {}): Pages<Batch> {
    const texts = Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [`metadata.${name}`, value]),
    );
    return new Pages((cursor = first) => {
      const path = withQuery('/v1/batches', { ...query, ...texts, failed: failed?.toString(), cursor });
      return this.#transport.json<Page<Batch>>({ path, signal });
    });
  }

  /**
   * The batch when it has ended, whether its jobs succeeded or not. It goes on after broken connections and restarts
   * of the server.
   */
  wait(asyncId: string, options: WaitOptions = {}): Promise<Batch> {
    return waitForEnd(this.#transport, asyncId, options);
  }

  /**
   * What is new about up to 100 batches, over one connection: each as it is now, then after its changes, at most four
   * times a second. It ends when all have ended, but not with `newest`, and goes on after broken connections and restarts of
   * the server.
   */
  follow(asyncIds: readonly string[], options: FollowOptions = {}): AsyncGenerator<FollowedBatch> {
    return followBatches(this.#transport, asyncIds, options);
  }

  /**
   * All results, in the order of the jobs; before the batch has ended, those that there are. It goes on after broken
   * connections.
   */
  async *results<Response = unknown>(
    asyncId: string,
    options: ResultOptions = {},
  ): AsyncGenerator<Result<Response>> {
    for await (const line of resultLines(this.#transport, asyncId, options)) yield JSON.parse(line);
  }

  /** The JSON text of each result as the server sent it: large numbers are not rounded. */
  resultLines(asyncId: string, options: ResultOptions = {}): AsyncGenerator<string> {
    return resultLines(this.#transport, asyncId, options);
  }

  /** All results as CSV, in pieces. It fails when the connection breaks. */
  async *resultsAsCsv(
    asyncId: string,
    { signal, ...filter }: ResultOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const path = withQuery(`${batchPath(asyncId)}/results`, filter);
    const request = { path, headers: { accept: 'text/csv' }, signal };
    const answer = await this.#transport.repeated(request, () => this.#transport.open(request));
    const reader = answer.response.body?.getReader();
    if (!reader) throw new ConnectionError('the answer has no body');
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((error) => {
          throw answer.explain(error);
        });
        if (done) return;
        answer.touch();
        yield value;
      }
    } finally {
      answer.close();
    }
  }

  /**
   * Some of the results: from the start-th of those selected, counted from 0. 100 at most when there is no limit; fewer
   * when they are large.
   */
  async resultPage<Response = unknown>(
    asyncId: string,
    { signal, ...query }: ResultOptions & { start?: number; limit?: number } = {},
  ): Promise<Page<Result<Response>>> {
    return this.#transport.json({ path: withQuery(`${batchPath(asyncId)}/results`, query), signal });
  }

  /**
   * The jobs that have not ended, in the order of the request; `pages()` returns them page by page. A page may have few, or
   * none, where most jobs have ended.
   *
   * @param options.cursor goes on behind an earlier page: its `nextCursor`
   */
  openJobs(asyncId: string, { signal, cursor: first, ...query }: OpenJobOptions = {}): Pages<ListedJob> {
    return new Pages((cursor = first) => {
      const path = withQuery(`${batchPath(asyncId)}/jobs`, { ...query, cursor });
      return this.#transport.json<Page<ListedJob>>({ path, signal });
    });
  }

  /** One job: its result when it has ended. */
  async job<Response = unknown>(
    asyncId: string,
    index: number,
    { signal }: CallOptions = {},
  ): Promise<(Result<Response> & JobPlan) | OpenJob> {
    if (!Number.isSafeInteger(index) || index < 0)
      throw new TypeError(`index must be a whole number from 0, not ${String(index)}`);
    return this.#transport.json({ path: `${batchPath(asyncId)}/jobs/${index}`, signal });
  }

  /** The failed jobs by their error, so far. */
  async errors(asyncId: string, { signal }: CallOptions = {}): Promise<ErrorGroups> {
    return this.#transport.json({ path: `${batchPath(asyncId)}/errors`, signal });
  }

  /**
   * The jobs that have ended, over time.
   *
   * @param options.buckets the largest number of periods, 10 to 500; 120 when absent
   */
  async timeline(
    asyncId: string,
    { buckets, signal }: CallOptions & { buckets?: number } = {},
  ): Promise<Timeline> {
    return this.#transport.json({ path: withQuery(`${batchPath(asyncId)}/timeline`, { buckets }), signal });
  }

  /** The attempts to deliver its callback. */
  async callbacks(asyncId: string, { signal }: CallOptions = {}): Promise<CallbackAttempt[]> {
    const path = `${batchPath(asyncId)}/callbacks`;
    return (await this.#transport.json<{ data: CallbackAttempt[] }>({ path, signal })).data;
  }

  /** No further job starts; those that run go on to their end. Nothing happens when the batch has ended. */
  cancel(asyncId: string, { signal }: CallOptions = {}): Promise<Batch> {
    return this.#change(asyncId, 'cancel', undefined, signal);
  }

  /** No further job starts before the batch is resumed; those that run go on to their end. */
  pause(asyncId: string, { signal }: CallOptions = {}): Promise<Batch> {
    return this.#change(asyncId, 'pause', undefined, signal);
  }

  /** A paused batch goes on. */
  resume(asyncId: string, { signal }: CallOptions = {}): Promise<Batch> {
    return this.#change(asyncId, 'resume', undefined, signal);
  }

  /**
   * Runs again what has not succeeded, or what the selection names of it. Nothing happens while the batch runs, and
   * when nothing is left to run.
   */
  restart(asyncId: string, { signal, ...selection }: RestartSelection & CallOptions = {}): Promise<Batch> {
    return this.#change(asyncId, 'restart', selection, signal);
  }

  /** Deletes an ended batch with its results; ConflictError before its end. A waiting callback is not sent any more. */
  async delete(asyncId: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: batchPath(asyncId), signal });
  }

  /** Sends the callback again. */
  repost(asyncId: string, { signal }: CallOptions = {}): Promise<Batch> {
    return this.#change(asyncId, 'repost', undefined, signal);
  }

  async #change(
    asyncId: string,
    verb: string,
    json: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Batch> {
    return this.#transport.json({ method: 'POST', path: `${batchPath(asyncId)}/${verb}`, json, signal });
  }
}

function bodyOf(batch: NewBatch | string): { json: NewBatch } | { text: string } {
  return typeof batch === 'string' ? { text: batch } : { json: batch };
}
