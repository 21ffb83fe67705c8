/**
 * The benchmark's requests to the product. batchwright/client does all but three: sending a body that was made before,
 * sending lines that were made before, and counting the results of a stream. The measured processes share the processor
 * with the caller, and fetch needs three to five times as much of it as node:http over kept connections: 0.7 to 1.1 ms
 * instead of 0.2 ms per batch of ten jobs, of which S5 sends a thousand a second.
 */
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request as send } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Batch, Batchwright } from '../../src/client/index.ts';
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
  const { batches, keys } = new Batchwright({ url, key });

  function open(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
    return send(`${url}${path}`, {
      method,
      agent,
      signal,
      headers: { authorization: `Bearer ${key}`, ...headers },
    });
  }

  /** Asks every 20 ms, because events come only four times a second. */
  async function reaches(state: Batch['state'], asyncId: string): Promise<Batch['counts']> {
    const batch = await until(
      async () => {
        const found = await batches.retrieve(asyncId, { signal });
        return found.state === state && found;
      },
      { signal, everyMs: 20 },
    );
    return batch.counts;
  }

  return {
    async run(body) {
      const request = open('POST', '/batch?action=run', { 'content-type': 'application/json' });
      request.end(body);
      return JSON.parse(await text(await answerOf(request))).asyncId;
    },

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
      await batches.cancel(asyncId, { signal });
      await reaches('cancelled', asyncId);
    },

    async repost(asyncId) {
      await batches.repost(asyncId, { signal });
    },

    async countResults(asyncId) {
      const path = `/v1/batches/${asyncId}/results`;
      const request = open('GET', path, { accept: 'application/x-ndjson' });
      request.end();
      return countLines(await answerOf(request));
    },

    createKey: async (tenant) =>
      (await keys.create({ name: 'bench', tenant, permissions: ['bench.*'] }, { signal })).key,

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
