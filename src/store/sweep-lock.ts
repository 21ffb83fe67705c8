import type { ClientBase } from 'pg';

/** One sweeper at a time; the lock goes with the transaction. False when another process has it. */
export async function trySweepLock(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended('batchwright sweep', 0)) as locked`,
  );
  return rows[0]?.locked ?? false;
}
