import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from './log.ts';
import { processCommand, processEnded } from './processes.ts';
import { isServerOf } from './server.ts';

/**
 * Clears a cluster for a new server: stops the one that a killed Batchwright left running, and removes a
 * postmaster.pid whose pid is a zombie's or some other process's by now, which Postgres would take for a
 * server. The caller holds the data directory's lock, so no living Batchwright owns what is found. Throws when
 * the server does not stop.
 */
export async function stopOrphan(directory: string, log: Log): Promise<void> {
  const pidFile = join(directory, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  if (Number.isNaN(pid)) return;
  if (!isServerOf(directory, await processCommand(pid))) {
    // Its shared memory, found by the folder's inode, still keeps out a server whose processes are not all gone.
    return rm(pidFile, { force: true });
  }
  log.warn({ pid }, 'Stopping the database server that an earlier start left running');
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    send(pid, signal);
    if (await processEnded(pid, 10_000)) return rm(pidFile, { force: true });
  }
  throw new Error(`The database server of ${directory} (pid ${pid}) does not stop`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
