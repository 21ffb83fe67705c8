import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { USER } from './cluster.ts';

/**
 * The postgres:// address of the server that runs on a data directory, as its own files say; null when there is none.
 * After a crash the files may name a server that is gone.
 */
export async function findRunningServer(dataDir: string): Promise<string | null> {
  const read = (...path: string[]) => readFile(join(dataDir, ...path), 'utf8').catch(() => '');
  // https://www.postgresql.org/docs/current/storage-file-layout.html: the fourth line is the port.
  const port = (await read('postgres', 'postmaster.pid')).split('\n')[3]?.trim();
  const password = (await read('postgres-password')).trim();
  return port && password ? `postgres://${USER}:${password}@127.0.0.1:${port}/${USER}` : null;
}
