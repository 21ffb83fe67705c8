/** Database access of callbacks: requests made at the same time share a statement or a transaction. */
import type { Pool, PoolClient } from 'pg';
import { GroupCommit } from '../../domain/group-commit.ts';
import { togetherOrAlone } from '../../postgres/together.ts';
import { GROUP_LIMITS, transaction } from '../../postgres/transaction.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';
import { whenSent } from '../../queue/when-sent.ts';
import { callbackBatches, countDelivered, insertDeliveries } from '../../store/deliveries.ts';
import { decodeSmallResults, smallResults } from '../../store/result-pages.ts';
import type { CallbackSource } from './callback-body.ts';
import { recordAttempt } from './record-attempt.ts';
import type { Attempt } from './send-callback.ts';

/** A successful attempt. */
interface Delivered {
  claim: Claim<CallbackMessage>;
  attempt: Attempt;
}

/** Batches read together: their jobs take up to 1 MiB each in memory, however small they are in the database. */
const READ_LIMITS = { maxEntries: 16, maxBytes: 1024 * 1024, isShared: () => true };
const SMALL = { jobs: 50, bytes: 64 * 1024 };
/** The receiver has its callback: only the lane waits for the record. */
const RECORD_LINGER_MS = 10;
const RECORD_LIMITS = { maxEntries: 64, maxBytes: 1024 * 1024, isShared: () => true };

export class CallbackGroups {
  readonly #deps: { pool: Pool; queue: Queue };
  readonly #batches: GroupCommit<string, CallbackSource | null>;
  readonly #delivered: GroupCommit<Delivered, void>;

  constructor(deps: { pool: Pool; queue: Queue }) {
    const { pool, queue } = deps;
    this.#deps = deps;
    this.#batches = new GroupCommit({
      ...READ_LIMITS,
      async commit(batchIds) {
        const sources = await readAll(pool, batchIds);
        return sources.map((value) => ({ status: 'fulfilled', value }));
      },
    });
    this.#delivered = new GroupCommit({
      ...RECORD_LIMITS,
      lingerMs: RECORD_LINGER_MS,
      async commit(delivered) {
        await transaction(pool, (client) => recordAll(queue, client, delivered), GROUP_LIMITS);
        return delivered.map(() => ({ status: 'fulfilled', value: undefined }));
      },
    });
  }

  /** The batch of the callback to send; null when it was deleted. */
  batch(batchId: string): Promise<CallbackSource | null> {
    return this.#batches.add(batchId, 0);
  }

  /**
   * Records a successful attempt and ends its message, together with others. When the group fails, each is
   * recorded alone with `recordAttempt`.
   */
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

/** The batches, and the results of small ones. */
async function readAll(pool: Pool, batchIds: readonly string[]): Promise<(CallbackSource | null)[]> {
  const read = (client: PoolClient) =>
    Promise.all([callbackBatches(client, batchIds), smallResults(client, batchIds, SMALL)]);
  const [batches, rows] = await togetherOrAlone(
    pool,
    () => transaction(pool, read, { readOnly: true }),
    async () => [await callbackBatches(pool, batchIds), []],
  );
  const results = await decodeSmallResults(rows, SMALL);
  return batches.map((batch, at) => (batch ? { ...batch, results: results[at] } : null));
}

async function recordAll(queue: Queue, client: PoolClient, delivered: readonly Delivered[]): Promise<void> {
  const claims = delivered.map(({ claim }) => claim);
  const [{ queue: name } = { queue: '' }] = claims;
  // Lock order everywhere: message rows, then batch rows. This prevents deadlocks. Another lane may have taken
  // over a message: then both lanes' attempts are logged.
  const completed = await whenSent((onSent) => queue.completeAll(client, name, claims, onSent));
  // Sent without waiting for each answer: no statement depends on the one before.
  await Promise.all([completed.answer, ...eachBatchOnce(delivered).flatMap((some) => record(client, some))]);
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

/** Usually one list. Several attempts of one batch go to different lists, in their order. */
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
