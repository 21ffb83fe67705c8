import type { Pool } from 'pg';

/** Ends the database sessions that are in a transaction of this name; returns their number. */
export async function endTransactions(pool: Pool, name: string): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and datname = current_database()`,
    [name],
  );
  return rowCount ?? 0;
}
