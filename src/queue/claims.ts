/**
 * Operations that pg-boss does not have: returning a claimed message, or part of it, to the queue without
 * counting an attempt.
 */
import type { ClientBase, Pool } from 'pg';
import { UNCLAIMED } from './fetch-chunks.ts';
import type { ChunkMessage, Claim } from './messages.ts';

const HELD = `name = $1 and id = $2 and retry_count = $3 and state = 'active'`;

/**
 * Limits the message to these jobs and renews its heartbeat. `lost` when another lane has the claim: the
 * caller must roll back. `again` when an earlier transaction, whose commit was not confirmed, has done it.
 */
export async function narrowClaim(
  client: ClientBase,
  { queue, id, retryCount }: Claim<ChunkMessage>,
  indexes: readonly number[],
  onSent?: () => void,
): Promise<'lost' | 'narrowed' | 'again'> {
  const narrowing = client.query<{ again: boolean }>({
    name: 'narrow-claim',
    text: `with held as (
         select id, coalesce(data -> 'indexes' = to_jsonb($4::int[]), false) as again
         from pgboss.job_common where ${HELD} for update
       )
       update pgboss.job_common as job
       set heartbeat_on = pgboss.job_now(), data = data || jsonb_build_object('indexes', $4::int[])
       from held where job.name = $1 and job.id = held.id returning again`,
    values: [queue, id, retryCount, indexes],
  });
  onSent?.();
  const [row] = (await narrowing).rows;
  if (!row) return 'lost';
  return row.again ? 'again' : 'narrowed';
}

/** The claim with the message as it is now: it may have been narrowed. Null when another lane has it. */
export async function currentClaim(
  client: ClientBase | Pool,
  claim: Claim<ChunkMessage>,
): Promise<Claim<ChunkMessage> | null> {
  const { queue, id, retryCount } = claim;
  const { rows } = await client.query<{ message: string }>(
    `select data as message from pgboss.job_common where ${HELD}`,
    [queue, id, retryCount],
  );
  return rows[0] ? { ...claim, message: JSON.parse(rows[0].message) } : null;
}

/** Does nothing when another lane has the claim. */
export async function releaseClaim(
  client: ClientBase,
  { queue, id, retryCount }: Claim<ChunkMessage>,
): Promise<void> {
  await client.query({
    name: 'release-claim',
    text: `update pgboss.job_common set ${UNCLAIMED} where ${HELD}`,
    values: [queue, id, retryCount],
  });
}

/** Claims in pg-boss's form. */
export function claimRefs(claims: readonly Claim<unknown>[]) {
  return claims.map(({ id, retryCount }) => ({ id, retryCount }));
}
