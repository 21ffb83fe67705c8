/** A caller of the API that tolerates outages, like a good client. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

export interface Answer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

/** The results of the jobs of bench/chaos/jobs. */
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
  /** Rejects when the connection breaks. `Body` is the part of the answer that the caller reads. */
  call<Body = unknown>(path: string, request?: Request): Promise<Answer<Body>>;
  /** Returns the asyncId; repeats the request, under one Idempotency-Key, until it is acknowledged. */
  run(jobs: readonly object[], callbackUrl?: string): Promise<string>;
  /** Undefined while the API does not answer. */
  batch(asyncId: string): Promise<Batch | undefined>;
  /** Every result, in order of arrival; undefined while the API does not answer, or the stream was cut. */
  results(asyncId: string): Promise<Result[] | undefined>;
  /** The same API with another key. */
  as(key: string): Api;
}

const ANSWER_MS = 60_000;
const PAUSE_MS = 200;
/** Statuses after which a client repeats the request. */
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
