/** The demo's requests to the API, over HTTP like any other client. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Job {
  namespace: string;
  action: string;
  params: object;
}

export interface Progress {
  progress: number;
  state: string;
  counts: { total: number; succeeded: number; failed: number; cancelled: number };
}

export interface Result<Response> {
  namespace: string;
  action: string;
  status: string;
  response: Response;
}

export type DemoClient = ReturnType<typeof createClient>;

/** The interval of polling for the end of a batch. */
const POLL_MS = 40;

/**
 * Its methods reject with the request and the answer when the status is not 200, and when the signal is
 * aborted.
 */
export function createClient({ url, key, signal }: { url: string; key: string; signal: AbortSignal }) {
  async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${url}${path}`, {
      method,
      signal,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }

  const progress = (asyncId: string): Promise<Progress> =>
    ask('POST', '/batch?action=progress', { async: asyncId });

  return {
    /** Runs one action and returns its response. */
    call: <Response>({ namespace, action, params }: Job) =>
      ask<Response>('POST', `/api/1.0/${namespace}?action=${action}`, params),

    /** Starts a batch; returns its asyncId. */
    async run(jobs: readonly Job[], callbackUrl?: string): Promise<string> {
      const { asyncId } = await ask<{ asyncId: string }>('POST', '/batch?action=run', { jobs, callbackUrl });
      return asyncId;
    },

    /** Polls until the batch has ended; passes every answer to `onProgress`. */
    async follow(asyncId: string, onProgress: (progress: Progress) => void = () => {}): Promise<void> {
      for (;;) {
        const answer = await progress(asyncId);
        onProgress(answer);
        if (answer.state === 'completed') return;
        await delay(POLL_MS, undefined, { signal });
      }
    },

    /** All results, in the order of the jobs. */
    async results<Response>(asyncId: string): Promise<Result<Response>[]> {
      const answer = await ask<{ results: Result<Response>[] }>('POST', '/batch?action=results', {
        async: asyncId,
      });
      return answer.results;
    },

    async callbackSecret(): Promise<string> {
      return (await ask<{ secret: string }>('GET', '/v1/callback-secret')).secret;
    },
  };
}
