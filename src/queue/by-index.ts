import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { queryInTransaction } from '../postgres/transaction.ts';

/** Without JIT, too: what is turned off counts as so costly that Postgres would compile each of these statements. */
const SETTINGS = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'jit']
  .map((setting) => `set local ${setting} = off`)
  .join('; ');

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
