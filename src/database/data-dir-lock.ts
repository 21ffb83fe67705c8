import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processIdentity } from './processes.ts';

/**
 * Makes this process the only Batchwright of a data directory until it ends or calls the returned release.
 *
 * The lock is a file with the pid and the identity of its holder, so that a lock left by a killed process,
 * its pid reused or not, is recognised. Throws one clear line when a living process holds it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const lock = join(dataDir, 'lock');
  const draft = `${lock}.${randomUUID()}`;
  await writeDraft(draft, dataDir);
  try {
    // A link appears with its content in one step and fails when there is one already.
    while (!(await linked(draft, lock))) {
      const holder = await readFile(lock, 'utf8').catch(() => undefined);
      if (holder === undefined) continue;
      const pid = await livingHolder(holder);
      if (pid !== undefined) throw inUse(dataDir, pid);
      await removeStale(lock, holder);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(lock, { force: true });
}

async function writeDraft(draft: string, dataDir: string): Promise<void> {
  const holder = `${process.pid} ${await processIdentity(process.pid)}\n`;
  await writeFile(draft, holder, { mode: 0o644 }).catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`DATA_DIR ${dataDir} cannot be written by this user (${cause.code})`, { cause });
  });
}

async function linked(draft: string, lock: string): Promise<boolean> {
  return link(draft, lock).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

async function livingHolder(holder: string): Promise<number | undefined> {
  const [, pid, identity] = /^(\d+) (.*)\n$/.exec(holder) ?? [];
  if (pid === undefined) return undefined;
  return (await processIdentity(Number(pid))) === identity ? Number(pid) : undefined;
}

/** Moves the lock aside and gives it back if, since it was read, another process had taken the stale one over. */
async function removeStale(lock: string, holder: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  const moved = await rename(lock, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if ((await readFile(aside, 'utf8')) !== holder) await linked(aside, lock);
  await rm(aside, { force: true });
}

function inUse(dataDir: string, pid: number): Error {
  return new Error(
    `DATA_DIR ${dataDir} is in use by another Batchwright (pid ${pid}); stop it or set another DATA_DIR`,
  );
}
