/** Small chunks of several messages of a process: loaded together, and settled together at their end. */
import type { Pool, PoolClient } from 'pg';
import { GroupCommit } from '../../domain/group-commit.ts';
import { mustBeAlone, togetherOrAlone } from '../../postgres/together.ts';
import { GROUP_LIMITS, transaction } from '../../postgres/transaction.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import { isQuarantine } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import { whenSent } from '../../queue/when-sent.ts';
import { type LoadedChunk, loadChunk, loadChunks } from '../../store/chunks.ts';
import { settleBatches } from '../../store/settle-batches.ts';
import { sendCompletionCallbacks } from './batch-end.ts';
import { recorded, type Settlement, type SettleResult } from './settle.ts';

const MAX_MESSAGES = 64;
const MAX_BYTES = 1024 * 1024;
/** A message with more bytes of responses is settled alone. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** The group was rolled back: each of its settlements must be made alone. */
class GroupRefused extends Error {}

export class SmallChunks {
  readonly #pool: Pool;
  readonly #queue: Queue;
  readonly #loads: GroupCommit<ChunkMessage, LoadedChunk | null>;
  /** By queue. */
  readonly #settles = new Map<string, GroupCommit<Settlement, SettleResult>>();

  constructor({ pool, queue }: { pool: Pool; queue: Queue }) {
    this.#pool = pool;
    this.#queue = queue;
    this.#loads = new GroupCommit({
      maxEntries: MAX_MESSAGES,
      maxBytes: MAX_BYTES,
      commit: (messages) => loadAll(pool, messages),
      isShared: () => true,
    });
  }

  /** Like `loadChunk`. */
  load(message: ChunkMessage): Promise<LoadedChunk | null> {
    return this.#loads.add(message, 0);
  }

  /**
   * Settles the end of a message together with others. Null when that was impossible: nothing was recorded,
   * and the caller settles it alone.
   */
  async settle(settlement: Settlement): Promise<SettleResult | null> {
    const bytes = settlement.outcomes.reduce((sum, { response }) => sum + response.length, 0);
    if (!mayJoin(settlement) || bytes > MAX_MESSAGE_BYTES || mustBeAlone(this.#pool)) return null;
    try {
      return await this.#groupOf(settlement.claim.queue).add(settlement, bytes);
    } catch {
      // Settled alone it may succeed, or fail for its own reason.
      return null;
    }
  }

  #groupOf(queue: string): GroupCommit<Settlement, SettleResult> {
    let group = this.#settles.get(queue);
    if (!group) {
      group = new GroupCommit({
        maxEntries: MAX_MESSAGES,
        maxBytes: MAX_BYTES,
        commit: (settlements) =>
          transaction(
            this.#pool,
            (client) => settleAll(this.#queue, client, queue, settlements),
            GROUP_LIMITS,
          ),
        isShared: () => true,
      });
      this.#settles.set(queue, group);
    }
    return group;
  }
}

/** True for messages that end with results and send nothing. */
function mayJoin({ claim, outcomes, isLast, next = [] }: Settlement): boolean {
  const { queue, message } = claim;
  return (
    isLast &&
    next.length === 0 &&
    outcomes.length > 0 &&
    message.isSmall === true &&
    !message.isPlanned &&
    !isQuarantine(queue)
  );
}

async function loadAll(
  pool: Pool,
  messages: readonly ChunkMessage[],
): Promise<PromiseSettledResult<LoadedChunk | null>[]> {
  const chunks = await togetherOrAlone<(LoadedChunk | null | undefined)[]>(
    pool,
    () =>
      loadChunks(
        pool,
        messages.map(({ batch, chunk }) => ({ batchId: batch, number: chunk })),
      ),
    () => Promise.all(messages.map(({ batch, chunk }) => loadChunk(pool, batch, chunk))),
  );
  return chunks.map((chunk) => ({ status: 'fulfilled', value: chunk ?? null }));
}

/** Throws when one of the claims is lost or one of the batches is gone, so that the group is rolled back. */
async function settleAll(
  queue: Queue,
  client: PoolClient,
  queueName: string,
  settlements: readonly Settlement[],
): Promise<PromiseSettledResult<SettleResult>[]> {
  const byBatch = new Map(settlements.map((settlement) => [settlement.claim.message.batch, settlement]));
  const group = [...byBatch.values()];
  const claims = group.map(({ claim }) => claim);
  // Lock order everywhere: message rows, then batch rows. This prevents deadlocks.
  const completed = await whenSent((onSent) => queue.completeAll(client, queueName, claims, onSent));
  const [areHeld, answers] = await Promise.all([
    completed.answer,
    settleBatches(
      client,
      group.map(({ claim: { message }, outcomes, stops = true }) => ({
        batchId: message.batch,
        generation: message.generation,
        outcomes,
        stops,
      })),
    ),
  ]);
  if (!areHeld || answers.length < group.length) throw new GroupRefused();
  const byId = new Map(answers.map((answer) => [answer.batchId, answer]));
  await sendCompletionCallbacks(
    queue,
    client,
    group.flatMap(({ claim: { message } }) => {
      const answer = byId.get(message.batch);
      return answer?.finished ? [{ ...answer, generation: message.generation }] : [];
    }),
  );
  return settlements.map((settlement): PromiseSettledResult<SettleResult> => {
    const { batch } = settlement.claim.message;
    const answer = byId.get(batch);
    // Another message of the same batch is in the group: this one is settled afterwards.
    if (!answer || byBatch.get(batch) !== settlement)
      return { status: 'rejected', reason: new GroupRefused() };
    return { status: 'fulfilled', value: recorded(answer) };
  });
}
