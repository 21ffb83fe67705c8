import type { PgBoss } from 'pg-boss';
import { changeTables } from './change-tables.ts';
import { CHUNK_INDEX } from './chunk-index.ts';
import { HELD_INDEXES } from './held.ts';

/**
 * Our own indexes on pg-boss's table of messages. Those for fair fetching find the next tenant or receiver
 * with one look-up, however many messages wait. A message without a tenant is from the previous release.
 * Texts are compared as bytes, so that an update of the system's collations changes nothing.
 */
const INDEXES: Record<string, string> = {
  batchwright_callbacks: `(coalesce(group_tier, '') collate "C", group_id collate "C", start_after)
    where name = 'callbacks' and state < 'active' and not blocked`,
  batchwright_callback_of: `((data->>'batch')) where name = 'callbacks' and state <= 'active'`,
  batchwright_chunks: CHUNK_INDEX,
  ...HELD_INDEXES,
};

/** Those of earlier releases. */
const REPLACED = ['batchwright_held'];

/**
 * Creates missing indexes, and drops replaced ones. It checks first, because even `if not exists` waits for every transaction that
 * writes messages.
 */
export async function createIndexes(boss: PgBoss): Promise<void> {
  const statements = Object.entries(INDEXES).map(
    ([name, definition]) => `if to_regclass('pgboss.${name}') is null then
      create index if not exists ${name} on pgboss.job_common ${definition};
    end if;`,
  );
  const drops = REPLACED.map(
    (name) =>
      `if to_regclass('pgboss.${name}') is not null then drop index if exists pgboss.${name}; end if;`,
  );
  await changeTables(boss, [...statements, ...drops].join('\n'));
}
