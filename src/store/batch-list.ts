import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import { BATCH_COLUMNS, type BatchRow } from './batches.ts';

/** The tenant's batches, youngest first, older than `before` (a batch id), optionally in one state. */
export async function listBatches(
  client: ClientBase | Pool,
  tenant: string,
  page: { limit: number; before?: string | undefined; state?: BatchState | undefined },
): Promise<BatchRow[]> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from batchwright.batch
     where tenant = $1 and expires_at > now() and id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
       and ($3::batchwright.batch_state is null or state = $3)
     order by id desc limit $4`,
    [tenant, page.before ?? null, page.state ?? null, page.limit],
  );
  return rows;
}
