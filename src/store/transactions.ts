import type { Pool } from 'pg';

/** Ends the sessions of the database that are in a transaction of this name; answers how many there were. */
export async function endTransactions(pool: Pool, name: string): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and datname = current_database()`,
    [name],
  );
  return rowCount ?? 0;
}
