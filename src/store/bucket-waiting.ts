/** Jobs in hand of worker processes that wait for a limit. All times are the database's. */
import type { ClientBase, Pool } from 'pg';

export interface WaitingJobs {
  batch: string;
  bucket: string;
  tenant: string;
  jobs: number;
}

/** A process that has not reported for this long is gone. */
const REPORT_SECONDS = 5;

/** Replaces what the process has reported before. */
export async function reportWaiting(
  client: ClientBase | Pool,
  holder: string,
  waiting: readonly WaitingJobs[],
): Promise<void> {
  await client.query({
    name: 'report-waiting',
    text: `with reported as materialized (
       select * from json_to_recordset($2) as reported (batch uuid, bucket text, tenant text, jobs int)
     ), gone as (
       delete from batchwright.bucket_waiting as known where holder = $1
         and not exists (select from reported where batch = known.batch_id and bucket = known.bucket)
     )
     insert into batchwright.bucket_waiting as known (batch_id, bucket, holder, tenant, jobs, expires_at)
     select batch, bucket, $1, tenant, jobs, now() + $3 * interval '1 s' from reported
     on conflict (batch_id, bucket, holder) do update set jobs = excluded.jobs, expires_at = excluded.expires_at`,
    values: [holder, JSON.stringify(waiting), REPORT_SECONDS],
  });
}

/** Those of these batches, by batch and bucket. */
export async function waitingInHand(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<Omit<WaitingJobs, 'tenant'>[]> {
  const { rows } = await client.query<WaitingJobs>({
    name: 'waiting-in-hand',
    text: `select batch_id as batch, bucket, sum(jobs)::int as jobs from batchwright.bucket_waiting
     where batch_id = any($1) and expires_at > now() group by 1, 2`,
    values: [batchIds],
  });
  return rows;
}

/** Those of a tenant, or of all when it is null, by bucket. */
export async function waitingInHandByBucket(
  client: ClientBase | Pool,
  tenant: string | null,
): Promise<{ bucket: string; jobs: number }[]> {
  const { rows } = await client.query<{ bucket: string; jobs: number }>(
    `select bucket, sum(jobs)::int as jobs from batchwright.bucket_waiting
     where ($1::text is null or tenant = $1) and expires_at > now() group by 1`,
    [tenant],
  );
  return rows;
}

/** Deletes what processes that are gone have reported. */
export async function deleteOldWaiting(client: ClientBase | Pool): Promise<void> {
  await client.query('delete from batchwright.bucket_waiting where expires_at < now()');
}
