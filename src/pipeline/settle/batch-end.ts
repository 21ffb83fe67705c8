/** The end of a batch: everything that follows from it happens in the transaction that ends it. */
import type { ClientBase } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import type { SettleAnswer } from '../../store/settle-columns.ts';
import { batchEnded } from '../../telemetry/events.ts';

/** A batch that has just ended. */
export interface EndedBatch {
  batchId: string;
  generation: number;
  tenant: string;
  callbackUrl: string | null;
}

/** Called by the settle that ended these batches. Sends a message for each that has a callback. */
export async function sendCompletionCallbacks(
  queue: Queue,
  client: ClientBase,
  ended: readonly EndedBatch[],
): Promise<void> {
  const messages = ended.flatMap(({ batchId, generation, tenant, callbackUrl }): CallbackMessage[] =>
    callbackUrl === null
      ? []
      : [callbackMessage({ id: batchId, generation, tenant, callbackUrl }, { trigger: 'completion' })],
  );
  if (messages.length > 0) await queue.sendCallbacks(client, messages);
}

/** The message of a batch's callback, for the first attempt unless `cause` names a later one. */
export function callbackMessage(
  batch: { id: string; generation: number; tenant: string; callbackUrl: string },
  cause: Pick<CallbackMessage, 'trigger' | 'reposts'> & { attempt?: number },
): CallbackMessage {
  const { id, generation, tenant, callbackUrl } = batch;
  // Callbacks are grouped by receiver, so that one receiver cannot delay the callbacks of others.
  return { batch: id, generation, attempt: 1, ...cause, tenant, receiver: new URL(callbackUrl).host };
}

/**
 * Writes the one log line of a batch's end and emits its event. Call it after the commit of the transaction that
 * ended it.
 */
export function reportEnd(log: Pick<Log, 'info'>, batchId: string, ended: SettleAnswer): void {
  const { tenant, state, total, succeeded, failed, cancelled, skipped, durationMs } = ended;
  const batch = {
    asyncId: toAsyncId(batchId),
    tenant,
    state,
    counts: { total, succeeded, failed, cancelled, skipped },
    durationMs,
  };
  log.info(batch, 'batch ended');
  batchEnded.emit(batch);
}
