import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from '../domain/log.ts';
import { isServerOf } from './server.ts';

/**
 * Prepares a cluster for a new server: stops a server that a killed Batchwright left running, and removes a
 * postmaster.pid whose pid is now a zombie or another process, because Postgres would take it for a server.
 * The caller holds the data directory's lock, so no living Batchwright owns the server. Throws when the
 * server does not stop.
 */
export async function stopOrphan(directory: string, log: Log): Promise<void> {
  const pidFile = join(directory, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  if (Number.isNaN(pid)) return;
  const isRunning = async () => isServerOf(directory, await commandLine(pid));
  if (await isRunning()) {
    log.warn({ serverPid: pid }, 'Stopping the database server that an earlier start left running');
    if (!(await stop(pid, isRunning))) {
      throw new Error(`The database server of ${directory} (pid ${pid}) does not stop`);
    }
  }
  // Its shared memory, found by the folder's inode, still blocks a new server while processes of the dead one
  // live.
  await rm(pidFile, { force: true });
}

/** Fast shutdown, then an immediate one; resolves to whether the server is gone. */
async function stop(pid: number, isRunning: () => Promise<boolean>): Promise<boolean> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    send(pid, signal);
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      if (!(await isRunning())) return true;
      await sleep(20);
    }
  }
  return false;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * The arguments of a process, separated by spaces. Empty when there is no such process, when it is a zombie,
 * and on Windows, where this is not supported.
 */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'win32') return '';
  if (process.platform === 'linux') {
    const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return args.replaceAll('\0', ' ');
  }
  return promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}
