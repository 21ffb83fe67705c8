import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PgBoss } from 'pg-boss';
import { startEmbeddedPostgres } from '../../src/embedded/embedded.ts';
import { migrate, withMigrationLock } from '../../src/postgres/migrate.ts';
import { distributeTables } from '../../src/store/distribute.ts';
import { closeDatabase, findNodes, joinNodes, onServers } from './cluster.ts';
import { databaseFolder } from './database-folder.ts';
import { NODES_VARIABLE, SERVER_VARIABLE, TEMPLATE_VARIABLE, urlWithDatabase, withClient } from './server.ts';
import { silentLog } from './silent-log.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SERVER_SETTINGS = {
  // The suite's data is not needed afterwards.
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  // The write-ahead log may be in memory, too.
  max_wal_size: "'512MB'",
  // Concurrent test files have several systems each, with their own workers.
  max_connections: 400,
};

let tearDown: (() => Promise<void>) | undefined;

/**
 * Gives the suite one Postgres (TEST_DATABASE_URL, the cluster of CITUS_URL, or one that it starts itself)
 * with a migrated template database, which `createDatabase` clones. Test processes find both in their
 * inherited environment. They share Node's compile cache, in the same place as `npm start`: compiling takes
 * as long as everything else that a test file does before its first test.
 */
export async function globalSetup(): Promise<void> {
  const { CITUS_URL, TEST_DATABASE_URL } = process.env;
  const given = CITUS_URL ?? TEST_DATABASE_URL;
  const { url, stop } = given ? { url: given, stop: async () => undefined } : await startServer();
  const servers = [url, ...(CITUS_URL ? await findNodes(url) : [])];
  const template = `batchwright_template_${randomBytes(4).toString('hex')}`;
  tearDown = async () => {
    if (given) await Promise.all(servers.map((server) => dropDatabases(server, template)));
    await stop();
  };
  try {
    await onServers(servers, `create database ${template}`);
    if (CITUS_URL) await joinNodes(servers, template);
    await fillTemplate(urlWithDatabase(url, template));
    if (CITUS_URL) await closeDatabase(servers, template);
  } catch (error) {
    await tearDown();
    throw error;
  }
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'node_modules/.cache/node');
  process.env[SERVER_VARIABLE] = url;
  process.env[NODES_VARIABLE] = servers.slice(1).join(' ');
  process.env[TEMPLATE_VARIABLE] = template;
}

export async function globalTeardown(): Promise<void> {
  await tearDown?.();
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(await databaseFolder(), 'batchwright-test-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const plain = await startEmbeddedPostgres({ dataDir, log: silentLog });
    await withClient(plain.url, async (client) => {
      for (const [name, value] of Object.entries(SERVER_SETTINGS))
        await client.query(`alter system set ${name} = ${value}`);
    });
    await plain.stop();
    const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silentLog });
    const end = async () => {
      await stop();
      await remove();
    };
    return { url, stop: end };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function dropDatabases(url: string, template: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
      template,
    ]);
    for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`);
  });
}

async function fillTemplate(url: string): Promise<void> {
  await withMigrationLock(url, silentLog, async (client) => {
    for (const { schema, directory } of await migrationFolders()) {
      await migrate({ client, schema, directory, log: silentLog });
    }
    if (process.env.CITUS_URL) await distributeTables(client);
  });
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  await boss.stop({ graceful: false });
}

async function migrationFolders(): Promise<{ schema: string; directory: string }[]> {
  const namespaces = await readdir(join(ROOT, 'jobs')).catch(() => []);
  return [
    { schema: 'batchwright', directory: join(ROOT, 'src/store/migrations') },
    ...namespaces.map((schema) => ({ schema, directory: join(ROOT, 'jobs', schema, 'migrations') })),
  ].filter(({ directory }) => existsSync(directory));
}
