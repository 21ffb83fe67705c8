/** The end of a batch: whatever follows from it happens in the transaction that ended it. */
import type { ClientBase } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import type { Queue } from '../../queue/queue.ts';
import type { SettleAnswer } from '../../store/settle.ts';

/** Called by the one settle that finished the batch; sends the callback's message if it has a callback. */
export async function sendCompletionCallbacks(
  queue: Queue,
  client: ClientBase,
  batch: { batchId: string; generation: number; tenant: string; callbackUrl: string | null },
): Promise<void> {
  if (batch.callbackUrl === null) return;
  await queue.sendCallback(client, {
    batch: batch.batchId,
    generation: batch.generation,
    attempt: 1,
    trigger: 'completion',
    tenant: batch.tenant,
    receiver: receiverOf(batch.callbackUrl),
  });
}

/** What callbacks are grouped by, so that one receiver cannot hold up those of all others. */
export function receiverOf(callbackUrl: string): string {
  return new URL(callbackUrl).host;
}

/** The one log line of a batch's end; to be written once the transaction that ended it is committed. */
export function logEnd(log: Pick<Log, 'info'>, batchId: string, ended: SettleAnswer): void {
  const { tenant, state, total, succeeded, failed, cancelled, durationMs } = ended;
  const counts = { total, succeeded, failed, cancelled };
  log.info({ asyncId: toAsyncId(batchId), tenant, state, counts, durationMs }, 'batch ended');
}
