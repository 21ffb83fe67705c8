import { withClient } from '../../test/support/server.ts';
import { startProduct } from '../support/product.ts';
import { batchBody } from '../support/workload.ts';
import type { Target } from './target.ts';

const JOBS = 1_000_000;

export const target: Target = {
  id: 'S11',
  title: 'on disk',
  method:
    'the size of the whole database, its queue and its indexes included, after W(1M) with all its results, less what ' +
    'it was before; once, for it hardly varies',
  async measure(bench) {
    const n = bench.size(JOBS);
    const body = batchBody(n);
    const env = { MAX_JOBS_PER_BATCH: String(n), MAX_BODY_BYTES: String(body.length) };
    await using product = await startProduct(bench.postgresUrl, bench.signal, { env });
    const before = await databaseMegabytes(product.databaseUrl);
    await product.client.ended(await product.client.run(body));
    const megabytes = (await databaseMegabytes(product.databaseUrl)) - before;
    return [
      {
        what: `on disk after W(${n.toLocaleString('en')}) with results and indexes`,
        unit: 'MB',
        values: [megabytes],
        goal: { of: 'figure', most: 165 },
      },
    ];
  },
};

async function databaseMegabytes(url: string): Promise<number> {
  const { rows } = await withClient(url, (client) =>
    client.query('select pg_database_size(current_database())::float8 / 1e6 as megabytes'),
  );
  return rows[0].megabytes;
}
