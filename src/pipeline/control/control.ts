/**
 * What callers do to an existing batch: cancel, pause, resume, restart, repost, delete. Each throws `batchNotFound`, and `forbidden`
 * when the caller may not run every action in the batch.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { requireActions } from '../../access/permissions.ts';
import type { AuditEvent } from '../../contract/audit-events.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import { type AsyncId, hasEnded, MARKS_HOLD_MS, requireFound, toAsyncId } from '../../domain/batch.ts';
import { batchPriority, mayStop } from '../../domain/batch-options.ts';
import type { Caller } from '../../domain/caller.ts';
import { transaction } from '../../postgres/transaction.ts';
import { makeDueNow } from '../../queue/inspect.ts';
import { type ChunkMessage, messagesByQueue } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import { startMessages, stopMessages } from '../../queue/stopped.ts';
import type { Registry } from '../../registry/registry.ts';
import { insertAudit } from '../../store/audit.ts';
import { type BatchRow, lockTenantBatch, reopen, requestCancel, setPaused } from '../../store/batches.ts';
import { deleteUnmatched } from '../../store/bound-params.ts';
import { incompleteChunks } from '../../store/chunks.ts';
import { markDeleted } from '../../store/deleted-batches.ts';
import { clearNextAttempts, markReposted } from '../../store/deliveries.ts';
import { reschedule } from '../../store/due-batches.ts';
import { insertEmptyNote } from '../../store/plan-notes.ts';
import { lockPlan, resetPlan, startableJobs } from '../../store/plans.ts';
import { deleteUnsuccessful } from '../../store/results.ts';
import type { Releaser } from '../plan/releaser.ts';
import { callbackMessage } from '../settle/batch-end.ts';
import { recordLostOfEnded } from '../settle/lost-results.ts';
import { type RestartSelection, toStored } from './selection.ts';

export interface ControlDeps {
  pool: Pool;
  registry: Registry;
  queue: Queue;
  queues: readonly string[];
  releaser: Releaser;
}

/**
 * A settle locks its message before the batch, a cancel locks the batch first. One of the two may fail with a
 * deadlock and is repeated.
 */
const ATTEMPTS = 3;

/** Once it resolves, no further job of the batch starts. False when the batch has ended already. */
export async function cancel(deps: ControlDeps, caller: Caller, asyncId: unknown): Promise<boolean> {
  const isDone = await withBatch(deps, caller, asyncId, 'batch.cancelled', async (client, batch) => {
    if (!(await requestCancel(client, batch.id))) return false;
    await makeDueNow(client, deps.queues, batch.id);
    if (batch.isPlanned) await insertEmptyNote(client, batch.id);
    return true;
  });
  if (isDone) await knownToWorkers();
  return isDone;
}

/**
 * Once it resolves, no further job of the batch starts before it is resumed; those that run end as they end. False when
 * the batch has ended, or is cancelled.
 */
export async function pause(deps: ControlDeps, caller: Caller, asyncId: unknown): Promise<boolean> {
  const isDone = await withBatch(deps, caller, asyncId, 'batch.paused', async (client, batch) => {
    if (hasEnded(batch.state) || batch.cancelRequested) return false;
    if (batch.isPaused) return 'already';
    await setPaused(client, batch.id, true);
    await stopMessages(client, deps.queues, batch.id);
    return true;
  });
  if (isDone) await knownToWorkers();
  return isDone;
}

/** A little longer than workers start jobs without a look, because no timer is exact. */
function knownToWorkers(): Promise<void> {
  return delay(MARKS_HOLD_MS + 10);
}

/** Lets a paused batch go on. False when the batch has ended. */
export function resume(deps: ControlDeps, caller: Caller, asyncId: unknown): Promise<boolean> {
  return withBatch(deps, caller, asyncId, 'batch.resumed', async (client, batch) => {
    if (hasEnded(batch.state)) return false;
    if (!batch.isPaused) return 'already';
    await setPaused(client, batch.id, false);
    if (!batch.isScheduled) await startMessages(client, deps.queues, batch.id);
    return true;
  });
}

/**
 * Runs jobs again that have not succeeded, under a new generation: all of them, or the selected ones. The others
 * keep their results. Work of older generations that is still in flight, callbacks included, records nothing.
 * False when there is nothing to restart or the batch still runs. Throws `badRequest` for an index that the
 * batch does not have.
 */
export function restart(
  deps: ControlDeps,
  caller: Caller,
  asyncId: unknown,
  selection: RestartSelection = {},
): Promise<boolean> {
  return withBatch(deps, caller, asyncId, 'batch.restarted', async (client, batch) => {
    const selected = toStored(selection, batch.total);
    if (!hasEnded(batch.state)) return false;
    await recordLostOfEnded(client, batch);
    const removed = await deleteUnsuccessful(client, batch.id, selected);
    if (removed.failed + removed.cancelled + removed.skipped === 0) return false;
    const generation = await reopen(client, batch.id, removed);
    await clearNextAttempts(client, batch.id);
    const bounds = batch.isPlanned ? await lockPlan(client, batch.id) : null;
    if (bounds) {
      await deleteUnmatched(client, batch.id);
      await resetPlan(client, batch.id, bounds);
    }
    await requeue(deps.queue, client, { ...batch, generation });
    const isTimed = batch.startAt !== null || mayStop(batch.options);
    if (isTimed && (await reschedule(client, batch.id))) await stopMessages(client, deps.queues, batch.id);
    return true;
  });
}

/**
 * Sends the callback again, in place of a waiting attempt. False without a callbackUrl or before the batch
 * has ended.
 */
export function repost(deps: ControlDeps, caller: Caller, asyncId: unknown): Promise<boolean> {
  return withBatch(deps, caller, asyncId, 'batch.reposted', async (client, batch) => {
    const { callbackUrl } = batch;
    if (!hasEnded(batch.state) || callbackUrl === null) return false;
    const reposts = await markReposted(client, batch.id);
    await clearNextAttempts(client, batch.id);
    const message = callbackMessage({ ...batch, callbackUrl }, { trigger: 'repost', reposts });
    await deps.queue.sendCallbacks(client, [message]);
    return true;
  });
}

/**
 * Deletes an ended batch and all that belongs to it; its rows are removed later, by the purge. Throws `notCompleted`
 * before its end.
 */
export async function deleteBatch(deps: ControlDeps, caller: Caller, asyncId: unknown): Promise<void> {
  await withBatch(deps, caller, asyncId, 'batch.deleted', async (client, batch) => {
    if (!hasEnded(batch.state))
      throw new BatchwrightError('notCompleted', {
        message: 'The batch has not ended: cancel it, and delete it when it has ended',
      });
    await markDeleted(client, batch.id);
    return true;
  });
}

/** Sends a message for every chunk and queue that lacks results, except those that `except` names. */
export async function requeue(
  queue: Queue,
  client: PoolClient,
  {
    id: batchId,
    tenant,
    generation,
    isPlanned,
    options,
  }: Pick<BatchRow, 'id' | 'tenant' | 'generation' | 'isPlanned' | 'options'>,
  except: (chunk: number, queueName: string) => boolean = () => false,
): Promise<number> {
  const chunks = await incompleteChunks(client, [batchId]);
  const missing = isPlanned
    ? chunks.filter(({ number, queues }) => !queues.some((queueName) => except(number, queueName)))
    : chunks;
  const numbers = missing.map(({ number }) => number);
  const startable = isPlanned ? await startableJobs(client, batchId, numbers) : null;
  const priority = batchPriority(options);
  const messages = missing.flatMap(({ number, queues }) => {
    const message: ChunkMessage = { batch: batchId, tenant, chunk: number, generation, attempt: 1, priority };
    if (startable) Object.assign(message, { isPlanned: true, indexes: startable.get(number) ?? [] });
    return queues
      .filter((queueName) => !except(number, queueName))
      .map((queueName) => ({ queueName, message }));
  });
  for (const [queueName, list] of messagesByQueue(messages)) await queue.sendChunks(client, queueName, list);
  return messages.length;
}

/** @param event noted in the audit when the work returns true; `already`: nothing had to be done */
async function withBatch(
  deps: ControlDeps,
  caller: Caller,
  asyncId: AsyncId | unknown,
  event: AuditEvent,
  work: (client: PoolClient, batch: BatchRow) => Promise<boolean | 'already'>,
): Promise<boolean> {
  return requireFound(asyncId, async (batchId) => {
    await requireActions(deps, caller, batchId);
    const inTransaction = async (client: PoolClient) => {
      const batch = await lockTenantBatch(client, caller.tenant, batchId);
      const done = batch && (await work(client, batch));
      if (done !== true) return { isDone: done === 'already' || done };
      await insertAudit(client, caller, { tenant: batch.tenant, event, target: toAsyncId(batch.id) });
      return { isDone: true, isPlanned: batch.isPlanned };
    };
    const { isDone, isPlanned } = await transaction(deps.pool, inTransaction, { attempts: ATTEMPTS });
    if (isPlanned) deps.releaser.wake(batchId);
    return isDone;
  });
}
