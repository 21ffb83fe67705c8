import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { queryInTransaction } from '../postgres/transaction.ts';

/**
 * JIT is off too: Postgres counts disabled plans as so costly that it would compile each of these statements.
 */
const SETTINGS = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'jit']
  .map((setting) => `set local ${setting} = off`)
  .join('; ');

/**
 * The rows of one prepared statement on the table of messages, planned to use its indexes. Postgres keeps the
 * plan, and may have made it when the table was empty: a plan that reads the whole table takes seconds when
 * thousands of messages wait.
 */
export function queryByIndex<Row extends QueryResultRow>(
  pool: Pool,
  statement: QueryConfig & { name: string },
): Promise<Row[]> {
  return queryInTransaction<Row>(pool, SETTINGS, statement);
}
