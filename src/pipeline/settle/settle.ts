/**
 * Records the outcomes of a message's jobs in one transaction: results, counters, the end of the batch, the
 * end of the message, and further messages. The claim and the batch's generation fence it.
 */
import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { catalogue } from '../../contract/errors.ts';
import { failure, type RecordableOutcome } from '../../domain/outcome.ts';
import { isDataError, isLockTimeout, isUniqueViolation } from '../../postgres/errors.ts';
import { transaction } from '../../postgres/transaction.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';
import { whenSent } from '../../queue/when-sent.ts';
import { shareMarks } from '../../store/batches.ts';
import { encodeBound, insertBound } from '../../store/bound-params.ts';
import { markRunning, settle } from '../../store/settle.ts';
import type { SettleAnswer } from '../../store/settle-columns.ts';
import { sendCompletionCallbacks } from './batch-end.ts';

export interface SettleDeps {
  pool: Pool;
  queue: Queue;
}

/** A message that a settle of the current one sends. */
export interface NextMessage {
  message: ChunkMessage;
  delaySeconds: number;
  quarantine?: boolean;
  /** True for jobs that were not started although other jobs of the message were. */
  isRest?: boolean;
}

export interface Settlement {
  /** The queue that the jobs' actions belong to. */
  queueName: string;
  claim: Claim<ChunkMessage>;
  outcomes: readonly RecordableOutcome[];
  /** False when failures cannot stop the batch; true when absent. */
  stops?: boolean | undefined;
  /** The last settle of a message completes it; each earlier one renews its heartbeat. */
  isLast: boolean;
  /** Messages sent in the same transaction. */
  next?: readonly NextMessage[];
  /** Indexes of the jobs that stay with the message; the messages sent are for the others. */
  narrowTo?: readonly number[];
  /** The batch is known to be paused: the messages sent must not be taken before it goes on. */
  isHeld?: boolean;
  /** When the first of the runs to be repeated began; by this process's clock. */
  retriedSince?: number | undefined;
}

/**
 * `lost`: another lane has the message, or the batch was restarted or deleted; nothing was recorded.
 * `cancelled`: nothing was recorded either, because a cancel was requested and further messages would only
 * delay it.
 */
export type SettleResult = RecordedResult | { state: 'lost' } | { state: 'cancelled' };

export interface RecordedResult {
  state: 'recorded';
  /** Results that were not recorded before. */
  inserted: number;
  cancelRequested: boolean;
  isHeld: boolean;
  ended: SettleAnswer | null;
}

/**
 * Settles, and waits as long as the database is away. An outcome whose text Postgres refuses becomes a failed
 * result that gives the reason; the others are recorded.
 */
export function settleClaim(deps: SettleDeps, settlement: Settlement): Promise<SettleResult> {
  let expectNew = true;
  const settling = async (): Promise<SettleResult> => {
    try {
      return await settleOnce(deps, settlement, expectNew);
    } catch (error) {
      if (isDataError(error) && settlement.outcomes.length > 0) return settleOneByOne(deps, settlement);
      if (!expectNew || !isUniqueViolation(error)) throw error;
      // Rare: a worker that was considered dead has recorded some of them meanwhile.
      expectNew = false;
      return settling();
    }
  };
  return untilAvailable(settling, {
    // The message's row was locked all the time, so the heartbeat could not be renewed.
    before: async (error) => {
      if (isLockTimeout(error)) await deps.queue.renew(settlement.claim).catch(() => {});
    },
  });
}

/** Another lane has the message, or the batch was restarted or deleted. */
export class Lost extends Error {}
class Cancelled extends Error {}

async function settleOnce(
  deps: SettleDeps,
  settlement: Settlement,
  expectNew = false,
): Promise<SettleResult> {
  try {
    return await transaction(deps.pool, (client) => settleIn(deps, client, settlement, { expectNew }));
  } catch (error) {
    if (error instanceof Lost) return { state: 'lost' };
    if (error instanceof Cancelled) return { state: 'cancelled' };
    throw error;
  }
}

/**
 * Settles in the caller's transaction, which must be rolled back when this throws. It throws Lost when another
 * lane has the message, or its batch was restarted or deleted.
 *
 * @param options.expectNew jobs that have a result already make it fail (unique_violation)
 */
export async function settleIn(
  { queue }: Pick<SettleDeps, 'queue'>,
  client: ClientBase,
  settlement: Settlement,
  { expectNew = false }: { expectNew?: boolean } = {},
): Promise<RecordedResult> {
  const { claim, outcomes, next = [], queueName, retriedSince } = settlement;
  const { message } = claim;
  const bound = message.isPlanned ? await encodeBound(outcomes) : [];
  // Lock order everywhere: message row, then batch row. This prevents deadlocks.
  const held = await whenSent((onSent) => holdClaim(queue, client, settlement, onSent));
  const record = async (): Promise<RecordedResult> => {
    if (outcomes.length === 0)
      return { state: 'recorded', inserted: 0, cancelRequested: false, isHeld: false, ended: null };
    await insertBound(client, message.batch, bound);
    return recorded(await recordOutcomes(queue, client, settlement, expectNew));
  };
  if (next.length === 0) {
    // Sent without waiting for the first answer: the claim decides only about the commit.
    const [claimed, result] = await Promise.all([held.answer, record()]);
    if (claimed === 'lost') throw new Lost();
    return result;
  }
  const claimed = await held.answer;
  if (claimed === 'lost') throw new Lost();
  if (settlement.isHeld) return settleHeld(queue, client, settlement, record, claimed === 'again');
  if (claimed !== 'again') await sendNext(queue, client, queueName, next);
  if (retriedSince !== undefined)
    await markRunning(client, message.batch, message.generation, Date.now() - retriedSince);
  const result = await record();
  // A cancel makes messages due that wait for a time or a slot: it must not miss these. The batch's row is
  // locked from here to the commit, so a cancel is seen here or sees them. The lock is not taken earlier:
  // settles that share it first, and then record, would wait for each other.
  const mayWait = next.some(({ delaySeconds, isRest }) => isRest || delaySeconds > 0);
  const isCancelled =
    result.cancelRequested ||
    (outcomes.length === 0 && (await shareMarks(client, message.batch)).cancelRequested);
  if (mayWait && isCancelled) throw new Cancelled();
  return result;
}

/**
 * Sends messages of a paused batch out of reach, unless it goes on already: whoever lets it go on waits for this
 * transaction, and then sees them. The results come first, because whoever shares the batch's row may not lock it
 * afterwards.
 */
async function settleHeld(
  queue: Queue,
  client: ClientBase,
  { claim: { message }, queueName, next = [], retriedSince }: Settlement,
  record: () => Promise<RecordedResult>,
  areSent: boolean,
): Promise<RecordedResult> {
  if (retriedSince !== undefined)
    await markRunning(client, message.batch, message.generation, Date.now() - retriedSince);
  const result = await record();
  const { cancelRequested, isHeld } = await shareMarks(client, message.batch);
  if (cancelRequested) throw new Cancelled();
  if (!areSent) await sendNext(queue, client, queueName, next, isHeld);
  return result;
}

/** `again`: an earlier transaction, whose commit was not confirmed, has sent the messages. */
async function holdClaim(
  queue: Queue,
  client: ClientBase,
  { claim, isLast, narrowTo }: Settlement,
  onSent: () => void,
): Promise<'held' | 'again' | 'lost'> {
  if (!isLast && narrowTo) {
    const narrowed = await queue.narrow(client, claim, narrowTo, onSent);
    return narrowed === 'narrowed' ? 'held' : narrowed;
  }
  const held = isLast
    ? await queue.complete(client, claim, onSent)
    : await queue.touch(client, claim, onSent);
  return held ? 'held' : 'lost';
}

/** `ended` is set when this settle ended the batch. */
export function recorded(settled: SettleAnswer): RecordedResult {
  const { inserted, cancelRequested, isHeld, finished } = settled;
  return { state: 'recorded', inserted, cancelRequested, isHeld, ended: finished ? settled : null };
}

async function recordOutcomes(
  queue: Queue,
  client: ClientBase,
  { claim: { message }, outcomes, stops }: Settlement,
  expectNew: boolean,
): Promise<SettleAnswer> {
  const { batch, generation, isPlanned } = message;
  const settled = await settle(client, batch, generation, outcomes, {
    expectNew,
    stops: stops ?? true,
    noteId: isPlanned ? randomUUID() : undefined,
  });
  if (!settled) throw new Lost();
  if (settled.finished)
    await sendCompletionCallbacks(queue, client, [{ batchId: batch, generation, ...settled }]);
  return settled;
}

async function sendNext(
  queue: Queue,
  client: ClientBase,
  queueName: string,
  next: readonly NextMessage[],
  isHeld = false,
): Promise<void> {
  const alike = Map.groupBy(next, ({ delaySeconds, quarantine, isRest }) =>
    [delaySeconds, quarantine, isRest].join(),
  );
  for (const group of alike.values()) {
    const [{ delaySeconds, quarantine, isRest }] = group as [NextMessage];
    const messages = group.map(({ message }) => message);
    if (!quarantine) await queue.sendChunks(client, queueName, messages, { delaySeconds, isRest, isHeld });
    else for (const message of messages) await queue.sendToQuarantine(client, queueName, message, { isHeld });
  }
}

async function settleOneByOne(deps: SettleDeps, settlement: Settlement): Promise<SettleResult> {
  for (const outcome of settlement.outcomes) {
    const { queueName, claim, stops } = settlement;
    const single = { queueName, claim, outcomes: [outcome], stops, isLast: false };
    try {
      if ((await settleOnce(deps, single)).state === 'lost') return { state: 'lost' };
    } catch (error) {
      if (!isDataError(error)) {
        if ((await settleClaim(deps, single)).state === 'lost') return { state: 'lost' };
        continue;
      }
      const refused = failure(
        outcome.index,
        {
          errorCode: catalogue.internal.errorCode,
          message: `the response cannot be stored: ${(error as Error).message}`,
        },
        outcome.attempts,
        outcome.startedAt,
      );
      await settleClaim(deps, { ...single, outcomes: [refused] });
    }
  }
  return settleClaim(deps, { ...settlement, outcomes: [] });
}

/**
 * Returns a message to the queue as if it had not been claimed; none of its jobs was started. That of a paused batch
 * is out of reach until the batch goes on. False, and nothing is done, when a cancel was requested: then the message
 * must not wait for a slot.
 */
export async function releaseMessage(
  { pool, queue }: SettleDeps,
  claim: Claim<ChunkMessage>,
): Promise<boolean> {
  const release = async (client: ClientBase): Promise<void> => {
    await queue.release(client, claim);
    const { cancelRequested, isHeld } = await shareMarks(client, claim.message.batch);
    if (cancelRequested) throw new Cancelled();
    if (isHeld) await queue.hold(client, claim);
  };
  try {
    await untilAvailable(() => transaction(pool, release));
    return true;
  } catch (error) {
    if (error instanceof Cancelled) return false;
    throw error;
  }
}

/**
 * Ends a message that has nothing left to do: its batch was restarted or deleted, or all its jobs have
 * results.
 */
export async function dropClaim(deps: SettleDeps, claim: Claim<ChunkMessage>): Promise<void> {
  await settleClaim(deps, { queueName: '', claim, outcomes: [], isLast: true });
}
