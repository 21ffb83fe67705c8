/** The end of a batch: whatever follows from it happens in the transaction that ended it. */
import type { ClientBase } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import type { SettleAnswer } from '../../store/settle.ts';

/** A batch that has just ended. */
export interface EndedBatch {
  batchId: string;
  generation: number;
  tenant: string;
  callbackUrl: string | null;
}

/** Called by the settle that ended these batches; sends the callbacks' messages of those that have a callback. */
export async function sendCompletionCallbacks(
  queue: Queue,
  client: ClientBase,
  ended: readonly EndedBatch[],
): Promise<void> {
  const messages = ended.flatMap(({ batchId, generation, tenant, callbackUrl }): CallbackMessage[] =>
    callbackUrl === null
      ? []
      : [
          {
            batch: batchId,
            generation,
            attempt: 1,
            trigger: 'completion',
            tenant,
            receiver: receiverOf(callbackUrl),
          },
        ],
  );
  if (messages.length > 0) await queue.sendCallbacks(client, messages);
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
