/** Rows that tests lock, to see in which order the product locks them. */
import type { Pool, PoolClient } from 'pg';
import type { Claim } from '../../src/queue/queue.ts';
import { waitFor } from '../support/wait.ts';

type BatchClaim = Pick<Claim<{ batch: string }>, 'id' | 'queue' | 'message'>;

/** Runs `work` on a separate session, in a transaction that is rolled back. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

export function lockMessage(client: PoolClient, { id, queue }: BatchClaim): Promise<unknown> {
  return client.query('select from pgboss.job where name = $1 and id = $2 for update', [queue, id]);
}

export function lockBatch(client: PoolClient, { message }: BatchClaim): Promise<unknown> {
  return client.query('select from batchwright.batch where id = $1 for update', [message.batch]);
}

/** Whether a session of this database waits for a lock, and whether the batch's row is free, at one moment. */
export async function look(
  pool: Pool,
  { message }: BatchClaim,
): Promise<{ isWaiting: boolean; isFree: boolean }> {
  const { rows } = await pool.query(
    `with free as materialized (select id from batchwright.batch where id = $1 for update skip locked)
     select exists (
       select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
     ) as "isWaiting", (select count(*) from free) = 1 as "isFree"`,
    [message.batch],
  );
  return rows[0];
}

/**
 * Starts `work` while another session holds the message's row. Whether the batch's row is free while it waits for the
 * message.
 *
 * @param work called before each look
 */
export function isBatchFreeMeanwhile(pool: Pool, claim: BatchClaim, work: () => void): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    await lockMessage(client, claim);
    const seen = await waitFor(
      async () => {
        work();
        const now = await look(pool, claim);
        return now.isWaiting && now;
      },
      { what: 'it to wait for the message' },
    );
    return seen.isFree;
  });
}
