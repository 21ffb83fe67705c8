import type pg from 'pg';
import type { StoredOptions } from '../../src/domain/batch-options.ts';
import type { RecordableOutcome } from '../../src/domain/outcome.ts';
import { transaction } from '../../src/postgres/transaction.ts';
import { encodeChunk, insertChunks, type NewChunk } from '../../src/store/new-chunks.ts';
import { insertBatches, insertInvalid, newBatchIds } from '../../src/store/submission.ts';

export const TENANT = 'default';
export const NO_OPTIONS: StoredOptions = { skipInvalid: false };

/** A chunk of jobs `{"n":0}`, `{"n":1}` and so on; those of `invalid` were refused. */
export function chunkOf(
  count: number,
  { invalid = [] as number[], number = 0, firstIndex = 0 } = {},
): NewChunk {
  const jobs = Array.from({ length: count }, (_, n) => Buffer.from(`{"n":${firstIndex + n}}`));
  return {
    number,
    firstIndex,
    count,
    queues: ['default'],
    actions: ['test.echo'],
    invalid: invalid.map((index) => ({ index, error: `{"message":"job ${index}"}` })),
    jobs,
    bytes: Buffer.concat(jobs).length,
  };
}

/** Stores a batch of one chunk like a submission, without messages; returns its id. */
export function storeBatch(
  pool: pg.Pool,
  batch: {
    total?: number;
    invalid?: number[];
    tenant?: string;
    callbackUrl?: string;
    idempotency?: { key: string; digest: Buffer };
  } = {},
): Promise<string> {
  const { total = 3, invalid = [] } = batch;
  return transaction(pool, async (client) => {
    const [id = ''] = await newBatchIds(client, 1);
    await insertChunks(client, [{ batchId: id, chunk: await encodeChunk(chunkOf(total, { invalid })) }]);
    await insertBatches(client, [
      {
        id,
        tenant: batch.tenant ?? TENANT,
        keyId: 'admin',
        total,
        callbackUrl: batch.callbackUrl ?? null,
        actions: [],
        options: NO_OPTIONS,
        idempotency: batch.idempotency ?? null,
        retentionDays: 7,
      },
    ]);
    await insertInvalid(client, id);
    return id;
  });
}

/** The outcome of a job, as a lane gives it to be recorded. */
export function outcome(
  index: number,
  status: RecordableOutcome['status'] = 'succeeded',
  response = `{"n":${index}}`,
): RecordableOutcome {
  const now = Date.now();
  return { index, status, response, attempts: 1, startedAt: now - 5, finishedAt: now };
}
