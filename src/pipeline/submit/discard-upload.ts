import type { Pool } from 'pg';
import type { Log } from '../../domain/log.ts';
import { transaction } from '../../postgres/transaction.ts';
import { findAnyBatch } from '../../store/batches.ts';
import { deleteChunks } from '../../store/chunks.ts';
import { deleteUpload, staleUploads } from '../../store/uploads.ts';

/** Uploads that one round of the sweep deletes. */
const DISCARDS_AT_ONCE = 100;

/** Deletes what the upload has stored. True when its batch is found to be stored: then nothing is deleted. */
export async function discardUpload(pool: Pool, batchId: string): Promise<boolean> {
  return transaction(pool, async (client) => {
    if (!(await deleteUpload(client, batchId))) return (await findAnyBatch(client, batchId)) !== null;
    await deleteChunks(client, batchId);
    return false;
  });
}

/** A duty of the sweep: deletes the stored parts of requests whose process is gone. */
export async function discardStaleUploads({
  pool,
  log,
}: {
  pool: Pool;
  log: Pick<Log, 'warn'>;
}): Promise<void> {
  const stale = await staleUploads(pool, DISCARDS_AT_ONCE);
  for (const batchId of stale) await discardUpload(pool, batchId);
  if (stale.length > 0)
    log.warn({ requests: stale.length }, 'sweep: deleted the stored parts of requests whose process is gone');
}
