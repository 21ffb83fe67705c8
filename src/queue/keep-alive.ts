import type { PgBoss } from 'pg-boss';

/**
 * Renews the heartbeats of these messages if the claim is still the holder's. Skips a message whose row is
 * locked: it is being settled, and a wait for its lock would delay the other heartbeats.
 */
export async function renewHeartbeats(
  boss: PgBoss,
  queue: string,
  claims: readonly { id: string; retryCount: number }[],
): Promise<void> {
  await boss.getDb().executeSql(
    `update pgboss.job set heartbeat_on = pgboss.job_now()
     where name = $1 and id in (
       select job.id from pgboss.job join unnest($2::uuid[], $3::int[]) as held (id, retry_count)
         on job.id = held.id and job.retry_count = held.retry_count
       where job.name = $1 and job.state = 'active'
       for update of job skip locked)`,
    [queue, claims.map(({ id }) => id), claims.map(({ retryCount }) => retryCount)],
  );
}
