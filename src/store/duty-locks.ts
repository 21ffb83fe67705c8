import type { ClientBase } from 'pg';

/** One sweeper at a time; the lock goes with the transaction. False when another process has it. */
export function trySweepLock(client: ClientBase): Promise<boolean> {
  return tryLock(client, 'batchwright sweep');
}

/** One process at a time deletes what has expired; the lock goes with the transaction. False when another does. */
export function tryRetentionLock(client: ClientBase): Promise<boolean> {
  return tryLock(client, 'batchwright retention');
}

async function tryLock(client: ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked',
    [name],
  );
  return rows[0]?.locked ?? false;
}
