/** The Postgres of all Postgres engines: the product's embedded one, with the settings of initdb. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/embedded.ts';
import { urlWithDatabase, withClient } from '../../test/support/server.ts';
import { silentLog } from '../../test/support/silent-log.ts';

export interface Postgres extends AsyncDisposable {
  url: string;
  /** As in `show server_version`. */
  version: string;
  /** Contains `postgres/`, the server's own folder. */
  dataDir: string;
}

/** Starts it on a new data directory in the folder; the directory is removed with it. */
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

/** A new, empty database; dropped together with its remaining connections. */
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

/** Writes dirty pages of earlier runs, so that a run pays only for its own writes. */
export async function checkpoint(serverUrl: string): Promise<void> {
  await withClient(serverUrl, (client) => client.query('checkpoint'));
}
