import { chmod, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canEnter, type Owner } from './owner.ts';

/**
 * A folder of ours that the database's user can enter, for files that cannot stay where they are:
 * /var/lib/batchwright, or one among the temporary files when that cannot be written. Throws when neither is
 * possible.
 */
export async function openFolder(owner: Owner): Promise<string> {
  const uid = process.getuid?.();
  const candidates = ['/var/lib/batchwright', join(tmpdir(), `batchwright-${uid}`)];
  for (const folder of candidates) {
    await mkdir(folder).catch(() => undefined);
    if (!(await isSafe(folder, uid))) continue;
    await chmod(folder, 0o755);
    if (await canEnter(folder, owner)) return folder;
  }
  throw new Error(
    `The embedded database needs one of the folders ${candidates.join(', ')}; set DATABASE_URL`,
  );
}

/** A folder that another user made or can write to must not be trusted with programs or data. */
async function isSafe(folder: string, uid: number | undefined): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o022) === 0;
}
