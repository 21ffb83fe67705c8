import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import { BATCH_COLUMNS, type BatchRow, IS_VISIBLE } from './batches.ts';
import { isRunning, type RunningJobs, runningColumns } from './job-progress.ts';

/** A batch together with its running jobs. */
export interface LiveBatch extends BatchRow, RunningJobs {
  /** JSON text: running jobs that report progress, by index, at most 100. */
  active: string;
  /** `namespace.action` of its jobs, each once; null when an earlier release has stored the batch. */
  actions: string[] | null;
}

const SELECT_LIVE = `select ${BATCH_COLUMNS}, actions, running, fractions, active
  from batchwright.batch cross join lateral (
    select ${runningColumns},
      coalesce(to_json((array_agg(json_build_object('index', index, 'done', done, 'total', total) order by index)
        filter (where total is not null))[:100]), '[]') as active
    from batchwright.job_progress
    where batch_id = batch.id and batch.state in ('queued', 'running') and ${isRunning}
  ) as live`;

/** Selects the batches that every member selects, all without members. */
export interface BatchFilter {
  state?: BatchState | undefined;
  /** `namespace.action`: of one job at least. */
  action?: string | undefined;
  /** Taken in at this time or later. */
  since?: Date | undefined;
  /** Taken in before this time. */
  until?: Date | undefined;
  name?: string | undefined;
  /** Batches with all of these texts. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** True for batches with failed jobs only, false for those without. */
  failed?: boolean | undefined;
}

/** Batches that a page looks at: where few of many are selected, a page may have fewer than its limit. */
const MAX_SCANNED = 10_000;

// The times are found in the ids; failures, names and metadata have an index.
const SCANNED = `from batchwright.batch
  where tenant = $1 and ${IS_VISIBLE} and id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
    and ($3::timestamptz is null or id >= batchwright.first_batch_id($3))
    and ($4::timestamptz is null or id < batchwright.first_batch_id($4))
    and ($5::boolean is null or (failed > 0) = $5) and ($5::boolean is not true or failed > 0)
    and ($6::text is null or name = $6) and ($7::jsonb is null or metadata is not null)
  order by id desc`;

/**
 * The tenant's batches that the filter selects, youngest first, older than `before` (a batch id), among the next 10,000.
 * `scannedTo` is the last of these, null when there are no more.
 */
export async function listBatches(
  client: ClientBase | Pool,
  tenant: string,
  page: BatchFilter & { limit: number; before?: string | undefined },
): Promise<{ rows: LiveBatch[]; scannedTo: string | null }> {
  const {
    limit,
    before = null,
    since = null,
    until = null,
    failed = null,
    name = null,
    metadata,
    state = null,
    action = null,
  } = page;
  const texts = metadata ? JSON.stringify(metadata) : null;
  const scan = [tenant, before, since, until, failed, name, texts];
  // A Citus cluster refuses to join the running jobs with a limited list.
  const { rows: selected } = await client.query<{ id: string }>(
    `select id from (select * ${SCANNED} limit ${MAX_SCANNED}) as batch
     where ($8::batchwright.batch_state is null or state = $8) and ($9::text is null or $9 = any(actions))
       and ($7::jsonb is null or metadata::jsonb @> $7)
     order by id desc limit $10`,
    [...scan, state, action, limit],
  );
  const ids = selected.map(({ id }) => id);
  const rows = (await batchesWithProgress(client, ids)).sort((one, other) => (one.id < other.id ? 1 : -1));
  if (ids.length === limit || (state === null && action === null && texts === null))
    return { rows, scannedTo: null };
  const last = await client.query<{ id: string }>(
    `select id ${SCANNED} offset ${MAX_SCANNED - 1} limit 1`,
    scan,
  );
  return { rows, scannedTo: last.rows[0]?.id ?? null };
}

/** The tenant's newest batches, at most `limit`, newest first. A generation is another one after each restart. */
export async function newestBatches(
  client: ClientBase | Pool,
  tenant: string,
  limit: number,
): Promise<Pick<BatchRow, 'id' | 'generation'>[]> {
  const { rows } = await client.query<Pick<BatchRow, 'id' | 'generation'>>({
    name: 'newest-batches',
    text: `select id, generation from batchwright.batch where tenant = $1 and ${IS_VISIBLE} order by id desc limit $2`,
    values: [tenant, limit],
  });
  return rows;
}

/** Which of these batches are the tenant's, and have not expired after their end. */
export async function tenantBatchesAmong(
  client: ClientBase | Pool,
  tenant: string,
  batchIds: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from batchwright.batch where id = any($1) and tenant = $2 and ${IS_VISIBLE}`,
    [batchIds, tenant],
  );
  return rows.map(({ id }) => id);
}

/**
 * The tenant's batch. Null when there is none with that id, when it belongs to another tenant, or has ended
 * and expired.
 */
export async function findLiveBatch(
  client: ClientBase | Pool,
  tenant: string,
  batchId: string,
): Promise<LiveBatch | null> {
  const { rows } = await client.query<LiveBatch>({
    name: 'find-live-batch',
    text: `${SELECT_LIVE} where id = $1 and tenant = $2 and ${IS_VISIBLE}`,
    values: [batchId, tenant],
  });
  return rows[0] ?? null;
}

/** Those of these batches that exist, of any tenant. */
export async function batchesWithProgress(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<LiveBatch[]> {
  const { rows } = await client.query<LiveBatch>({
    name: 'live-batches',
    text: `${SELECT_LIVE} where id = any($1)`,
    values: [batchIds],
  });
  return rows;
}
