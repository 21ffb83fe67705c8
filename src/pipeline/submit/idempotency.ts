/** Decides which of several requests stores a batch under an Idempotency-Key. */
import type { ClientBase } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { type AsyncId, toAsyncId } from '../../domain/batch.ts';
import { pipelined } from '../../postgres/transaction.ts';
import { deleteChunks } from '../../store/chunks.ts';
import { findByIdempotencyKeys, type IdempotencyKey, lockIdempotencyKeys } from '../../store/submission.ts';
import { deleteUpload, findUploads } from '../../store/uploads.ts';

/** A batch that is already stored. */
export interface StoredBatch {
  batchId: string;
  digest: Buffer;
}

/** `ours`: the batch may be stored. `busy`: another request is being stored under the key. */
export type KeyClaim = 'ours' | 'busy' | StoredBatch;

/**
 * Claims the right to store batches under these keys until the transaction ends. Deletes parts that a dead
 * process left under a key. All keys must differ.
 */
export async function claimIdempotencyKeys(
  client: ClientBase,
  keys: readonly IdempotencyKey[],
): Promise<KeyClaim[]> {
  if (keys.length === 0) return [];
  let locked: boolean[] = [];
  let uploads: Awaited<ReturnType<typeof findUploads>> = [];
  let batches: Awaited<ReturnType<typeof findByIdempotencyKeys>> = [];
  // In this order: each statement sees what was committed before it, so an upload that ends meanwhile is
  // found either as an upload or as a batch.
  await pipelined(client, [
    async () => {
      locked = await lockIdempotencyKeys(client, keys);
    },
    async () => {
      uploads = await findUploads(client, keys);
    },
    async () => {
      batches = await findByIdempotencyKeys(client, keys);
    },
  ]);
  const claims: KeyClaim[] = [];
  for (const [position, key] of keys.entries()) {
    const batch = batches.find((stored) => isSame(stored, key));
    const upload = uploads.find((begun) => isSame(begun, key));
    if (!locked[position] || (upload?.isAlive && !batch)) claims.push('busy');
    else if (batch) claims.push(batch);
    else claims.push(upload ? await takeOver(client, key, upload.batchId) : 'ours');
  }
  return claims;
}

/** The same for one key. Returns the batch that is stored under it, and throws `idempotencyBusy`. */
export async function claimIdempotencyKey(
  client: ClientBase,
  tenant: string,
  key: string,
): Promise<StoredBatch | undefined> {
  const [claim] = await claimIdempotencyKeys(client, [{ tenant, key }]);
  if (claim === 'busy') throw busyKey();
  return claim === 'ours' ? undefined : claim;
}

function isSame(one: IdempotencyKey, other: IdempotencyKey): boolean {
  return one.tenant === other.tenant && one.key === other.key;
}

/** Deletes what a dead process has stored, unless it completed the batch at the last moment. */
async function takeOver(client: ClientBase, key: IdempotencyKey, batchId: string): Promise<KeyClaim> {
  if (await deleteUpload(client, batchId)) {
    await deleteChunks(client, batchId);
    return 'ours';
  }
  const [stored] = await findByIdempotencyKeys(client, [key]);
  return stored ?? 'ours';
}

/** The error for a request whose key is in use by another request. */
export function busyKey(): BatchwrightError {
  return new BatchwrightError('idempotencyBusy', { retryAfter: 1 });
}

/** The asyncId for a repeated request. Throws `idempotencyMismatch` when its body differs. */
export function asyncIdOf(stored: StoredBatch, repeated: { digest: Buffer } | null): AsyncId {
  if (!repeated?.digest.equals(stored.digest)) throw new BatchwrightError('idempotencyMismatch');
  return toAsyncId(stored.batchId);
}
