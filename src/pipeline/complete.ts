/** The end of a batch: whatever follows from it happens in the transaction that ended it. */
import type { ClientBase } from 'pg';
import type { Queue } from '../queue/queue.ts';

/** Called by the one settle that finished the batch; sends the callback's message if it has a callback. */
export async function complete(
  queue: Queue,
  client: ClientBase,
  batch: { batchId: string; generation: number; hasCallback: boolean },
): Promise<void> {
  if (!batch.hasCallback) return;
  await queue.sendCallback(client, {
    batch: batch.batchId,
    generation: batch.generation,
    attempt: 1,
    trigger: 'completion',
  });
}
