import type { PoolClient } from 'pg';

/** `discard all` but for the prepared statements, which pg takes for prepared as long as the connection lives. */
const RESET = `
  close all; reset session authorization; reset all; unlisten *; select pg_advisory_unlock_all();
  discard temp; discard sequences`;

/**
 * Hands a connection that foreign statements have come by, and that is in no transaction, back to its pool.
 * Undoes first what they have left on the session; nobody waits for that. A connection that cannot is closed.
 */
export function handBack(client: PoolClient): void {
  client.query(RESET).then(
    () => client.release(),
    () => client.release(true),
  );
}
