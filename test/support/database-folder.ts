import { access, constants, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';
/** The suite's databases take about one of them. */
const NEEDED_BYTES = 6 * 1024 ** 3;

/**
 * Where databases of tests are kept: in memory where there is enough of it, otherwise among the temporary files.
 * To copy the template, some hundreds of files, takes five times as long on a disk, and as much more processor time.
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
