import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError, EXIT } from './exit.ts';

/**
 * Writes a file that is there only when it is complete: a reader never sees half of it, and after an error or an abort
 * an earlier file of this name is still as it was. A device such as /dev/null is written directly. Throws
 * CommandError when it cannot be written.
 */
export async function writeFileAtOnce(
  file: string,
  pieces: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const isDevice = await stat(file).then(
    (found) => !found.isFile() && !found.isDirectory(),
    () => false,
  );
  const draft = isDevice ? file : join(dirname(file), `.${basename(file)}.${randomUUID()}.part`);
  try {
    await pipeline(Readable.from(pieces), createWriteStream(draft, { flush: true }), { signal });
    if (!isDevice) await rename(draft, file);
  } catch (error) {
    if (!isDevice) await rm(draft, { force: true });
    signal.throwIfAborted();
    const { syscall, code } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new CommandError(EXIT.error, `${file} cannot be written: ${code}`, { cause: error });
  }
}
