/** Batches whose jobs are sent while they are made or read: one job per line, or a CSV file. In constant memory. */
import { ConnectionError } from './errors.ts';
import type { Batch, BatchSettings, Checked } from './resources/batch.ts';
import type { Job } from './resources/job.ts';
import { type Pieces, SentPieces } from './sent-pieces.ts';
import { type CallOptions, newIdempotencyKey, type Request, type Transport, withQuery } from './transport.ts';

/**
 * Jobs, or a function that makes them again for a repeat. A text is the JSON of a job on one line, sent as it is; an
 * empty text is an empty line, so that the server's line numbers can be those of a file.
 */
export type JobSource = Jobs | (() => Jobs);
type Jobs = Iterable<Job | string> | AsyncIterable<Job | string>;

/** The text or the bytes of a CSV file, pieces of it, or a function that reads it again for a repeat. */
export type CsvSource = string | Uint8Array | Blob | AsyncIterable<string | Uint8Array> | (() => CsvPieces);
type CsvPieces = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

export interface UploadOptions extends CallOptions, BatchSettings {
  /** Made once a call when absent. */
  idempotencyKey?: string | undefined;
}

export interface CsvSettings {
  /** `namespace.action`: each row is the params of a job of it. */
  action: string;
  /** The param of a column, where the header does not name it; an empty one leaves the column out. */
  map?: Readonly<Record<string, string>> | undefined;
  /** Params that all rows have, written as in a cell. */
  set?: Readonly<Record<string, string>> | undefined;
  /** Found out from the first line when absent. */
  delimiter?: ',' | ';' | '\t' | undefined;
  /** `utf-8` when absent. */
  charset?: string | undefined;
}

/** Jobs are sent in pieces of about this many characters: a piece per job would cost more than the job. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Stores a batch. After a broken connection the request is repeated when the source is a function or an array: any
 * other source is read once only, and is not repeated after its first job was taken.
 */
export async function uploadJobs(
  transport: Transport,
  source: JobSource,
  options: UploadOptions,
): Promise<Batch> {
  return sendJobs(transport, source, {}, storing(options));
}

/** Checks jobs and stores nothing. */
export async function checkJobs(
  transport: Transport,
  source: JobSource,
  options: CallOptions & BatchSettings,
): Promise<Checked> {
  return sendJobs(transport, source, { dryRun: 'true' }, options);
}

/** Stores a batch from a CSV file; repeated like `uploadJobs`, also for a text, bytes and a Blob. */
export async function uploadCsv(
  transport: Transport,
  file: CsvSource,
  options: UploadOptions & CsvSettings,
): Promise<Batch> {
  requireAction(options);
  return sendCsv(transport, file, {}, storing(options));
}

/** Checks a CSV file and stores nothing. */
export async function checkCsv(
  transport: Transport,
  file: CsvSource,
  options: CallOptions & BatchSettings & CsvSettings,
): Promise<Checked> {
  requireAction(options);
  return sendCsv(transport, file, { dryRun: 'true' }, options);
}

/** Throws a TypeError: a caller without types may leave it out. */
function requireAction(options: CsvSettings | undefined): void {
  if (typeof options?.action !== 'string' || options.action === '')
    throw new TypeError("options must name the action of the rows: { action: 'namespace.action' }");
}

function hasPieces(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

function storing<Options extends UploadOptions>(options: Options): Options {
  return { ...options, idempotencyKey: options.idempotencyKey ?? newIdempotencyKey() };
}

type Query = Record<string, string | undefined>;

function sendJobs<Answer>(
  transport: Transport,
  source: JobSource,
  query: Query,
  options: UploadOptions,
): Promise<Answer> {
  if (!hasPieces(source))
    throw new TypeError('jobs must be an array, an iterable or a function that makes one');
  const body = {
    isRepeatable: typeof source === 'function' || Array.isArray(source),
    open: () => linesOf(typeof source === 'function' ? source() : source),
  };
  return send(transport, body, requestOf('application/x-ndjson', query, options));
}

function sendCsv<Answer>(
  transport: Transport,
  file: CsvSource,
  query: Query,
  options: UploadOptions & CsvSettings,
): Promise<Answer> {
  const { action, map = {}, set = {}, delimiter, charset = 'utf-8' } = options;
  const ofFile = { action, delimiter, ...prefixed('map.', map), ...prefixed('set.', set) };
  const isWhole = typeof file === 'string' || file instanceof Uint8Array || file instanceof Blob;
  if (!isWhole && !hasPieces(file))
    throw new TypeError('file must be text, bytes, a Blob, pieces of them or a function that opens the file');
  const body = {
    isRepeatable: isWhole || typeof file === 'function',
    open: () => {
      if (isWhole) return new Blob([file as string | Uint8Array<ArrayBuffer> | Blob]);
      return typeof file === 'function' ? file() : file;
    },
  };
  return send(transport, body, requestOf(`text/csv; charset=${charset}`, { ...ofFile, ...query }, options));
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Query {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** The callback and the options are in the query. */
function requestOf(
  contentType: string,
  query: Query,
  { callbackUrl, options = {}, idempotencyKey, signal }: UploadOptions,
): Request {
  const given = Object.entries(options).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return {
    method: 'POST',
    path: withQuery('/v1/batches', { ...query, callbackUrl, ...Object.fromEntries(given) }),
    headers: { 'content-type': contentType, 'idempotency-key': idempotencyKey },
    signal,
  };
}

async function* linesOf(jobs: Jobs): AsyncGenerator<string> {
  let piece = '';
  for await (const job of jobs) {
    piece += `${typeof job === 'string' ? job : JSON.stringify(job)}\n`;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

interface BodySource {
  /** Other sources can be read only once. */
  isRepeatable: boolean;
  open(): Pieces | Blob;
}

async function send<Answer>(
  transport: Transport,
  { isRepeatable, open }: BodySource,
  request: Request,
): Promise<Answer> {
  let taken = false;
  const attempt = async (): Promise<Answer> => {
    const source = open();
    const sent = source instanceof Blob ? undefined : new SentPieces(source);
    try {
      const content = sent ? await sent.content() : (source as Blob);
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
      throw sent?.failure ? sent.failure.reason : error;
    } finally {
      taken ||= sent?.isTaken ?? false;
      sent?.stop();
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
  return transport.repeated({ signal: request.signal }, maySend).catch((error) => {
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
