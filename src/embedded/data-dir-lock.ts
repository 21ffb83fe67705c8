import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** A lock is released when its object is garbage collected, so all are kept here. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only Batchwright of a data directory until it ends or calls the returned release.
 * Throws one clear line when another living process holds the lock, or when the directory cannot be written.
 * The operating system holds the lock: a crash releases it, and it works across containers' pid namespaces.
 * Node offers such locks only through SQLite, so there is a database file, to which nothing is ever written.
 */
export function lockDataDir(dataDir: string): () => void {
  const pidFile = join(dataDir, 'batchwright.pid');
  const lock = open(dataDir, pidFile);
  held.add(lock);
  writeFileSync(pidFile, `${process.pid}\n`);
  return () => {
    rmSync(pidFile, { force: true });
    held.delete(lock);
    lock.close();
  };
}

function open(dataDir: string, pidFile: string): DatabaseSync {
  try {
    const lock = new DatabaseSync(join(dataDir, 'lock'));
    lock.exec('begin exclusive');
    return lock;
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string };
    const problem =
      errcode === SQLITE_BUSY
        ? `is in use by another Batchwright (pid ${readPid(pidFile)}); stop it or set another DATA_DIR`
        : `cannot be used by this user: ${message}`;
    throw new Error(`DATA_DIR ${dataDir} ${problem}`, { cause: error });
  }
}

function readPid(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
