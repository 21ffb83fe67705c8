import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../domain/log.ts';
import { createClient } from '../postgres/connection.ts';
import { boundLog, startBoundedLog } from './bounded-log.ts';
import { type Cluster, openCluster, USER } from './cluster.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { stopOrphan } from './orphan.ts';
import { type Server, spawnServer, urlOf } from './server.ts';

export interface EmbeddedPostgres {
  /** postgres:// address of the database `batchwright`, with the password. */
  url: string;
  /**
   * Fast shutdown, then an immediate one after this time; resolves when the server is gone. May be called
   * again.
   */
  stop(fastMs?: number): Promise<void>;
  /** Resolves, with one line of explanation, when the server has ended and cannot be started again. */
  lost: Promise<string>;
}

/** For this long, a server that ended is started again: the obstacle, such as a full disk, may pass. */
const GIVE_UP_MS = 60_000;

/**
 * Runs a Postgres server of our own in a data directory, which is created when missing: initialised on the
 * first start, recovered after a crash, started again on the same port when it ends while we run. Throws one
 * clear line when another living Batchwright uses the data directory, when there is no Postgres for this
 * platform, and, with the last lines of Postgres's own log, when it does not start.
 *
 * @param options.giveUpMs for how long a restart is tried; 60 s when absent
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  log: Log;
  giveUpMs?: number;
}): Promise<EmbeddedPostgres> {
  const { log, giveUpMs = GIVE_UP_MS } = options;
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const unlock = lockDataDir(dataDir);
  try {
    const cluster = await openCluster(dataDir, log);
    await stopOrphan(cluster.directory, log);
    await boundLog(cluster.logFile);
    const { server, port } = await start(cluster);
    await createDatabase(cluster, port).catch(async (error) => {
      await server.stop();
      throw error;
    });
    log.info({ port, serverPid: server.pid, directory: cluster.directory }, 'The embedded database is ready');
    const boundedLog = startBoundedLog({ file: cluster.logFile, log });
    const kept = keepRunning(server, { cluster, port, log, giveUpMs });
    let stopped: Promise<void> | undefined;
    const stop = (fastMs?: number) => {
      stopped ??= kept.stop(fastMs).then(boundedLog.stop).finally(unlock);
      return stopped;
    };
    return { url: urlOf(cluster, port, USER), stop, lost: kept.lost };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Tries again after temporary errors: a port taken meanwhile, or processes of a killed server that still run.
 */
async function start(cluster: Cluster): Promise<{ server: Server; port: number }> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const port = await freePort();
    const server = spawnServer(cluster, port);
    try {
      await server.ready();
      return { server, port };
    } catch (error) {
      await server.stop();
      const passing = /still in use|Address already in use/.test((error as Error).message);
      if (!passing || Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/**
 * Uses ports below the range for outgoing connections: while a killed server is down, the system must not
 * give its port to another program.
 */
async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
      return port;
    } catch (error) {
      if (attempt === 20) throw error;
    } finally {
      probe.close();
    }
  }
}

async function createDatabase(cluster: Cluster, port: number): Promise<void> {
  const url = urlOf(cluster, port, 'postgres');
  const client = createClient({ url, applicationName: 'batchwright start' });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [USER]);
    if (rowCount === 0) await client.query(`create database ${USER}`);
  } finally {
    await client.end();
  }
}

/** Starts the server again whenever it ends, until it is stopped or lost. */
function keepRunning(
  first: Server,
  { cluster, port, log, giveUpMs }: { cluster: Cluster; port: number; log: Log; giveUpMs: number },
): Pick<EmbeddedPostgres, 'stop' | 'lost'> {
  const stopping = new AbortController();
  const { promise: lost, resolve: lose } = Promise.withResolvers<string>();
  let server = first;

  async function watch(): Promise<void> {
    for (;;) {
      const ending = await server.ended;
      if (stopping.signal.aborted) return;
      log.error({ ending }, 'The embedded database ended; starting it again');
      if (!(await startAgain(performance.now() + giveUpMs))) return;
    }
  }

  /** False when it was stopped or lost meanwhile. */
  async function startAgain(deadline: number): Promise<boolean> {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      try {
        server = spawnServer(cluster, port);
        await server.ready();
        log.info({ serverPid: server.pid, attempt }, 'The embedded database is back');
        return true;
      } catch (error) {
        await server.stop();
        const isGone = !(await exists(join(cluster.directory, 'PG_VERSION')));
        if (isGone || performance.now() > deadline) {
          const why = isGone ? `${cluster.directory} is gone` : (error as Error).message;
          lose(`The embedded database ended and cannot be started again: ${why}`);
          return false;
        }
        const write = attempt < 5 ? log.warn : log.error;
        write.call(log, { attempt, err: error }, 'The embedded database does not start; trying again');
        await sleep(Math.min(100 * 2 ** attempt, 10_000), undefined, { signal: stopping.signal }).catch(
          () => {},
        );
      }
    }
    return false;
  }

  const watching = watch();
  return {
    lost,
    async stop(fastMs) {
      stopping.abort();
      await server.stop(fastMs);
      await watching;
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
