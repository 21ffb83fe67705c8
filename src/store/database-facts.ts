import type { ClientBase, Pool } from 'pg';

export interface DatabaseFacts {
  /** Such as 18.4 */
  version: string;
  /** Such as 180004 */
  versionNumber: number;
  /** In words. */
  size: string;
  /** The database's clock, in ms since the epoch. */
  nowMs: number;
  /** True when the database has Batchwright's tables. */
  hasTables: boolean;
}

export async function databaseFacts(client: ClientBase | Pool): Promise<DatabaseFacts> {
  const { rows } = await client.query<DatabaseFacts>(
    `select current_setting('server_version') as version,
       current_setting('server_version_num')::int as "versionNumber",
       pg_size_pretty(pg_database_size(current_database())) as size,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs",
       to_regclass('batchwright.worker') is not null as "hasTables"`,
  );
  return rows[0] as DatabaseFacts;
}
