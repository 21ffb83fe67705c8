/** The end of a batch: whatever follows from it happens in the transaction that ended it. */
import type { ClientBase } from 'pg';
import type { Queue } from '../queue/queue.ts';

/** Called by the one settle that finished the batch; sends the callback's message if it has a callback. */
export async function complete(
  queue: Queue,
  client: ClientBase,
  batch: { batchId: string; generation: number; callbackUrl: string | null },
): Promise<void> {
  if (batch.callbackUrl === null) return;
  await queue.sendCallback(client, {
    batch: batch.batchId,
    generation: batch.generation,
    attempt: 1,
    trigger: 'completion',
    receiver: receiverOf(batch.callbackUrl),
  });
}

/** What callbacks are grouped by, so that one receiver cannot hold up those of all others. */
export function receiverOf(callbackUrl: string): string {
  return new URL(callbackUrl).host;
}
