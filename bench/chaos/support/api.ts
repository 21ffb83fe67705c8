/** A caller of the API who bears with outages, as a good client does. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each caller says what it takes from the answer
  body: any;
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

export interface Api {
  url: string;
  key: string;
  /** Rejects when the connection breaks. */
  call(path: string, request?: Request): Promise<Answer>;
  /** Answers the asyncId; sends the batch again, under one Idempotency-Key, until it is acknowledged. */
  run(jobs: readonly object[], callbackUrl?: string): Promise<string>;
  /** Undefined while nobody answers. */
  batch(asyncId: string): Promise<Batch | undefined>;
  /** Every result, as they come; undefined while nobody answers, or the stream was cut. */
  // biome-ignore lint/suspicious/noExplicitAny: results hold responses of every shape
  results(asyncId: string): Promise<any[] | undefined>;
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

  async function call(path: string, request?: Request): Promise<Answer> {
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
        const answer = await call('/batch?action=run', { method: 'POST', body, headers }).catch(
          () => undefined,
        );
        if (answer?.status === 200) return answer.body.asyncId;
        if (answer && !PASSING.includes(answer.status))
          throw new Error(`run answers ${answer.status}: ${JSON.stringify(answer.body)}`);
        await wait(PAUSE_MS, undefined, { signal });
      }
    },

    async batch(asyncId) {
      const answer = await call(`/v1/batches/${asyncId}`).catch(() => undefined);
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
