/**
 * A caller of the API that uses little processor time, because it shares the processor with the measured
 * processes.
 */
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request as send } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Json } from '../../test/support/json.ts';
import { until } from './until.ts';

export interface Client {
  /** Starts a batch from a `run` body; returns its asyncId. */
  run(body: string | Buffer): Promise<string>;
  /** The same for NDJSON, sent as fast as it is accepted. */
  runLines(pieces: readonly Buffer[]): Promise<string>;
  /** Resolves when every job of the batch has succeeded; at most about 20 ms late. */
  ended(asyncId: string): Promise<void>;
  /** Resolves to the number of succeeded jobs when the batch has ended; at most about 20 ms late. */
  succeeded(asyncId: string): Promise<number>;
  /** Cancels the batch; resolves when it has ended. */
  cancel(asyncId: string): Promise<void>;
  /** Sends the batch's callback again. */
  repost(asyncId: string): Promise<void>;
  /** Reads the stream of all results to its end and returns their number. */
  countResults(asyncId: string): Promise<number>;
  /** A new key of this tenant that may run all bench actions. */
  createKey(tenant: string): Promise<string>;
  close(): void;
}

/** Its methods reject for every unsuccessful answer, and when the signal aborts. */
export function createClient({
  url,
  key,
  signal,
}: {
  url: string;
  key: string;
  signal: AbortSignal;
}): Client {
  const agent = new Agent({ keepAlive: true });

  function open(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
    return send(`${url}${path}`, {
      method,
      agent,
      signal,
      headers: { authorization: `Bearer ${key}`, ...headers },
    });
  }

  async function post(path: string, body: string | Buffer): Promise<Json> {
    const request = open('POST', path, { 'content-type': 'application/json' });
    request.end(body);
    return JSON.parse(await text(await answerOf(request)));
  }

  async function reaches(state: 'completed' | 'cancelled', asyncId: string): Promise<Json> {
    const body = JSON.stringify({ async: asyncId });
    const batch = await until(
      async () => {
        const answer = await post('/batch?action=progress', body);
        return answer.state === state && answer;
      },
      { signal, everyMs: 20 },
    );
    return batch.counts;
  }

  return {
    run: async (body) => (await post('/batch?action=run', body)).asyncId,

    async runLines(pieces) {
      const request = open('POST', '/v1/batches', { 'content-type': 'application/x-ndjson' });
      const sent = pipeline(Readable.from(pieces), request);
      const answer = await answerOf(request, 202);
      await sent;
      return JSON.parse(await text(answer)).asyncId;
    },

    async ended(asyncId) {
      const { succeeded, total } = await reaches('completed', asyncId);
      if (succeeded !== total) throw new Error(`${succeeded} of ${total} jobs succeeded`);
    },

    succeeded: async (asyncId) => (await reaches('completed', asyncId)).succeeded,

    async cancel(asyncId) {
      await post('/batch?action=cancel', JSON.stringify({ async: asyncId }));
      await reaches('cancelled', asyncId);
    },

    async repost(asyncId) {
      const { reposted } = await post('/batch?action=repost', JSON.stringify({ async: asyncId }));
      if (!reposted) throw new Error('the callback was not sent once more');
    },

    async countResults(asyncId) {
      const path = `/v1/batches/${asyncId}/results`;
      const request = open('GET', path, { accept: 'application/x-ndjson' });
      request.end();
      return countLines(await answerOf(request));
    },

    createKey: async (tenant) =>
      (await post('/v1/keys', JSON.stringify({ name: 'bench', tenant, permissions: ['bench.*'] }))).key,

    close: () => agent.destroy(),
  };
}

async function answerOf(request: ClientRequest, status = 200): Promise<IncomingMessage> {
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  if (answer.statusCode === status || answer.statusCode === 201) return answer;
  const route = `${request.method} ${request.path.replace(/[0-9a-f]{32}/, '{asyncId}')}`;
  const what = `${route} answers ${answer.statusCode}`;
  const body = await text(answer);
  throw new Error(`${what}: ${body.slice(0, 500)}`);
}

const NEW_LINE = 10;

async function countLines(answer: IncomingMessage): Promise<number> {
  let lines = 0;
  for await (const piece of answer as AsyncIterable<Buffer>)
    for (let at = piece.indexOf(NEW_LINE); at !== -1; at = piece.indexOf(NEW_LINE, at + 1)) lines += 1;
  return lines;
}
