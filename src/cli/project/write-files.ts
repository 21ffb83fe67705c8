import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../../embedded/make-folder.ts';
import type { NewFile } from './action-files.ts';

/** Writes a file that does not exist yet. False when it does: it is kept. */
export async function writeNew(folder: string, { path, text }: NewFile): Promise<boolean> {
  const file = join(folder, path);
  await makeFolder(dirname(file));
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * The files that these names are taken by. A name in another case is taken too: the start refuses two actions that
 * differ only in case, and some file systems hold only one of them.
 */
export function existing(folder: string, files: readonly NewFile[]): string[] {
  return files.flatMap(({ path }) => {
    const name = basename(path).toLowerCase();
    const found = namesIn(join(folder, dirname(path))).filter((other) => other.toLowerCase() === name);
    return found.map((other) => join(dirname(path), other));
  });
}

/** Empty for a folder that cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
