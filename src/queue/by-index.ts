import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { queryInTransaction } from '../postgres/transaction.ts';

/** In addition to what every transaction of ours turns off. */
const SETTINGS = ['enable_bitmapscan', 'enable_sort']
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
