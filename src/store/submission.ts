import type { ClientBase } from 'pg';
import type { CallbackOn, StoredOptions } from '../domain/batch-options.ts';
import { IS_VISIBLE } from './batches.ts';

export interface NewBatch {
  id: string;
  tenant: string;
  keyId: string;
  total: number;
  callbackUrl: string | null;
  callbackForm?: string | undefined;
  callbackHeaders?: Buffer | undefined;
  /** The headers by which workers continue the trace of the request; absent when nothing traces. */
  traceContext?: Readonly<Record<string, string>> | undefined;
  /** The actions of its jobs, each once: `namespace.action`. */
  actions: readonly string[];
  name?: string | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
  callbackOn?: CallbackOn | undefined;
  options: StoredOptions;
  /** Its jobs depend on each other. */
  isPlanned?: boolean;
  /** Jobs that wait for others. */
  waiting?: number;
  idempotency: { key: string; digest: Buffer } | null;
  retentionDays: number;
}

/** The identity of a request: two with the same key are the same request. */
export interface IdempotencyKey {
  tenant: string;
  key: string;
}

/** New ids, made from the database's clock, so that they sort by time even if the hosts' clocks differ. */
export async function newBatchIds(client: ClientBase, count: number): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>({
    name: 'new-batch-ids',
    text: 'select batchwright.new_batch_id() as id from generate_series(1, $1)',
    values: [count],
  });
  return rows.map(({ id }) => id);
}

export async function insertBatches(client: ClientBase, batches: readonly NewBatch[]): Promise<void> {
  await client.query({
    name: 'insert-batches',
    text: `insert into batchwright.batch
       (id, tenant, key_id, total, callback_url, callback_form, callback_headers, options, idempotency_key, idempotency_digest, expires_at, actions,
         is_planned, waiting, trace_context, name, metadata, callback_on_failure,
         start_at, is_scheduled, deadline_seconds, deadline_at, due_at, stop_failed, stop_percent, stop_finished)
     select id, tenant, "keyId", total, "callbackUrl", "callbackForm", decode("callbackHeaders", 'hex'), options, key, decode(digest, 'hex'),
       greatest(now(), "startAt") + make_interval(days => "retentionDays"), array(select json_array_elements_text(actions)),
       coalesce("isPlanned", false), coalesce(waiting, 0), "traceContext",
       name, metadata, coalesce("callbackOn" = 'failure', false),
       "startAt", coalesce("startAt" > now(), false), "deadlineSeconds", now() + "deadlineSeconds" * interval '1 s',
       least(case when "startAt" > now() then "startAt" end, now() + "deadlineSeconds" * interval '1 s'),
       "stopFailed", "stopPercent", "stopFinished"
     from json_to_recordset($1) as batch (id uuid, tenant text, "keyId" text, total int, "callbackUrl" text,
       "callbackForm" text, "callbackHeaders" text, options json, key text, digest text, "retentionDays" int, actions json,
       "isPlanned" boolean, waiting int, "traceContext" json, name text, metadata json, "callbackOn" text,
       "startAt" timestamptz, "deadlineSeconds" float8, "stopFailed" int, "stopPercent" float8, "stopFinished" int)`,
    values: [
      JSON.stringify(
        batches.map(({ idempotency, callbackHeaders, ...batch }) => ({
          ...batch,
          ...timesOf(batch.options),
          callbackHeaders: callbackHeaders?.toString('hex'),
          key: idempotency?.key,
          digest: idempotency?.digest.toString('hex'),
        })),
      ),
    ],
  });
}

/** What has columns of its own, beside its place in the options; nothing for most batches. */
function timesOf({ startAt, deadlineSeconds, stopAfter }: StoredOptions): object {
  return {
    startAt: startAt && new Date(startAt),
    deadlineSeconds,
    stopFailed: stopAfter?.failed,
    stopPercent: stopAfter?.failedPercent,
    stopFinished: stopAfter?.finished,
  };
}

/**
 * Claims the right to store a batch under each of these keys until the transaction ends; all keys must
 * differ. Returns true for each claimed key, false where another transaction has the claim.
 */
export async function lockIdempotencyKeys(
  client: ClientBase,
  keys: readonly IdempotencyKey[],
): Promise<boolean[]> {
  const { rows } = await client.query<{ locked: boolean }>({
    name: 'lock-idempotency-keys',
    text: `select pg_try_advisory_xact_lock(hashtextextended(name, 7)) as locked
     from unnest($1::text[]) with ordinality as key (name, position) order by position`,
    values: [keys.map(({ tenant, key }) => `${tenant}\n${key}`)],
  });
  return rows.map(({ locked }) => locked);
}

/** The batches stored under these keys. */
export async function findByIdempotencyKeys(
  client: ClientBase,
  keys: readonly IdempotencyKey[],
): Promise<(IdempotencyKey & { batchId: string; digest: Buffer })[]> {
  const { rows } = await client.query<IdempotencyKey & { batchId: string; digest: Buffer }>({
    name: 'find-by-idempotency-keys',
    text: `select tenant, idempotency_key as key, id as "batchId", idempotency_digest as digest
     from batchwright.batch
     where (tenant, idempotency_key) in (select * from unnest($1::text[], $2::text[])) and ${IS_VISIBLE}`,
    values: [keys.map(({ tenant }) => tenant), keys.map(({ key }) => key)],
  });
  return rows;
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
