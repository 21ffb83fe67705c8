import type { Pool, PoolClient } from 'pg';

/**
 * Runs `work` in one transaction, committed when it resolves and rolled back when it throws; throws what
 * `work` threw. Throws too when `work` resolves although a statement had failed, for nothing was stored then.
 */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const value = await work(client);
    await commit(client);
    client.release();
    return value;
  } catch (error) {
    await rollBack(client);
    throw error;
  }
}

/** Postgres answers a commit after a failed statement with ROLLBACK and no error: here it is one. */
export async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('commit');
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back: one of its statements failed');
}

/** Rolls back and hands the connection back to its pool; closes one that cannot. */
export async function rollBack(client: PoolClient): Promise<void> {
  try {
    await client.query('rollback');
    client.release();
  } catch {
    client.release(true);
  }
}
