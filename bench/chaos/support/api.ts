/** A caller of the API who bears with outages, as a good client does. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

export interface Answer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

/** What the jobs of bench/chaos/jobs come to. */
export interface Result {
  index: number;
  status: string;
  attempts: number;
  response: { n?: number; pid?: number; errorCode?: number; message?: string } | null;
}

export interface Request {
  method?: string;
  body?: string;
  headers?: Record<string, string>;
}

export interface Batch {
  state: string;
  progress: number;
  counts: Record<'total' | 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled', number>;
  callback: { state: string; attempts: number } | null;
}

/** Batches, the newest first. */
export interface List {
  data: { asyncId: string }[];
}

export interface Api {
  url: string;
  key: string;
  /** Rejects when the connection breaks. `Body` is what the caller takes from the answer. */
  call<Body = unknown>(path: string, request?: Request): Promise<Answer<Body>>;
  /** Answers the asyncId; sends the batch again, under one Idempotency-Key, until it is acknowledged. */
  run(jobs: readonly object[], callbackUrl?: string): Promise<string>;
  /** Undefined while nobody answers. */
  batch(asyncId: string): Promise<Batch | undefined>;
  /** Every result, as they come; undefined while nobody answers, or the stream was cut. */
  results(asyncId: string): Promise<Result[] | undefined>;
  /** The same API with another key. */
  as(key: string): Api;
}

const ANSWER_MS = 60_000;
const PAUSE_MS = 200;
/** What a client repeats. */
const PASSING = [408, 409, 429, 500, 502, 503, 504];

export function createApi(url: string, key: string, signal: AbortSignal): Api {
  async function send(path: string, { method = 'GET', body, headers }: Request = {}): Promise<Response> {
    return fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
  }

  async function call<Body>(path: string, request?: Request): Promise<Answer<Body>> {
    const response = await send(path, request);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
  }

  return {
    url,
    key,
    call,
    as: (other) => createApi(url, other, signal),

    async run(jobs, callbackUrl) {
      const headers = { 'idempotency-key': randomUUID() };
      const body = JSON.stringify({ jobs, callbackUrl });
      for (;;) {
        signal.throwIfAborted();
        const request = { method: 'POST', body, headers };
        const answer = await call<{ asyncId: string }>('/batch?action=run', request).catch(() => undefined);
        if (answer?.status === 200) return answer.body.asyncId;
        if (answer && !PASSING.includes(answer.status))
          throw new Error(`run answers ${answer.status}: ${JSON.stringify(answer.body)}`);
        await wait(PAUSE_MS, undefined, { signal });
      }
    },

    async batch(asyncId) {
      const answer = await call<Batch>(`/v1/batches/${asyncId}`).catch(() => undefined);
      signal.throwIfAborted();
      if (answer?.status === 404) throw new Error(`the batch ${asyncId}, once acknowledged, is 404`);
      return answer?.status === 200 ? answer.body : undefined;
    },

    async results(asyncId) {
      try {
        const headers = { accept: 'application/x-ndjson' };
        const response = await send(`/v1/batches/${asyncId}/results`, { headers });
        if (response.status !== 200) return undefined;
        return (await response.text())
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line));
      } catch {
        signal.throwIfAborted();
        return undefined;
      }
    },
  };
}
