/** Follows a batch to its end, for `watch` and `submit --wait`. */
import type { Batch, Batchwright } from '../client/index.ts';
import { countsText, hasFailures } from './batch-columns.ts';
import { CommandError, EXIT } from './exit.ts';
import { interruptible } from './interrupt.ts';
import { showProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/**
 * The batch at its end. Its progress is shown on standard error. Throws CommandError when the time is over.
 *
 * @param timeoutSeconds undefined waits for ever
 */
export async function follow(
  { stderr }: Pick<Terminal, 'stderr'>,
  client: Batchwright,
  asyncId: string,
  timeoutSeconds: number | undefined,
): Promise<Batch> {
  const goesOn = `the batch goes on; npx batchwright watch ${asyncId} follows it`;
  const late = new CommandError(EXIT.timeOver, `it has not ended within ${timeoutSeconds} s: ${goesOn}`);
  return interruptible(async (interrupted) => {
    const timeOver = new AbortController();
    const timer =
      timeoutSeconds === undefined
        ? undefined
        : setTimeout(() => timeOver.abort(late), Math.min(timeoutSeconds * 1000, 2 ** 31 - 1));
    const progress = await showProgress(stderr);
    try {
      return await client.batches.wait(asyncId, {
        signal: AbortSignal.any([interrupted, timeOver.signal]),
        onProgress: progress.update,
      });
    } finally {
      clearTimeout(timer);
      progress.stop();
      if (interrupted.aborted) stderr.write(`batchwright: ${goesOn}\n`);
    }
  });
}

/** Throws CommandError when not every job has succeeded. */
export function requireSuccess(batch: Batch): void {
  if (!hasFailures(batch)) return;
  const { asyncId, state, counts } = batch;
  throw new CommandError(
    EXIT.failures,
    `${state}, jobs ${countsText(counts)}; npx batchwright results ${asyncId} shows each`,
  );
}
