/** Buckets of limits: the permits that a process has of them. All times are the database's. */
import type { ClientBase, Pool } from 'pg';

/** What a process wants of a bucket. */
export interface BucketAsk {
  key: string;
  /** Its runs under way. */
  running: number;
  /** How many concurrent runs it wants, those under way included. */
  wanted: number;
  /** The limit of concurrent runs over all processes; null for none. */
  max: number | null;
  /** Starts wanted; only counted with a rate. */
  starts: number;
  /** The time between two starts; null without a rate. */
  intervalMs: number | null;
  burst: number;
  /** The bucket also has the pace that `throttleBucket` finds out. */
  adaptive: boolean;
  /** Runs that the other side has not refused since the last ask. */
  accepted: number;
}

/** What it got. Times count from the answer. */
export interface BucketAnswer {
  key: string;
  /** Concurrent runs; may be fewer than those under way. Null without such a limit. */
  held: number | null;
  starts: number;
  /** When the first start comes; null without a rate. */
  nextMs: number | null;
  /** The time between two starts; null without a rate. */
  intervalMs: number | null;
  /** How long nothing starts; null when the bucket is awake. */
  asleepMs: number | null;
  /** The database's time, in ms since 1970. */
  nowMs: number;
}

/** Renews and changes the permits of the process; in one round trip, however many buckets. */
export async function syncBuckets(
  client: ClientBase | Pool,
  holder: string,
  asks: readonly BucketAsk[],
): Promise<BucketAnswer[]> {
  const { rows } = await client.query<BucketAnswer>({
    name: 'sync-buckets',
    text: `select key, held, starts, next_ms as "nextMs", interval_ms as "intervalMs", asleep_ms as "asleepMs", now_ms as "nowMs"
     from batchwright.sync_buckets($1, $2)`,
    values: [holder, JSON.stringify(asks)],
  });
  return rows;
}

/** The database's time, in ms since 1970. */
export async function databaseTime(client: ClientBase | Pool): Promise<number> {
  const { rows } = await client.query<{ nowMs: number }>({
    name: 'database-time',
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"',
  });
  return rows[0]?.nowMs ?? 0;
}

/**
 * Puts the bucket to sleep, because the other side has refused a start. Returns for how many ms it sleeps.
 *
 * @param options.adaptive starts then come at the pace that was taken so far
 * @param options.accepted runs that the other side has not refused since the last ask
 */
export async function throttleBucket(
  client: ClientBase | Pool,
  key: string,
  seconds: number,
  options: { adaptive: boolean; accepted: number },
): Promise<number> {
  const { rows } = await client.query<{ asleepMs: number }>({
    name: 'throttle-bucket',
    text: 'select batchwright.throttle_bucket($1, $2, $3, $4) as "asleepMs"',
    values: [key, seconds, options.adaptive, options.accepted],
  });
  return rows[0]?.asleepMs ?? 0;
}

/** Gives back all permits of a process that stops. */
export async function releaseLeases(client: ClientBase | Pool, holder: string): Promise<void> {
  await client.query('delete from batchwright.bucket_lease where holder = $1', [holder]);
}

/** Deletes what no process has used for an hour, and leases of processes that are gone. */
export async function deleteUnusedBuckets(client: ClientBase | Pool): Promise<void> {
  await client.query('delete from batchwright.bucket_lease where expires_at < now()');
  await client.query(
    `delete from batchwright.bucket where key in (
       select key from batchwright.bucket
       where used_at < now() - interval '1 hour' and asleep_until < now() and next_at < now()
         and not exists (select from batchwright.bucket_lease where bucket = key)
       for update skip locked limit 10000)`,
  );
}

/** A bucket as the operator sees it. */
export interface BucketRow {
  key: string;
  /** Concurrent runs under way, over all processes. */
  running: number;
  /** Nothing starts before; null when the bucket is awake. */
  asleepUntil: Date | null;
  /** When the next start comes; null when one could come now. */
  nextAt: Date | null;
  /** Starts a second that the other side takes, as far as was found out; null otherwise. */
  pace: number | null;
}

const BUCKET_ROW = `select key,
    coalesce((select sum(running) from batchwright.bucket_lease
              where bucket = key and expires_at > now()), 0)::int as running,
    case when asleep_until > now() then asleep_until end as "asleepUntil",
    case when next_at > now() then next_at end as "nextAt", pace
  from batchwright.bucket`;

/** Those of these buckets that are known. */
export async function findBuckets(client: ClientBase | Pool, keys: readonly string[]): Promise<BucketRow[]> {
  const { rows } = await client.query<BucketRow>(`${BUCKET_ROW} where key = any($1)`, [keys]);
  return rows;
}

/** Buckets used in the last minute, at most so many, by key. */
export async function recentBuckets(client: ClientBase | Pool, limit: number): Promise<BucketRow[]> {
  const { rows } = await client.query<BucketRow>(
    `${BUCKET_ROW} where used_at > now() - interval '1 minute' order by key limit $1`,
    [limit],
  );
  return rows;
}
