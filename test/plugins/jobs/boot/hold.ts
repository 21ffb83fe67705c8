import { appendFile, stat } from 'node:fs/promises';
import { defineAction } from 'batchwright/plugin';
import { waitFor } from '../../../support/wait.ts';
import type { Hold } from '../../schemas/boot/hold.ts';

/** Held by a file, so that a test can hold jobs of processes that it cannot reach otherwise. */
export default defineAction<Hold>({
  summary: 'Runs until a file is there',
  concurrency: 2,
  async run({ started, until }, { index, signal }) {
    await appendFile(started, `${index}\n`);
    await waitFor(() => exists(until, signal), { what: until, timeoutMs: 60_000 });
    return { index };
  },
});

async function exists(file: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return stat(file).then(
    () => true,
    () => false,
  );
}
