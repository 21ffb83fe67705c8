import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { queryInTransaction } from '../postgres/transaction.ts';

const SETTINGS = ['seqscan', 'bitmapscan', 'sort'].map((way) => `set local enable_${way} = off`).join('; ');

/**
 * The rows of one prepared statement on the table of messages, planned to go by its indexes. The plan is kept, and
 * the table may have been empty when it was made: a plan that reads such a table from end to end takes seconds
 * when thousands of messages wait.
 */
export function queryByIndex<Row extends QueryResultRow>(
  pool: Pool,
  statement: QueryConfig & { name: string },
): Promise<Row[]> {
  return queryInTransaction<Row>(pool, SETTINGS, statement);
}
