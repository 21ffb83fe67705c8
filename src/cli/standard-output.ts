/** Standard output has data and nothing else. */
import { once } from 'node:events';
import type { Terminal } from './terminal.ts';

/** `| head` closes the pipe when it has enough: that is not an error. */
export function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`batchwright: standard output: ${error.message}\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => {});
}

/** Writes text or bytes, and waits for a slow reader. */
export async function print({ stdout }: Pick<Terminal, 'stdout'>, text: string | Uint8Array): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}
