import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PgBoss } from 'pg-boss';
import { startEmbeddedPostgres } from '../../src/database/embedded.ts';
import { migrate, withMigrationLock } from '../../src/database/migrate.ts';
import { SERVER_VARIABLE, TEMPLATE_VARIABLE, urlWithDatabase, withClient } from './server.ts';
import { silentLog } from './silent-log.ts';

const ROOT = resolve(import.meta.dirname, '../..');

let tearDown: (() => Promise<void>) | undefined;

/**
 * Gives the suite one Postgres (TEST_DATABASE_URL, or one that it starts itself) with a migrated template
 * database, which `createDatabase` clones. Test processes find both in the environment that they inherit.
 */
export async function globalSetup(): Promise<void> {
  const given = process.env.TEST_DATABASE_URL;
  const { url, stop } = given ? { url: given, stop: async () => undefined } : await startServer();
  const template = `batchwright_template_${randomBytes(4).toString('hex')}`;
  tearDown = async () => {
    if (given) await dropDatabases(url, template);
    await stop();
  };
  try {
    await withClient(url, (client) => client.query(`create database ${template}`));
    await fillTemplate(urlWithDatabase(url, template));
  } catch (error) {
    await tearDown();
    throw error;
  }
  process.env[SERVER_VARIABLE] = url;
  process.env[TEMPLATE_VARIABLE] = template;
}

export async function globalTeardown(): Promise<void> {
  await tearDown?.();
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'batchwright-test-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silentLog });
    // Nothing in it outlives the suite.
    await withClient(url, async (client) => {
      for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit']) {
        await client.query(`alter system set ${setting} = off`);
      }
      await client.query('select pg_reload_conf()');
    });
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
