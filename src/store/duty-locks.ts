import type { ClientBase } from 'pg';

/** One process sweeps at a time; the lock ends with the transaction. False when another process has it. */
export function trySweepLock(client: ClientBase): Promise<boolean> {
  return tryLock(client, 'batchwright sweep');
}

/**
 * One process at a time deletes expired batches; the lock ends with the transaction. False when another has
 * it.
 */
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
