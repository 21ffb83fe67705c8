import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { pipelined, transaction } from '../postgres/transaction.ts';

/**
 * The rows of one prepared statement on the table of messages, planned to go by its indexes. The plan is kept, and
 * the table may have been empty when it was made: a plan that reads such a table from end to end takes seconds
 * when thousands of messages wait.
 */
export async function queryByIndex<Row extends QueryResultRow>(
  pool: Pool,
  statement: QueryConfig & { name: string },
): Promise<Row[]> {
  return transaction(pool, async (client) => {
    let rows: Row[] = [];
    await pipelined(client, [
      () =>
        client.query(
          'set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off',
        ),
      async () => {
        rows = (await client.query<Row>(statement)).rows;
      },
    ]);
    return rows;
  });
}
