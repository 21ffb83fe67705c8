import type { Pool, PoolClient } from 'pg';
import { toAsyncId, toBatchId } from '../../domain/batch.ts';
import { GroupCommit } from '../../domain/group-commit.ts';
import { isDatabaseUnavailable } from '../../postgres/errors.ts';
import { GROUP_LIMITS, pipelined, transaction } from '../../postgres/transaction.ts';
import type { Queue } from '../../queue/queue.ts';
import type { EncodedChunk } from '../../store/new-chunks.ts';
import { newBatchIds } from '../../store/submission.ts';
import { asyncIdOf, busyKey, claimIdempotencyKeys, type KeyClaim } from './idempotency.ts';
import {
  type BatchToStore,
  type BatchWithChunks,
  type Stored,
  storeBatches,
  summaryOf,
} from './store-batches.ts';

export interface SmallBatch {
  batch: BatchToStore;
  /** All of its jobs. */
  chunk: EncodedChunk;
}

const MAX_BATCHES = 64;
const MAX_BYTES = 1024 * 1024;

/** Stores batches of one chunk each; those that arrive together share a transaction. */
export class SmallBatches {
  readonly #queue: Queue;
  readonly #groups: GroupCommit<SmallBatch, Stored>;

  constructor({ pool, queue }: { pool: Pool; queue: Queue }) {
    this.#queue = queue;
    this.#groups = new GroupCommit({
      maxEntries: MAX_BATCHES,
      maxBytes: MAX_BYTES,
      commit: (batches) =>
        transaction(pool, (client) => this.#store(client, batches), batches.length > 1 ? GROUP_LIMITS : {}),
      isShared: isDatabaseUnavailable,
    });
  }

  /** Throws `idempotencyBusy`, `idempotencyMismatch` and database errors. */
  store(batch: BatchToStore, chunk: EncodedChunk): Promise<Stored> {
    return this.#groups.add({ batch, chunk }, chunk.body.length);
  }

  async #store(client: PoolClient, batches: readonly SmallBatch[]): Promise<PromiseSettledResult<Stored>[]> {
    let ids: string[] = [];
    let claims = new Map<SmallBatch, KeyClaim>();
    await pipelined(client, [
      async () => {
        ids = await newBatchIds(client, batches.length);
      },
      async () => {
        claims = await claimKeys(client, batches);
      },
    ]);
    const stored: BatchWithChunks[] = [];
    const answers = batches.map((small, position): PromiseSettledResult<Stored> => {
      const { batch, chunk } = small;
      const claim = claims.get(small) ?? 'ours';
      if (claim !== 'ours') return answerFor(claim, batch);
      const batchId = ids[position] ?? '';
      stored.push({ batchId, batch, chunks: [summaryOf(chunk)], toInsert: chunk });
      return { status: 'fulfilled', value: { asyncId: toAsyncId(batchId), isNew: true, ended: null } };
    });
    if (stored.length === 0) return answers;
    const ended = await storeBatches(this.#queue, client, stored);
    for (const answer of answers)
      if (answer.status === 'fulfilled')
        answer.value.ended = ended.get(toBatchId(answer.value.asyncId)) ?? null;
    return answers;
  }
}

/**
 * Claims the keys of the batches that have one. Of several under one key, the first may be stored and the
 * others are busy.
 */
async function claimKeys(
  client: PoolClient,
  batches: readonly SmallBatch[],
): Promise<Map<SmallBatch, KeyClaim>> {
  const keyed = batches.flatMap((small) => {
    const { caller, idempotency } = small.batch;
    return idempotency ? [{ small, tenant: caller.tenant, key: idempotency.key }] : [];
  });
  const byKey = [...Map.groupBy(keyed, ({ tenant, key }) => `${tenant}\n${key}`).values()];
  const answers = await claimIdempotencyKeys(
    client,
    byKey.flatMap(([first]) => first ?? []),
  );
  const claims = new Map<SmallBatch, KeyClaim>();
  for (const [position, [first, ...others]] of byKey.entries()) {
    const claim = answers[position] ?? 'busy';
    if (first) claims.set(first.small, claim);
    for (const { small } of others) claims.set(small, claim === 'ours' ? 'busy' : claim);
  }
  return claims;
}

function answerFor(
  claim: Exclude<KeyClaim, 'ours'>,
  { idempotency }: BatchToStore,
): PromiseSettledResult<Stored> {
  try {
    if (claim === 'busy') throw busyKey();
    return {
      status: 'fulfilled',
      value: { asyncId: asyncIdOf(claim, idempotency), isNew: false, ended: null },
    };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}
