/**
 * The address of the server that runs on a data directory, in a file there: commands on the same machine find the
 * server by it.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface LocalServer {
  /** Where it can be reached from this machine. */
  url: string;
  pid: number;
}

interface ServerFile extends LocalServer {
  /** When the process began, in the words of the system; null where the system does not say. */
  began: string | null;
}

export function serverFile(dataDir: string): string {
  return join(dataDir, 'server.json');
}

/**
 * Writes the file for this process. Returns a function that removes it, unless another server has written its own
 * since.
 *
 * @param url the address that the server listens on
 */
export function recordServer(dataDir: string, url: string): () => void {
  const file = serverFile(dataDir);
  const { pid } = process;
  const content: ServerFile = { url: reachable(url), pid, began: beganAt(pid) };
  // A command must not read half of it.
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`);
  renameSync(draft, file);
  return () => {
    try {
      if (parse(readFileSync(file, 'utf8'))?.pid === pid) rmSync(file);
    } catch {
      // Removed already, with the data directory perhaps.
    }
  };
}

/** The server that runs on the data directory; undefined when there is none, or none any more. */
export async function findServer(dataDir: string): Promise<LocalServer | undefined> {
  const found = parse(await readFile(serverFile(dataDir), 'utf8').catch(() => ''));
  return found && isRunning(found) ? { url: found.url, pid: found.pid } : undefined;
}

function parse(text: string): ServerFile | undefined {
  try {
    const { url, pid, began = null } = JSON.parse(text);
    return URL.canParse(url) && Number.isSafeInteger(pid) && pid > 0 ? { url, pid, began } : undefined;
  } catch {
    return undefined;
  }
}

/** A process number is given to another process some time: that one began later. */
function isRunning({ pid, began }: ServerFile): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other error means that the process runs for another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return began === null || began === beganAt(pid);
}

/** proc_pid_stat(5): the 22nd field, counted behind the name of the program, which may contain anything. */
function beganAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** All addresses of the machine are not an address to connect to. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
