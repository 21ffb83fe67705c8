/** A caller of the API that tolerates outages, like a good client: batchwright/client with more patience. */
import { type Batch, Batchwright, type Job, NotFoundError, type Result } from '../../../src/client/index.ts';

/** The responses of the jobs of bench/chaos/jobs. */
export interface Response {
  n?: number;
  pid?: number;
  from?: number;
}
export type ChaosResult = Result<Response>;

export interface Api {
  url: string;
  key: string;
  /** The client. It repeats nothing: a program sees each answer. */
  client: Batchwright;
  /** Returns the asyncId; repeats the request, under one Idempotency-Key, until it is acknowledged. */
  run(jobs: readonly Job[], callbackUrl?: string): Promise<string>;
  /** Undefined while the API does not answer. */
  batch(asyncId: string): Promise<Batch | undefined>;
  /** Every result, in order of arrival; undefined while the API does not answer, or the stream was cut. */
  results(asyncId: string): Promise<ChaosResult[] | undefined>;
  /** Every batch of the tenant. */
  listedIds(): Promise<string[]>;
  /** The same API with another key. */
  as(key: string): Api;
}

/** With pauses of up to 8 s this is longer than any program. */
const MANY = 100;

export function createApi(url: string, key: string, signal: AbortSignal): Api {
  const client = new Batchwright({ url, key, maxRetries: 0 });
  const patient = new Batchwright({ url, key, maxRetries: MANY });
  return {
    url,
    key,
    client,
    as: (other) => createApi(url, other, signal),

    async run(jobs, callbackUrl) {
      const batch = { jobs, ...(callbackUrl !== undefined && { callbackUrl }) };
      return (await patient.batches.create(batch, { signal })).asyncId;
    },

    async batch(asyncId) {
      try {
        return await client.batches.retrieve(asyncId, { signal });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NotFoundError)
          throw new Error(`the batch ${asyncId}, once acknowledged, is 404`, { cause: error });
        return undefined;
      }
    },

    async results(asyncId) {
      try {
        return await Array.fromAsync(client.batches.results<Response>(asyncId, { signal }));
      } catch {
        signal.throwIfAborted();
        return undefined;
      }
    },

    async listedIds() {
      const ids: string[] = [];
      for await (const { asyncId } of client.batches.list({ limit: 1000, signal })) ids.push(asyncId);
      return ids;
    },
  };
}
