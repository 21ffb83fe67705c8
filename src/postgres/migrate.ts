import type pg from 'pg';
import type { Log } from '../domain/log.ts';
import { StartError } from '../domain/start-error.ts';
import { createClient } from './connection.ts';
import { type MigrationFile, planMigrations, type RunMigration, readMigrations } from './migration-files.ts';
import { begin, undo } from './transaction.ts';

/** Any number works if every Batchwright uses the same. */
const LOCK_KEY = 7_130_244_108;

const TABLE = 'migration';
/** The library treats such comments as section marks and runs only one section. */
const MARKER = /^\s*--[\s-]*(up|down)\s+migration/im;

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Migrations {
  /**
   * The Postgres schema they run in, created when missing; it also holds the table of completed migrations.
   */
  schema: string;
  /** Folder of files `001_name.sql`, run in the order of their numbers. */
  directory: string;
  log: Log;
}

/**
 * Runs the migrations of a folder that have not run, each in its own transaction. Waits while another process
 * migrates the same database. Uses a `client` of `withMigrationLock` as it is, or connects to a `url`. Throws
 * StartError, one line that names the file: with Postgres's message when a migration fails (earlier ones
 * stay), and like `planMigrations` when the files do not fit those that have run.
 */
export async function migrate(
  options: Migrations & ({ url: string } | { client: pg.ClientBase }),
): Promise<void> {
  if ('client' in options) return runPending(options.client, options);
  return withMigrationLock(options.url, options.log, (client) => runPending(client, options));
}

/**
 * The names of the migrations of a folder that have not run. It changes nothing. Throws StartError like
 * `planMigrations` when the files do not fit those that have run.
 */
export async function pendingMigrations(
  client: pg.ClientBase,
  { schema, directory }: Pick<Migrations, 'schema' | 'directory'>,
): Promise<string[]> {
  const run = (await findRun(client, `"${schema}"."${TABLE}"`)) ?? [];
  return planMigrations(directory, await readMigrations(directory), run).pending.map(({ name }) => name);
}

/** Lends a connection while another one holds the lock for all migrations; for several folders in turn. */
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
  const client = createClient({ url, applicationName: 'batchwright migrate' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * The lock belongs to a transaction and ends with it. Behind a pooler a session outlives its client, so a
 * session's lock would be held for ever.
 */
async function lock(client: pg.ClientBase, log: Log): Promise<void> {
  // Held, and idle, until the other connection has finished its work.
  await begin(client, { idleSeconds: 0, lockSeconds: 0 });
  const { rows } = await client.query('select pg_try_advisory_xact_lock($1) as locked', [LOCK_KEY]);
  if (rows[0].locked) return;
  log.info({}, 'Waiting for another process to finish its migrations');
  await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
}

async function runPending(client: pg.ClientBase, { schema, directory, log }: Migrations): Promise<void> {
  const files = await readMigrations(directory);
  const table = `"${schema}"."${TABLE}"`;
  const options = {
    dbClient: client,
    schema,
    createSchema: true,
    migrationsTable: TABLE,
    dir: directory,
    ignorePattern: '(?!\\d+_.*\\.sql$).*',
    direction: 'up',
    noLock: true,
    // Our own check gives clearer errors.
    checkOrder: false,
    logger: SILENT,
  } as const;
  // Most starts find nothing to run, and do without the library.
  const run = async (more: { dryRun: true } | { file: string }) =>
    (await import('node-pg-migrate')).runner({ ...options, ...more });
  const done: string[] = [];
  try {
    const before = await findRun(client, table);
    if (before === null) await run({ dryRun: true }); // creates the table
    const { pending, later } = planMigrations(directory, files, before ?? []);
    const isOld = before?.some(({ checksum }) => checksum === null); // they ran before checksums existed
    if (pending.length > 0 || isOld)
      await client.query(`alter table ${table} add column if not exists checksum text`);
    if (isOld) await keepChecksums(client, table, files);
    if (later.length > 0)
      log.warn({ schema, migrations: later }, 'The database has migrations of a later release');
    for (const file of pending) {
      await runOne(client, file, () => run({ file: file.name }));
      await keepChecksums(client, table, [file]);
      done.push(file.name);
    }
  } finally {
    // One line for a schema: the first start of all runs dozens of migrations.
    if (done.length > 0) log.info({ schema, migrations: done.join(', ') }, 'Migrated');
    await client.query('reset search_path').catch(() => undefined);
  }
}

/** The migrations that have run; null when there is no table of them. The oldest databases have no checksums. */
async function findRun(client: pg.ClientBase, table: string): Promise<RunMigration[] | null> {
  const { rows } = await client.query('select to_regclass($1) is not null as found', [table]);
  if (!rows[0].found) return null;
  const columns = `name, to_jsonb(${TABLE}) ->> 'checksum' as checksum`;
  return (await client.query<RunMigration>(`select ${columns} from ${table} order by id`)).rows;
}

/** Stores the checksums that are missing, so that later changes of these files are noticed. */
async function keepChecksums(
  client: pg.ClientBase,
  table: string,
  files: readonly MigrationFile[],
): Promise<void> {
  await client.query(
    `update ${table} as ran set checksum = file.checksum
     from unnest($1::text[], $2::text[]) as file (name, checksum)
     where file.name = ran.name and ran.checksum is null`,
    [files.map(({ name }) => name), files.map(({ checksum }) => checksum)],
  );
}

async function runOne(
  client: pg.ClientBase,
  file: MigrationFile,
  run: () => Promise<unknown>,
): Promise<void> {
  if (MARKER.test(file.text))
    throw new StartError(
      `${file.place}: a comment that begins with "up migration" or "down migration" divides the file: change it, because there are no down migrations`,
    );
  try {
    await run();
  } catch (cause) {
    await undo(client).catch(() => undefined);
    const { message, position } = cause as pg.DatabaseError;
    const line = position ? ` at line ${file.text.slice(0, Number(position)).split('\n').length}` : '';
    throw new StartError(`Migration ${file.place} failed${line}: ${message}`, { cause });
  }
}
