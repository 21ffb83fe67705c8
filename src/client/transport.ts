/** Requests to the API: the key, time limits, and repeats under one Idempotency-Key. */
import { ApiError, apiError, ConnectionError, TimeoutError } from './errors.ts';
import { isBeingStored, isPassing, isRefused, pauseMs } from './retry.ts';
import { sleep } from './sleep.ts';

export interface ClientOptions {
  /** Where the server is, a path prefix included: `https://batch.example.com`. */
  url: string;
  /** The API key. */
  key: string;
  /** The longest time that a request may take, or a stream be silent. 60 s when absent. */
  timeoutSeconds?: number;
  /** Repeats after a passing failure. 2 when absent. */
  maxRetries?: number;
  /** Another implementation of fetch. */
  fetch?: typeof fetch;
}

/** What every method of the client takes beside its own options. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. The batch goes on. */
  signal?: AbortSignal | undefined;
}

export interface Request extends CallOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query. */
  path: string;
  headers?: Record<string, string | undefined>;
  /** Sent as JSON. */
  json?: unknown;
  /** JSON that is sent as it is; replaces `json`. */
  text?: string;
  /** When a failed request is repeated. `passing` when absent. */
  repeat?: 'passing' | 'refused' | 'never';
}

/** A request whose first connection broke may be stored for this long before it is given up by the server. */
const STORING_MS = 60_000;
const DEFAULT_TIMEOUT_SECONDS = 60;
const DEFAULT_RETRIES = 2;
const NO_CONTENT = 204;
/** A timer takes no longer time. */
const LONGEST_TIMEOUT_SECONDS = 2_000_000;

/** An answer whose body is still to be read. */
export interface OpenAnswer {
  response: Response;
  /** The time limit begins again: called for every piece that arrives. */
  touch(): void;
  /** Ends the connection. */
  close(): void;
  /** The error of the client for one that reading threw. */
  explain(error: unknown): unknown;
}

export class Transport {
  readonly maxRetries: number;
  readonly #url: string;
  readonly #key: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  /** Throws a TypeError for a wrong option. */
  constructor({ url, key, timeoutSeconds, maxRetries, fetch: given }: ClientOptions) {
    if (typeof url !== 'string' || !/^https?:\/\/[^/?#]+[^?#]*$/i.test(url))
      throw new TypeError(`url must be an address such as https://batch.example.com, not ${String(url)}`);
    if (typeof key !== 'string' || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
      throw new TypeError('key must be an API key: printable ASCII characters');
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
    this.#timeoutMs =
      1000 * inRange('timeoutSeconds', timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS);
    this.maxRetries = inRange('maxRetries', maxRetries ?? DEFAULT_RETRIES, 100);
    // A browser's fetch must be called as a method of its window.
    this.#fetch = given ?? ((...request) => globalThis.fetch(...request));
  }

  /** The parsed answer; undefined for 204. Throws ApiError and ConnectionError. */
  async json<Answer>(request: Request): Promise<Answer> {
    const answer = await this.repeated(request, async () => {
      const open = await this.open(request);
      try {
        const text = await open.response.text();
        if (text !== '') return JSON.parse(text);
        if (open.response.status !== NO_CONTENT) throw new Error('the answer is empty');
      } catch (error) {
        throw open.explain(error);
      } finally {
        open.close();
      }
    });
    return answer as Answer;
  }

  /** Calls `attempt`, again after a passing failure. */
  async repeated<T>(
    { repeat = 'passing', signal }: Pick<Request, 'repeat' | 'signal'>,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const startedAt = Date.now();
    let failures = 0;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        const waits = isBeingStored(error) && Date.now() - startedAt < STORING_MS;
        if (!waits) failures += 1;
        const cured =
          repeat === 'passing' ? waits || isPassing(error) : repeat === 'refused' && isRefused(error);
        if (!cured || failures > this.maxRetries) throw error;
        await sleep(pauseMs(Math.max(1, failures), error), signal);
      }
    }
  }

  /**
   * One attempt, to the head of a successful answer.
   *
   * @param body a stream of the request's body; replaces `json` and `text`
   */
  async open(
    request: Request,
    body?: { content: ReadableStream<Uint8Array> | Blob; untilRead: boolean },
  ): Promise<OpenAnswer> {
    const { method = 'GET', path, headers = {}, json, signal } = request;
    const text = request.text ?? (json === undefined ? undefined : JSON.stringify(json));
    const sent = this.#headers(headers, text);
    const limit = new AbortController();
    const late = new TimeoutError(`${method} ${route(path)} took more than ${this.#timeoutMs / 1000} s`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const touch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => limit.abort(late), this.#timeoutMs);
    };
    const onAbort = () => limit.abort(signal?.reason);
    const close = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      limit.abort();
    };
    const explain = (error: unknown): unknown => {
      if (signal?.aborted) return signal.reason;
      if (limit.signal.aborted && limit.signal.reason === late) return late;
      if (error instanceof SyntaxError)
        return new ConnectionError(`${method} ${route(path)}: the answer is not JSON`, { cause: error });
      return new ConnectionError(`${method} ${route(path)}: ${reasonOf(error)}`, { cause: error });
    };
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    if (!body?.untilRead) touch();
    try {
      const response = await this.#fetch(`${this.#url}${path}`, {
        method,
        headers: sent,
        signal: limit.signal,
        ...(text === undefined ? {} : { body: text }),
        ...(body && { body: body.content, duplex: 'half' }),
      } as RequestInit);
      touch();
      if (response.ok) return { response, touch, close, explain };
      throw apiError(response, await response.text());
    } catch (error) {
      close();
      throw error instanceof ApiError ? error : explain(error);
    }
  }

  /** Throws a TypeError for an idempotencyKey that no header can have: fetch would report it like a broken connection. */
  #headers(more: Record<string, string | undefined>, text: string | undefined): Record<string, string> {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(more['idempotency-key'] ?? ''))
      throw new TypeError('idempotencyKey must be one line of ASCII or Latin-1 characters');
    const all = {
      authorization: `Bearer ${this.#key}`,
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    };
    return Object.fromEntries(
      Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  }
}

function inRange(name: string, value: number, most: number): number {
  if (typeof value === 'number' && value >= 0 && value <= most) return value;
  throw new TypeError(`${name} must be a number from 0 to ${most}, not ${String(value)}`);
}

/** Without the query, for messages. */
function route(path: string): string {
  return path.split('?', 1)[0] ?? path;
}

/** `fetch failed` says nothing: the reason is in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.message || cause?.code || message || String(error);
}

/** An Idempotency-Key: made once a call, so that its repeats are one request. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A path with a query of the values that are given. */
export function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return text === '' ? path : `${path}?${text}`;
}
