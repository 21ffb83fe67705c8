import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import { isTemporary } from '../../postgres/errors.ts';

/**
 * Does the work for one batch after another. A batch whose work fails keeps none of those behind it waiting: it is logged,
 * and the next round tries it again. Throws when the database is away, which concerns all.
 *
 * @param failure the log's line, such as `sweep: a batch was not repaired`
 */
export async function eachBatch(
  log: Pick<Log, 'warn'>,
  batchIds: Iterable<string>,
  failure: string,
  work: (batchId: string) => Promise<unknown>,
): Promise<void> {
  for (const batchId of batchIds) {
    try {
      await work(batchId);
    } catch (error) {
      if (isTemporary(error)) throw error;
      log.warn({ err: error, asyncId: toAsyncId(batchId) }, failure);
    }
  }
}
