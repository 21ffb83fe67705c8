/**
 * `npx batchwright distribute`: distributes the tables of batches over the nodes of a Citus cluster, once.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { ClientBase } from 'pg';
import { readConfig } from '../config/config.ts';
import type { Log } from '../domain/log.ts';
import { explainStartFailure } from '../domain/start-error.ts';
import { migrate, withMigrationLock } from '../postgres/migrate.ts';
import { createPool } from '../postgres/pools.ts';
import { requireDatabase } from '../postgres/reach.ts';
import { transaction } from '../postgres/transaction.ts';
import {
  citusState,
  connectedProcesses,
  type DistributedTable,
  distributedTables,
  distributeTables,
  isCoordinator,
  isDistributed,
  shardNodes,
} from '../store/distribute.ts';
import { print } from './standard-output.ts';
import type { Terminal } from './terminal.ts';

const MIGRATIONS = join(import.meta.dirname, '../store/migrations');

/**
 * Distributes the remaining tables in one transaction, and prints what it did. Throws an Error that says what
 * to do when the database is not a cluster, or is in use.
 */
export async function distribute(terminal: Terminal): Promise<void> {
  const { databaseUrl, databaseDirectUrl = databaseUrl } = readConfig(terminal.env);
  if (databaseDirectUrl === undefined)
    throw new Error(
      "distribute needs DATABASE_URL, the address of a Citus cluster's coordinator: the embedded database is for one machine",
    );
  const variable = databaseDirectUrl === databaseUrl ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL';
  try {
    await requireDatabase(variable, databaseDirectUrl);
    await distributeDatabase(terminal, databaseDirectUrl);
  } catch (error) {
    throw new Error(explainStartFailure(error, terminal.env), { cause: error });
  }
}

async function distributeDatabase(terminal: Terminal, url: string): Promise<void> {
  const log = linesFor(terminal);
  const quietLog: Log = { ...log, info: () => undefined };
  const startedAt = performance.now();
  const pool = createPool({ url, max: 1, applicationName: 'batchwright distribute', log });
  try {
    // Processes started meanwhile wait for the lock, as they do for migrations.
    await withMigrationLock(url, log, async (client) => {
      await checkCluster(client);
      await migrate({ client, schema: 'batchwright', directory: MIGRATIONS, log: quietLog });
      if (!(await isDistributed(client))) await refuseWhileInUse(client);
      const made = await transaction(pool, distributeTables, { lockSeconds: 0, byIndex: false });
      const nodes = await shardNodes(client);
      if (made.length === 0) return print(terminal, nothingToDo(await distributedTables(client), nodes));
      await print(terminal, whatWasDone(made, nodes, performance.now() - startedAt));
    });
  } finally {
    await pool.end();
  }
}

async function checkCluster(client: ClientBase): Promise<void> {
  const state = await citusState(client);
  if (state === 'missing')
    throw new Error(
      'the Postgres of DATABASE_URL has no Citus: distribute is for a Citus cluster; docs/scaling.md says when one pays and how to set it up',
    );
  if (state === 'installed')
    throw new Error(
      "Citus is installed, but not in the database of DATABASE_URL: run CREATE EXTENSION citus in the database of this name on the coordinator and on every node, then SELECT citus_add_node('host', 5432) on the coordinator for each node",
    );
  if (!(await isCoordinator(client)))
    throw new Error(
      "DATABASE_URL is the address of one of the cluster's nodes: give that of the coordinator",
    );
  if ((await shardNodes(client)).length === 0)
    throw new Error(
      "the cluster has no nodes: run SELECT citus_set_coordinator_host('host of the coordinator', 5432) and SELECT citus_add_node('host', 5432) for each node on the coordinator first",
    );
}

/** Running processes would wait for the tables, and some of them for each other. */
async function refuseWhileInUse(client: ClientBase): Promise<void> {
  const processes = await connectedProcesses(client);
  if (processes.length > 0)
    throw new Error(
      `Batchwright is running on this database (${processes.join(', ')}): stop all of its processes first; batches in flight go on when they are started again`,
    );
}

function whatWasDone(made: readonly DistributedTable[], nodes: readonly string[], ms: number): string {
  return linesOf([
    ...made.map(({ name, column, shards }) => `${name} is distributed by ${column} in ${shards} shards`),
    `They are on ${nodes.join(', ')}, with their existing rows; all data of one batch is on one node.`,
    "The queue, keys, tenants and plugins' tables stay on the coordinator.",
    `Done in ${(ms / 1000).toFixed(1)} s. Start Batchwright as before, with the same DATABASE_URL.`,
  ]);
}

function nothingToDo(tables: readonly DistributedTable[], nodes: readonly string[]): string {
  const names = tables.map(({ name }) => name).join(', ');
  return `Nothing to do: ${names} are distributed already, on ${nodes.join(', ')}.\n`;
}

function linesOf(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

/** The messages without their fields, on standard error. */
function linesFor({ stderr }: Terminal): Log {
  const say = (_fields: object, message: string) => void stderr.write(`${message}\n`);
  return { info: say, warn: say, error: say };
}
