/**
 * Distributes the tables of batches over the nodes of a Citus cluster, by the batch's id. All data of one
 * batch is on one node, so every frequent statement runs there completely. Keys, tenants, the queue and
 * plugins' tables stay on the coordinator.
 */
import type { ClientBase } from 'pg';
import { UNDIVIDED_TABLES } from './batch-tables.ts';

/** In the order of distribution; later tables are placed on the same nodes as the first. */
const TABLES = [
  { table: 'batch', column: 'id' },
  { table: 'chunk', column: 'batch_id' },
  { table: 'result', column: 'batch_id' },
  ...UNDIVIDED_TABLES.map((table) => ({ table, column: 'batch_id' })),
] as const;

export interface DistributedTable {
  /** The name with its schema. */
  name: string;
  /** The column that holds the batch's id. */
  column: string;
  shards: number;
}

/** Whether the Citus extension is created in this database, only installed on its server, or neither. */
export async function citusState(client: ClientBase): Promise<'created' | 'installed' | 'missing'> {
  const { rows } = await client.query<{ created: boolean }>(
    `select installed_version is not null as created from pg_available_extensions where name = 'citus'`,
  );
  if (!rows[0]) return 'missing';
  return rows[0].created ? 'created' : 'installed';
}

/** False on a worker node of the cluster. Needs the extension. */
export async function isCoordinator(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ coordinator: boolean }>(
    'select citus_is_coordinator() as coordinator',
  );
  return rows[0]?.coordinator ?? false;
}

/** The nodes that hold shards, as `host:port`. Needs the extension. */
export async function shardNodes(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ node: string }>(
    `select nodename || ':' || nodeport as node from pg_dist_node
     where noderole = 'primary' and isactive and shouldhaveshards order by nodeid`,
  );
  return rows.map(({ node }) => node);
}

/** The batch tables that are already distributed. Needs the extension. */
export async function distributedTables(client: ClientBase): Promise<DistributedTable[]> {
  const { rows } = await client.query<{ name: string; shards: number }>(
    `select given.name, count(shardid)::int as shards
     from unnest($1::text[]) with ordinality as given (name, place)
     join pg_dist_shard on logicalrelid = to_regclass(given.name)
     group by given.name, given.place order by given.place`,
    [TABLES.map(({ table }) => qualified(table))],
  );
  return rows.map((row) => ({
    ...row,
    column: TABLES.find(({ table }) => qualified(table) === row.name)?.column ?? '',
  }));
}

/** True when all tables are distributed. Needs the extension. */
export async function isDistributed(client: ClientBase): Promise<boolean> {
  return (await distributedTables(client)).length === TABLES.length;
}

/**
 * Distributes the remaining tables, with their rows, in the caller's transaction; returns them. Writers wait
 * meanwhile. The setting `citus.shard_count` gives the number of shards.
 */
export async function distributeTables(client: ClientBase): Promise<DistributedTable[]> {
  const before = new Set((await distributedTables(client)).map(({ name }) => name));
  for (const { table, column } of TABLES)
    if (!before.has(qualified(table))) await distribute(client, table, column);
  return (await distributedTables(client)).filter(({ name }) => !before.has(name));
}

async function distribute(client: ClientBase, table: string, column: string): Promise<void> {
  const colocation = table === TABLES[0].table ? 'none' : qualified(TABLES[0].table);
  await client.query('select create_distributed_table($1, $2, colocate_with => $3)', [
    qualified(table),
    column,
    colocation,
  ]);
  // Citus leaves invisible local copies of the rows that it has moved.
  await client.query('select truncate_local_data_after_distributing_table($1)', [qualified(table)]);
}

function qualified(table: string): string {
  return `batchwright.${table}`;
}

/** The connection names of other Batchwright processes on this database, except those that wait to start. */
export async function connectedProcesses(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select distinct application_name as name from pg_stat_activity
     where datname = current_database() and application_name like 'batchwright %'
       and application_name <> 'batchwright migrate' and pid <> pg_backend_pid() order by name`,
  );
  return rows.map(({ name }) => name);
}
