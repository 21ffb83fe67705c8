import type { PgBoss } from 'pg-boss';

/**
 * Runs statements that change pg-boss's tables, while no other process does. Without the lock, processes that
 * start concurrently fail: even `create index if not exists` breaks when both create the index.
 *
 * @param body the statements of a plpgsql block
 */
export async function changeTables(boss: PgBoss, body: string): Promise<void> {
  await boss.getDb().executeSql(`do $$ begin
    perform pg_advisory_xact_lock(hashtext('batchwright: tables of the queue'));
    ${body}
  end $$`);
}
