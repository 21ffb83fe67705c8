import type { ClientBase } from 'pg';
import type { BatchOptions } from '../domain/batch.ts';
import { IS_VISIBLE } from './batches.ts';

export interface NewBatch {
  id: string;
  tenant: string;
  keyId: string;
  total: number;
  callbackUrl: string | null;
  /** Of its jobs, each once: `namespace.action`. */
  actions: readonly string[];
  options: BatchOptions;
  idempotency: { key: string; digest: Buffer } | null;
  retentionDays: number;
}

/** A new id, made from the database's clock, so that ids sort by time whatever the hosts' clocks say. */
export async function newBatchId(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ id: string }>({
    name: 'new-batch-id',
    text: 'select batchwright.new_batch_id() as id',
  });
  return rows[0]?.id ?? '';
}

export async function insertBatch(client: ClientBase, batch: NewBatch): Promise<void> {
  await client.query({
    name: 'insert-batch',
    text: `insert into batchwright.batch
       (id, tenant, key_id, total, callback_url, options, idempotency_key, idempotency_digest, expires_at, actions)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(days => $9), $10)`,
    values: [
      batch.id,
      batch.tenant,
      batch.keyId,
      batch.total,
      batch.callbackUrl,
      JSON.stringify(batch.options),
      batch.idempotency?.key ?? null,
      batch.idempotency?.digest ?? null,
      batch.retentionDays,
      batch.actions,
    ],
  });
}

/**
 * Takes the right to store a batch under this key until the transaction ends. False when another transaction has it.
 */
export async function lockIdempotencyKey(client: ClientBase, tenant: string, key: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 7)) as locked',
    [`${tenant}\n${key}`],
  );
  return rows[0]?.locked ?? false;
}

/** The batch that is stored under the key. */
export async function findByIdempotencyKey(
  client: ClientBase,
  tenant: string,
  key: string,
): Promise<{ batchId: string; digest: Buffer } | undefined> {
  const { rows } = await client.query<{ batchId: string; digest: Buffer }>(
    `select id as "batchId", idempotency_digest as digest from batchwright.batch
     where tenant = $1 and idempotency_key = $2 and ${IS_VISIBLE}`,
    [tenant, key],
  );
  return rows[0];
}

/** Records the jobs that skipInvalid let pass as failed. */
export async function insertInvalid(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
     select chunk.batch_id, refused.index, 'failed', refused.error, 0, null, now()
     from batchwright.chunk
     cross join lateral rows from (unnest(chunk.invalid_indexes), json_array_elements(chunk.invalid_errors))
       as refused (index, error)
     where chunk.batch_id = $1 and chunk.invalid_indexes is not null`,
    [batchId],
  );
}
