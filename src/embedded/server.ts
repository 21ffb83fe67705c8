import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, createReadStream, fstatSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../postgres/connection.ts';
import { type Cluster, programEnvironment, USER } from './cluster.ts';

const FAST_SHUTDOWN_MS = 10_000;
/** Of the end of the log that explains a failed start. */
const MAX_SHOWN_BYTES = 64 * 1024;

/** One run of the Postgres server. */
export interface Server {
  pid: number | undefined;
  /**
   * Resolves with the way it ended: `exit code 1`, `SIGKILL` or why it could not be started. Never rejects.
   */
  ended: Promise<string>;
  /** Resolves when it accepts connections. Throws, with the last lines of its log, when it ends before. */
  ready(): Promise<void>;
  /**
   * Fast shutdown, then an immediate one after this time, 10 s when absent. Resolves when the process is
   * gone.
   */
  stop(fastMs?: number): Promise<void>;
}

/** postgres:// address of one of the cluster's databases while a server runs on the port. */
export function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgres://${USER}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

/**
 * Starts the server in its own session, so that Ctrl-C, sent to our process group, does not reach it.
 * Synchronous, so that there is no moment at which a server runs and cannot be stopped.
 */
export function spawnServer(cluster: Cluster, port: number): Server {
  const log = openSync(cluster.logFile, 'a', 0o600);
  try {
    const logStart = fstatSync(log).size;
    const child = spawn(cluster.binaries.postgres, serverArguments(cluster.directory, port), {
      ...cluster.owner,
      detached: true,
      cwd: parse(cluster.directory).root,
      env: programEnvironment(),
      stdio: ['ignore', log, log],
    });
    return watched(child, (ended) => waitUntilReady(cluster, port, ended, logStart));
  } finally {
    closeSync(log);
  }
}

function watched(child: ChildProcess, ready: (ended: Promise<string>) => Promise<void>): Server {
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  return {
    pid: child.pid,
    ended,
    ready: () => ready(ended),
    async stop(fastMs = FAST_SHUTDOWN_MS) {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGQUIT'), fastMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** True for the command line of one of our servers on this cluster, started by any version of Batchwright. */
export function isServerOf(directory: string, command: string): boolean {
  return command.includes(` -D ${directory} `);
}

function serverArguments(directory: string, port: number): string[] {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories='];
  return ['-D', directory, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
}

async function waitUntilReady(cluster: Cluster, port: number, ended: Promise<string>, logStart: number) {
  let ending: string | undefined;
  void ended.then((how) => {
    ending = how;
  });
  // Recovery after a crash may take any time: only the server's end limits it.
  while (!(await takesConnections(urlOf(cluster, port, 'postgres')))) {
    if (ending !== undefined) {
      throw new Error(
        `The embedded database did not start (${ending}): ${await logSince(cluster, logStart)}`,
      );
    }
    await sleep(20);
  }
}

/** Throws errors that waiting cannot fix, such as a wrong password. */
async function takesConnections(url: string): Promise<boolean> {
  const client = createClient({ url, applicationName: 'batchwright start', connectMs: 2_000 });
  try {
    await client.connect();
    return true;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== '28P01') return false;
    throw new Error(`The embedded database refuses the password that is stored beside it: ${message}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function logSince(cluster: Cluster, start: number): Promise<string> {
  const { size } = await stat(cluster.logFile);
  // The log may have been shortened meanwhile.
  const from = Math.max(start > size ? 0 : start, size - MAX_SHOWN_BYTES);
  const end = await text(createReadStream(cluster.logFile, { start: from }));
  return end.trim().split('\n').slice(-20).join('\n') || 'its log is empty';
}
