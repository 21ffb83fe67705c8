/** The Postgres that all Postgres engines share: the product's embedded one, its settings those of initdb. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/embedded.ts';
import { urlWithDatabase, withClient } from '../../test/support/server.ts';
import { silentLog } from '../../test/support/silent-log.ts';

export interface Postgres extends AsyncDisposable {
  url: string;
  /** As `show server_version` has it. */
  version: string;
  /** Holds `postgres/`, the server's own. */
  dataDir: string;
}

/** On a new data directory in the folder, removed with it. */
export async function startPostgres(folder: string = tmpdir()): Promise<Postgres> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(folder, 'batchwright-bench-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silentLog });
  stack.defer(stop);
  const { rows } = await withClient(url, (client) => client.query('show server_version'));
  const kept = stack.move();
  return { url, version: rows[0].server_version, dataDir, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

export interface Database extends AsyncDisposable {
  url: string;
}

/** A new, empty database; dropped with whatever connections it still has. */
export async function createDatabase(serverUrl: string): Promise<Database> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, (client) => client.query(`create database ${name}`));
  return {
    url: urlWithDatabase(serverUrl, name),
    async [Symbol.asyncDispose]() {
      await withClient(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** Writes out what earlier runs left dirty, so that a run pays for its own writes alone. */
export async function checkpoint(serverUrl: string): Promise<void> {
  await withClient(serverUrl, (client) => client.query('checkpoint'));
}
