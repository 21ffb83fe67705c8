import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NewFile } from './action-files.ts';

/** Writes a file that does not exist yet. False when it does: it is kept. */
export async function writeNew(folder: string, { path, text }: NewFile): Promise<boolean> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The files of these that exist. */
export function existing(folder: string, files: readonly NewFile[]): string[] {
  return files.map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
}
