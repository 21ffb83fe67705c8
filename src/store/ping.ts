import type { Pool } from 'pg';

/** True when the database answers. */
export function answers(pool: Pool): Promise<boolean> {
  return pool.query('select 1').then(
    () => true,
    () => false,
  );
}
