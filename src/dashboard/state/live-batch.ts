/** A batch as it changes. */
import type { Batch } from '../../client/index.ts';
import { useAnswer } from './answer.ts';
import type { Resource } from './resource.ts';

/** Follows the batch to its end. `reload` follows again after a restart. */
export function useLiveBatch(asyncId: string): Resource<Batch> {
  return useAnswer<Batch>(`/v1/batches/${encodeURIComponent(asyncId)}`, {
    // Nothing else is a batch, and the server says so.
    isLive: /^[0-9a-f]{32}$/.test(asyncId),
  });
}
