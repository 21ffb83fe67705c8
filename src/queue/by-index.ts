import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { queryInTransaction } from '../postgres/transaction.ts';

/**
 * In addition to what every transaction of ours turns off. One plan is right for all values, and a plan takes longer to make
 * than to run: Postgres would make it again and again where it hopes to find a better one.
 */
const SETTINGS = [
  'set local enable_bitmapscan = off',
  'set local enable_sort = off',
  'set local plan_cache_mode = force_generic_plan',
].join('; ');

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
