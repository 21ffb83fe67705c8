import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Log } from '../domain/log.ts';

/** Any number will do, as long as every Batchwright has the same. */
const LOCK_KEY = 7_130_244_108;

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Migrations {
  /** The Postgres schema that they are run in, made when missing; it also holds the table of those done. */
  schema: string;
  /** Folder of files `001_name.sql`, run in the order of their numbers; other files are not looked at. */
  directory: string;
  log: Log;
}

/**
 * Runs the migrations of a folder that have not run yet, each in a transaction of its own, while no other
 * process migrates the same database; waits for one that does. A `client` of `withMigrationLock` is used as
 * it is, a `url` connected to.
 *
 * Throws an Error that names the file and has Postgres's message when one fails; those before it stay.
 */
export async function migrate(
  options: Migrations & ({ url: string } | { client: pg.ClientBase }),
): Promise<void> {
  if ('client' in options) return runPending(options.client, options);
  return withMigrationLock(options.url, options.log, (client) => runPending(client, options));
}

/** Lends a connection while another holds the one lock of all migrations; for several folders one after another. */
export async function withMigrationLock<T>(
  url: string,
  log: Log,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  return withConnection(url, async (holder) => {
    await lock(holder, log);
    return withConnection(url, work);
  });
}

async function withConnection<T>(url: string, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'batchwright migrate',
    keepAlive: true,
  });
  // A lost connection rejects the statement under way; the event besides must not end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * The lock is a transaction's and ends with it: behind a pooler a session outlives its client, and a lock of
 * the session would be held for ever.
 */
async function lock(client: pg.ClientBase, log: Log): Promise<void> {
  await client.query('begin');
  await client.query('set local idle_in_transaction_session_timeout = 0');
  const { rows } = await client.query('select pg_try_advisory_xact_lock($1) as locked', [LOCK_KEY]);
  if (rows[0].locked) return;
  log.info({}, 'Waiting for another process to finish its migrations');
  await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
}

async function runPending(client: pg.ClientBase, { schema, directory, log }: Migrations): Promise<void> {
  const options = {
    dbClient: client,
    schema,
    createSchema: true,
    migrationsTable: 'migration',
    dir: directory,
    ignorePattern: '(?!\\d+_.*\\.sql$).*',
    direction: 'up',
    noLock: true,
    logger: SILENT,
  } as const;
  try {
    for (const { name } of await runner({ ...options, dryRun: true })) {
      await runOne(client, `${directory}/${name}.sql`, () => runner({ ...options, file: name }));
      log.info({ schema, migration: name }, 'Migrated');
    }
  } finally {
    await client.query('reset search_path').catch(() => undefined);
  }
}

async function runOne(client: pg.ClientBase, file: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    await client.query('rollback').catch(() => undefined);
    throw new Error(`Migration ${file} failed: ${(cause as Error).message}`, { cause });
  }
}
