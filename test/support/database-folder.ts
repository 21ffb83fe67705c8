import { access, constants, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';
/** The suite's databases take about one of them. */
const NEEDED_BYTES = 6 * 1024 ** 3;

/**
 * Where databases of tests are stored: in memory if there is enough, otherwise among the temporary files.
 * Copying the template, some hundreds of files, takes five times as long on a disk, and five times the
 * processor time.
 */
export async function databaseFolder(): Promise<string> {
  try {
    await access(IN_MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(IN_MEMORY);
    return Math.min(bavail * bsize, process.availableMemory()) > NEEDED_BYTES ? IN_MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}
