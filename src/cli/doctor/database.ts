/** The database: whether it answers, its version, migrations, queue and clock. */
import { join } from 'node:path';
import type { ClientBase } from 'pg';
import type { Config } from '../../config/config.ts';
import { counted } from '../../domain/counted.ts';
import { findRunningServer } from '../../embedded/running-server.ts';
import { createClient } from '../../postgres/connection.ts';
import { pendingMigrations } from '../../postgres/migrate.ts';
import { requireDatabase } from '../../postgres/reach.ts';
import { countUnfinished } from '../../store/counts.ts';
import { type DatabaseFacts, databaseFacts } from '../../store/database-facts.ts';
import { countWorkers } from '../../store/workers.ts';
import { compareClocks } from './clock.ts';
import { type Finding, note, ok, wrong } from './finding.ts';
import { checkSecrets } from './secrets.ts';

const MIGRATIONS = join(import.meta.dirname, '../../store/migrations');
const CONNECT_MS = 5_000;
const OLDEST_VERSION = 150_000;
const MOST_COUNTED = 100_000;

export async function* checkDatabase(config: Config): AsyncGenerator<Finding> {
  const { databaseUrl, databaseDirectUrl } = config;
  const url = databaseUrl ?? (await findRunningServer(config.dataDir));
  if (url === null) {
    yield note(
      'database',
      `the embedded one of ${config.dataDir} does not run: npx batchwright start starts it`,
    );
    return;
  }
  const variable = databaseUrl === undefined ? 'the embedded database' : 'DATABASE_URL';
  try {
    await requireDatabase(variable, url, CONNECT_MS);
    if (databaseDirectUrl !== undefined)
      await requireDatabase('DATABASE_DIRECT_URL', databaseDirectUrl, CONNECT_MS);
  } catch (error) {
    const { message } = error as Error;
    yield databaseUrl === undefined
      ? note('database', `${message}: a server was killed; npx batchwright start starts the database again`)
      : wrong('database', `${message}: start Postgres there, or correct the address`);
    return;
  }
  yield* checkOpen(databaseDirectUrl ?? url, variable, config);
}

async function* checkOpen(url: string, place: string, config: Config): AsyncGenerator<Finding> {
  const client = createClient({ url, applicationName: 'batchwright doctor', connectMs: CONNECT_MS });
  await client.connect();
  try {
    const askedAt = Date.now();
    const facts = await databaseFacts(client);
    const answeredAt = Date.now();
    yield checkVersion(facts, place);
    yield compareClocks('clock of the database', { other: facts.nowMs, askedAt, answeredAt });
    const migrations = await checkMigrations(client);
    yield migrations;
    if (migrations.state === 'ok') yield await checkSecrets(client, config);
    if (facts.hasTables) yield await checkQueue(client);
  } finally {
    await client.end();
  }
}

function checkVersion({ version, versionNumber, size }: DatabaseFacts, place: string): Finding {
  const text = `${place}: Postgres ${version}, ${size}`;
  return versionNumber >= OLDEST_VERSION
    ? ok('database', text)
    : wrong('database', `${text}: Batchwright needs Postgres 15 or later`);
}

async function checkMigrations(client: ClientBase): Promise<Finding> {
  try {
    const pending = await pendingMigrations(client, { schema: 'batchwright', directory: MIGRATIONS });
    if (pending.length === 0) return ok('migrations', 'all of this version have run');
    return note(
      'migrations',
      `${pending.length} have not run (${pending.join(', ')}): the next start runs them`,
    );
  } catch (error) {
    return wrong('migrations', (error as Error).message);
  }
}

/** Work that waits needs somebody who takes it. */
async function checkQueue(client: ClientBase): Promise<Finding> {
  const workers = await countWorkers(client);
  const unfinished = await countUnfinished(client, MOST_COUNTED);
  const batches = [...unfinished.values()].reduce((sum, number) => sum + Number(number), 0);
  const text = `${counted(workers, 'worker process', 'worker processes')}, ${counted(batches, 'batch', 'batches')} not ended`;
  if (workers > 0 || batches === 0) return ok('queue', text);
  return wrong('queue', `${text}: no worker takes them; start one, ROLE=all or worker`);
}
