/**
 * Records what came of a message's jobs: results, counters, the end of the batch, the message's own end and
 * whatever runs next, in one transaction, fenced by the claim and by the batch's generation.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase, Pool } from 'pg';
import { catalogue } from '../domain/errors.ts';
import { failure, type RecordableOutcome } from '../domain/outcome.ts';
import { isDataError, isLockTimeout, isTemporary, isUniqueViolation } from '../postgres/errors.ts';
import { transaction } from '../postgres/transaction.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim, Queue } from '../queue/queue.ts';
import { holdOffCancel } from '../store/batches.ts';
import { markRunning, type SettleAnswer, settle } from '../store/settle.ts';
import { complete } from './complete.ts';

export interface SettleDeps {
  pool: Pool;
  queue: Queue;
}

/** A message to be sent in the settle that completes the one in hand. */
export interface NextMessage {
  message: ChunkMessage;
  delaySeconds: number;
  quarantine?: boolean;
}

export interface Settlement {
  /** The queue that the jobs' actions belong to. */
  queueName: string;
  claim: Claim<ChunkMessage>;
  outcomes: readonly RecordableOutcome[];
  /** What follows the message; present only in its last settle, which completes it. */
  next?: readonly NextMessage[];
  /** When the first of the runs began that are to be repeated; by this process's clock. */
  retriedSince?: number | undefined;
}

/**
 * `lost`: another lane has the message, or the batch was restarted or deleted; nothing was recorded.
 * `cancelled`: nothing was either, for the batch is to be cancelled and what should follow would only delay it.
 */
export type SettleResult =
  | { state: 'recorded'; cancelRequested: boolean; ended: SettleAnswer | null }
  | { state: 'lost' }
  | { state: 'cancelled' };

/**
 * Settles, waiting for the database as long as it is away. An outcome whose text Postgres refuses becomes a
 * failed result that says so; the others are recorded.
 */
export async function settleClaim(deps: SettleDeps, settlement: Settlement): Promise<SettleResult> {
  let expectNew = true;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 2000)) {
    try {
      return await settleOnce(deps, settlement, expectNew);
    } catch (error) {
      // Seldom: a worker that was taken for dead has recorded some of them meanwhile.
      if (expectNew && isUniqueViolation(error)) {
        expectNew = false;
        continue;
      }
      if (isDataError(error) && settlement.outcomes.length > 0) return settleOneByOne(deps, settlement);
      if (!isTemporary(error)) throw error;
      // Its message's row was locked all the while, so that nobody could renew the heartbeat.
      if (isLockTimeout(error)) await deps.queue.renew(settlement.claim).catch(() => {});
      await delay(pauseMs);
    }
  }
}

/** Another lane has the message, or the batch was restarted or deleted. */
export class Lost extends Error {}
class Cancelled extends Error {}

async function settleOnce(
  { pool, queue }: SettleDeps,
  settlement: Settlement,
  expectNew = false,
): Promise<SettleResult> {
  const { claim, outcomes, next, queueName } = settlement;
  const { message } = claim;
  try {
    return await transaction(pool, async (client) => {
      const sent = Promise.withResolvers<void>();
      const fence = next
        ? queue.complete(client, claim, sent.resolve)
        : queue.touch(client, claim, sent.resolve);
      // First the message's lock, then the batch's, as everybody else.
      await Promise.race([sent.promise, fence]);
      const record = async (): Promise<SettleResult> => {
        if (outcomes.length === 0) return { state: 'recorded', cancelRequested: false, ended: null };
        const settled = await recordOutcomes({ queue }, client, message, outcomes, { expectNew });
        return recorded(settled);
      };
      if (!next || next.length === 0) {
        // One behind the other: the fence's answer decides about nothing but the commit.
        const [held, recorded] = await Promise.all([fence, record()]);
        if (!held) throw new Lost();
        return recorded;
      }
      if (!(await fence)) throw new Lost();
      // A cancel makes delayed messages due: it must not miss one that is being sent.
      const isDelayed = next.some(({ delaySeconds }) => delaySeconds > 0);
      if (isDelayed && (await holdOffCancel(client, message.batch))) throw new Cancelled();
      await sendNext(queue, client, queueName, next);
      const { retriedSince } = settlement;
      if (retriedSince !== undefined)
        await markRunning(client, message.batch, message.generation, Date.now() - retriedSince);
      return record();
    });
  } catch (error) {
    if (error instanceof Lost) return { state: 'lost' };
    if (error instanceof Cancelled) return { state: 'cancelled' };
    throw error;
  }
}

/** `ended` is there when this settle ended the batch. */
export function recorded(settled: SettleAnswer): Extract<SettleResult, { state: 'recorded' }> {
  const { cancelRequested, finished } = settled;
  return { state: 'recorded', cancelRequested, ended: finished ? settled : null };
}

/** Records in the caller's transaction. Throws Lost when the message's generation is no longer the batch's. */
export async function recordOutcomes(
  { queue }: Pick<SettleDeps, 'queue'>,
  client: ClientBase,
  { batch, generation }: ChunkMessage,
  outcomes: readonly RecordableOutcome[],
  options: { expectNew?: boolean } = {},
): Promise<SettleAnswer> {
  const settled = await settle(client, batch, generation, outcomes, options);
  if (!settled) throw new Lost();
  if (settled.finished) await complete(queue, client, { batchId: batch, generation, ...settled });
  return settled;
}

async function sendNext(
  queue: Queue,
  client: ClientBase,
  queueName: string,
  next: readonly NextMessage[],
): Promise<void> {
  for (const { message, delaySeconds, quarantine } of next)
    if (quarantine) await queue.sendToQuarantine(client, queueName, message);
    else await queue.sendChunks(client, queueName, [message], { delaySeconds });
}

async function settleOneByOne(deps: SettleDeps, settlement: Settlement): Promise<SettleResult> {
  for (const outcome of settlement.outcomes) {
    const { next: _, ...single } = { ...settlement, outcomes: [outcome] };
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

/** Ends a message that has nothing left to do: its batch was restarted or deleted, its jobs are recorded. */
export async function dropClaim(deps: SettleDeps, claim: Claim<ChunkMessage>): Promise<void> {
  await settleClaim(deps, { queueName: '', claim, outcomes: [], next: [] });
}
