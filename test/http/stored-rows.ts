import type pg from 'pg';

/**
 * The number of rows in every table of ours and the queue's: a test compares them to see that nothing was
 * stored.
 */
export async function storedRows(pool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname = 'batchwright' or (schemaname = 'pgboss' and tablename = 'job') order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of rows) {
    const counted = await pool.query<{ count: number }>(`select count(*) as count from ${name}`);
    counts[name] = counted.rows[0]?.count ?? -1;
  }
  return counts;
}
