import type { Client, ClientBase, Pool, PoolClient } from 'pg';

/**
 * Sends statements one behind the other, without waiting for each answer where the connection can do that.
 * Throws what the first that failed threw, when all have been answered: none reaches the connection's next user.
 */
export async function pipelined(
  client: ClientBase,
  statements: readonly (() => Promise<unknown>)[],
): Promise<void> {
  if (!isPipelined(client)) {
    for (const send of statements) await send();
    return;
  }
  const answers = await Promise.allSettled(statements.map((send) => send()));
  const failed = answers.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

function isPipelined(client: ClientBase): boolean {
  return (client as Client).pipeline;
}

/**
 * Runs `work` in one transaction, committed when it resolves and rolled back when it throws; throws what
 * `work` threw. Throws too when `work` resolves although a statement had failed, for nothing was stored then.
 */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const begun = client.query('begin');
    begun.catch(() => {}); // awaited below, unless something else fails before
    if (!isPipelined(client)) await begun;
    const value = await work(client);
    await begun;
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
