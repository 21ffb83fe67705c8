/** All of ours: one JSON request to `src/main.ts`, until a caller sees the batch as completed. */
import { startProduct } from '../support/product.ts';
import { batchBody } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

export const oursOverHttp: Engine = {
  name: 'ours',
  measured: 'ours over HTTP: one JSON POST → completed',
  settings:
    'default settings, but for RATE_LIMIT=0 and, where a batch is larger, MAX_JOBS_PER_BATCH and MAX_BODY_BYTES',

  async setUp(postgresUrl, signal): Promise<RunningEngine> {
    const product = await startProduct(postgresUrl, signal);
    const { client } = product;
    return {
      async run(n) {
        const body = batchBody(n);
        return seconds(async () => client.ended(await client.run(body)));
      },
      tearDown: async () => product[Symbol.asyncDispose](),
    };
  },
};
