/** Which of several requests stores a batch under an Idempotency-Key. */
import type { ClientBase } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { type AsyncId, toAsyncId } from '../../domain/batch.ts';
import { pipelined } from '../../postgres/transaction.ts';
import { deleteChunks } from '../../store/chunks.ts';
import { findByIdempotencyKey, lockIdempotencyKey } from '../../store/submission.ts';
import { deleteUpload, findUpload } from '../../store/uploads.ts';

/** A batch that is stored already. */
export type StoredBatch = NonNullable<Awaited<ReturnType<typeof findByIdempotencyKey>>>;

/**
 * Takes the right to store a batch under this key until the transaction ends, unless one is stored. Throws
 * `idempotencyBusy` while another request is being stored under it. What a process that is gone has left under it
 * is deleted.
 */
export async function claimIdempotencyKey(
  client: ClientBase,
  tenant: string,
  key: string,
): Promise<StoredBatch | undefined> {
  let isLocked = false;
  let upload: Awaited<ReturnType<typeof findUpload>>;
  let batch: StoredBatch | undefined;
  // In this order: each statement sees what was committed before it, so an upload that ends meanwhile is seen as
  // itself or as the batch that it became.
  await pipelined(client, [
    async () => {
      isLocked = await lockIdempotencyKey(client, tenant, key);
    },
    async () => {
      upload = await findUpload(client, tenant, key);
    },
    async () => {
      batch = await findByIdempotencyKey(client, tenant, key);
    },
  ]);
  if (!isLocked || (upload?.isAlive && !batch))
    throw new BatchwrightError('idempotencyBusy', { retryAfter: 1 });
  if (!upload || batch) return batch;
  // It may have been stored at the last moment.
  if (!(await deleteUpload(client, upload.batchId))) return findByIdempotencyKey(client, tenant, key);
  await deleteChunks(client, upload.batchId);
  return undefined;
}

/** The asyncId that a repeated request gets. Throws `idempotencyMismatch` when its body is another. */
export function asyncIdOf(stored: StoredBatch, repeated: { digest: Buffer } | null): AsyncId {
  if (!repeated?.digest.equals(stored.digest)) throw new BatchwrightError('idempotencyMismatch');
  return toAsyncId(stored.batchId);
}
