/** Counts over all tenants, for the operator. */
import type { ClientBase } from 'pg';

/** Batches that have not ended, by state, counted up to this many. */
export async function countUnfinished(client: ClientBase, most: number): Promise<Map<string, number>> {
  const { rows } = await client.query<{ state: string; count: number }>({
    name: 'count-unfinished',
    text: `select state, count(*) as count
     from (select state from batchwright.batch where state in ('queued', 'running') limit $1) as unfinished
     group by state`,
    values: [most],
  });
  return new Map(rows.map(({ state, count }) => [state, count]));
}

/** Callbacks that are not delivered yet, counted up to this many. */
export async function countPendingCallbacks(client: ClientBase, most: number): Promise<number> {
  const { rows } = await client.query<{ count: number }>({
    name: 'count-pending-callbacks',
    // With a column: Citus refuses a subquery without any.
    text: `select count(*) as count
     from (select id from batchwright.batch where callback_state = 'pending' limit $1) as pending`,
    values: [most],
  });
  return rows[0]?.count ?? 0;
}
