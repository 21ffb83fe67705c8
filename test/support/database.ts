import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { dropDatabase, onServers, testServers } from './cluster.ts';
import { TEMPLATE_VARIABLE, urlWithDatabase } from './server.ts';
import { silentLog } from './silent-log.ts';

export interface TestDatabase {
  url: string;
  /** Eight connections; ended by `drop`. */
  pool: pg.Pool;
  /** Cuts the remaining connections. May be called again. */
  drop(): Promise<void>;
}

/**
 * A database with every migration run and pg-boss's schema installed, distributed if the suite runs on a
 * cluster. It is dropped when the test ends, if the test's context is given, otherwise by `drop`.
 */
export async function createDatabase(t?: { after(fn: () => Promise<void>): void }): Promise<TestDatabase> {
  const servers = testServers();
  const [server = ''] = servers;
  const template = process.env[TEMPLATE_VARIABLE];
  // Begins with the template's name, by which the suite's teardown finds databases of killed tests.
  const name = `${template}_${randomBytes(6).toString('hex')}`;
  await onServers(servers, `create database ${name} template ${template} strategy file_copy`);
  const url = urlWithDatabase(server, name);
  const pool = createPool({ url, max: 8, applicationName: 'test', log: silentLog });
  let dropped: Promise<void> | undefined;
  const drop = () => {
    dropped ??= end(pool, servers, name);
    return dropped;
  };
  t?.after(drop);
  return { url, pool, drop };
}

async function end(pool: pg.Pool, servers: string[], name: string): Promise<void> {
  // Not awaited: a connection that a failed test did not return would block it, and the drop cuts them all.
  if (!pool.ended) void pool.end();
  await dropDatabase(servers, name);
}
