/** What callbacks ask of the database: those that ask at the same time share a statement or a transaction. */
import type { Pool, PoolClient } from 'pg';
import { GroupCommit } from '../../domain/group-commit.ts';
import { GROUP_LIMITS, transaction } from '../../postgres/transaction.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';
import {
  type CallbackBatch,
  callbackBatches,
  countDelivered,
  insertDeliveries,
} from '../../store/deliveries.ts';
import { recordAttempt } from './record-attempt.ts';
import type { Attempt } from './send-callback.ts';

/** An attempt that succeeded. */
interface Delivered {
  claim: Claim<CallbackMessage>;
  attempt: Attempt;
}

const LIMITS = { maxEntries: 64, maxBytes: 1024 * 1024, isShared: () => true };

export class CallbackGroups {
  readonly #deps: { pool: Pool; queue: Queue };
  readonly #batches: GroupCommit<string, CallbackBatch | null>;
  readonly #delivered: GroupCommit<Delivered, void>;

  constructor(deps: { pool: Pool; queue: Queue }) {
    const { pool, queue } = deps;
    this.#deps = deps;
    this.#batches = new GroupCommit({
      ...LIMITS,
      async commit(batchIds) {
        const batches = await callbackBatches(pool, batchIds);
        return batches.map((batch) => ({ status: 'fulfilled', value: batch ?? null }));
      },
    });
    this.#delivered = new GroupCommit({
      ...LIMITS,
      async commit(delivered) {
        await transaction(pool, (client) => recordAll(queue, client, delivered), GROUP_LIMITS);
        return delivered.map(() => ({ status: 'fulfilled', value: undefined }));
      },
    });
  }

  /** The batch whose callback is to be sent; null when it is no longer there. */
  batch(batchId: string): Promise<CallbackBatch | null> {
    return this.#batches.add(batchId, 0);
  }

  /** Records an attempt that succeeded, and ends its message: with others, and where that fails as `recordAttempt`. */
  async delivered(claim: Claim<CallbackMessage>, attempt: Attempt, stopping: AbortSignal): Promise<void> {
    try {
      await this.#delivered.add({ claim, attempt }, 0);
    } catch (error) {
      const alone = async (client: PoolClient) => {
        await Promise.all(record(client, [{ claim, attempt }]));
      };
      await recordAttempt({ ...this.#deps, stopping }, claim, alone, error);
    }
  }
}

async function recordAll(queue: Queue, client: PoolClient, delivered: readonly Delivered[]): Promise<void> {
  const claims = delivered.map(({ claim }) => claim);
  const [{ queue: name } = { queue: '' }] = claims;
  const sent = Promise.withResolvers<void>();
  // Another lane may have taken a message over: then that one's attempt is logged, and this one's too.
  const completed = queue.completeAll(client, name, claims, sent.resolve);
  // Lock order everywhere: message rows, then batch rows. This prevents deadlocks.
  await Promise.race([sent.promise, completed]);
  // One behind the other: nothing depends on an answer.
  await Promise.all([completed, ...eachBatchOnce(delivered).flatMap((some) => record(client, some))]);
}

function record(client: PoolClient, delivered: readonly Delivered[]): Promise<void>[] {
  const deliveries = delivered.map(({ claim: { message }, attempt: { status, error, durationMs } }) => {
    const { batch: batchId, generation, trigger } = message;
    return { batchId, generation, trigger, status, error, durationMs };
  });
  return [
    countDelivered(
      client,
      delivered.map(({ claim }) => claim.message),
    ),
    insertDeliveries(client, deliveries),
  ];
}

/** Most often one list. Attempts of one batch are in several, in their order. */
function eachBatchOnce(delivered: readonly Delivered[]): Delivered[][] {
  const lists: Delivered[][] = [];
  for (const attempts of Map.groupBy(delivered, ({ claim }) => claim.message.batch).values())
    for (const [place, attempt] of attempts.entries()) {
      const list = lists[place];
      if (list) list.push(attempt);
      else lists[place] = [attempt];
    }
  return lists;
}
