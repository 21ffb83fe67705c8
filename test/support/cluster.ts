/**
 * A Citus cluster for the tests: CITUS_URL names a database of its coordinator that knows the nodes. Citus
 * has a database of the same name on every node, so tests create, clone and drop theirs everywhere.
 */
import { randomBytes } from 'node:crypto';
import { NODES_VARIABLE, SERVER_VARIABLE, TEMPLATE_VARIABLE, urlWithDatabase, withClient } from './server.ts';

/** Enough for several on each node; Citus's default, 32, would only make every clone slower. */
const SHARDS = 4;

/** The servers of the suite: one, or the coordinator of a cluster and then its nodes. */
export function testServers(): string[] {
  const server = process.env[SERVER_VARIABLE];
  if (!server) throw new Error('Run tests with --test-global-setup=test/support/global-setup.ts');
  return [server, ...(process.env[NODES_VARIABLE] ?? '').split(' ').filter(Boolean)];
}

/** True when the suite runs on a cluster. */
export function onCluster(): boolean {
  return Boolean(process.env[NODES_VARIABLE]);
}

/** The addresses of the cluster's nodes without the coordinator, with the user and password of `url`. */
export function findNodes(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ nodename: string; nodeport: number }>(
      `select nodename, nodeport from pg_dist_node where noderole = 'primary' and groupid <> 0 order by nodeid`,
    );
    if (rows.length === 0) throw new Error('The cluster of CITUS_URL has no nodes');
    return rows.map(({ nodename, nodeport }) => {
      const node = new URL(url);
      node.hostname = nodename;
      node.port = String(nodeport);
      return node.href;
    });
  });
}

/** The address of a database of the cluster without our tables; dropped when the test ends. */
export async function createEmptyCluster(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const servers = testServers();
  // The suite's teardown finds databases of killed tests by this prefix.
  const name = `${process.env[TEMPLATE_VARIABLE]}_${randomBytes(6).toString('hex')}`;
  await onServers(servers, `create database ${name}`);
  t.after(() => dropDatabase(servers, name));
  await joinNodes(servers, name);
  return urlWithDatabase(servers[0] ?? '', name);
}

/** Makes the database, which exists on every server, a cluster database. */
export async function joinNodes([coordinator = '', ...nodes]: string[], database: string): Promise<void> {
  for (const server of [coordinator, ...nodes])
    await withClient(urlWithDatabase(server, database), (client) => client.query('create extension citus'));
  await withClient(coordinator, (client) =>
    client.query(`alter database ${database} set citus.shard_count = ${SHARDS}`),
  );
  await withClient(urlWithDatabase(coordinator, database), async (client) => {
    await client.query('select citus_set_coordinator_host($1, $2)', hostAndPort(coordinator));
    for (const node of nodes) await client.query('select citus_add_node($1, $2)', hostAndPort(node));
  });
}

/** Cuts all connections to the database and allows no new ones: Citus's daemons would reconnect. */
export async function closeDatabase(servers: readonly string[], name: string): Promise<void> {
  await onServers(servers, `alter database ${name} allow_connections false`);
  await onServers(
    servers,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
}

/** Drops the database on every server, even if it is in use. */
export async function dropDatabase(servers: readonly string[], name: string): Promise<void> {
  if (onCluster()) await closeDatabase(servers, name);
  await onServers(servers, `drop database if exists ${name} with (force)`);
}

/**
 * Runs the statement on every server, outside transactions, as statements that create and drop databases
 * require.
 */
export async function onServers(servers: readonly string[], statement: string): Promise<void> {
  await Promise.all(servers.map((server) => withClient(server, (client) => client.query(statement))));
}

function hostAndPort(url: string): [string, number] {
  const { hostname, port } = new URL(url);
  return [hostname, Number(port || 5432)];
}
