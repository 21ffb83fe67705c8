import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import { BATCH_COLUMNS, type BatchRow, IS_VISIBLE } from './batches.ts';
import { isRunning, type RunningJobs, runningColumns } from './job-progress.ts';

/** A batch together with its running jobs. */
export interface LiveBatch extends BatchRow, RunningJobs {
  /** JSON text: running jobs that report progress, by index, at most 100. */
  active: string;
}

const SELECT_LIVE = `select ${BATCH_COLUMNS}, running, fractions, active
  from batchwright.batch cross join lateral (
    select ${runningColumns},
      coalesce(to_json((array_agg(json_build_object('index', index, 'done', done, 'total', total) order by index)
        filter (where total is not null))[:100]), '[]') as active
    from batchwright.job_progress
    where batch_id = batch.id and batch.state in ('queued', 'running') and ${isRunning}
  ) as live`;

/** The tenant's batches, youngest first, older than `before` (a batch id), optionally in one state. */
export async function listBatches(
  client: ClientBase | Pool,
  tenant: string,
  page: { limit: number; before?: string | undefined; state?: BatchState | undefined },
): Promise<LiveBatch[]> {
  const { rows } = await client.query<LiveBatch>(
    `${SELECT_LIVE}
     where tenant = $1 and ${IS_VISIBLE} and id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
       and ($3::batchwright.batch_state is null or state = $3)
     order by id desc limit $4`,
    [tenant, page.before ?? null, page.state ?? null, page.limit],
  );
  return rows;
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
