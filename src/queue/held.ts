/**
 * Messages that a limit holds back: they name the bucket that their jobs wait for. No lane fetches them (`blocked`);
 * whoever has permits of the bucket claims as many as it can start. Tenants take turns, and of a tenant's batches those
 * with the highest priority are first.
 */
import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { TABLE, TENANT } from './chunk-index.ts';
import { DOUBT_MS } from './consumer.ts';
import { UNCLAIMED } from './fetch-chunks.ts';
import type { ChunkMessage, Claim } from './messages.ts';
import { notifyOf } from './notify.ts';

const BUCKET = `(data ->> 'bucket') collate "C"`;
const HELD = `name = $1 and state < 'active' and blocked`;
const JOBS = `jsonb_array_length(data -> 'indexes')`;
const PRIORITY = `coalesce((data ->> 'priority')::int, 0)`;

/** For `indexes.ts`. */
export const HELD_INDEXES = {
  batchwright_held_first: `(name, (${BUCKET}), (${TENANT}), (${PRIORITY}) desc, created_on) where state < 'active' and blocked`,
  batchwright_held_of: `(group_id) where state < 'active' and blocked`,
};

/** Buckets looked at in one statement. */
const BUCKETS = 200;
/** Messages of a bucket whose jobs are counted. */
const COUNTED = 20;
/** Messages claimed at once. */
const MAX_CLAIMS = 64;
/** Tenants of a bucket that have a turn in one statement. */
const TENANTS = 16;
const RELEASED = 1000;

export interface HeldBucket {
  key: string;
  /** Jobs held in its first messages. */
  jobs: number;
  /** Batches of its first messages. */
  batches: HeldBatch[];
}

export interface HeldBatch {
  batch: string;
  tenant: string;
  priority: number;
}

export interface HeldJobs {
  batch: string;
  bucket: string;
  jobs: number;
}

/** The held jobs of these batches, by bucket. */
export async function heldOfBatches(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<HeldJobs[]> {
  const { rows } = await client.query<HeldJobs>({
    name: 'held-of-batches',
    text: `select group_id as batch, ${BUCKET} as bucket, sum(${JOBS})::int as jobs from ${TABLE}
     where state < 'active' and blocked and data ? 'bucket' and group_id = any($1) group by 1, 2 order by 3 desc, 2`,
    values: [batchIds],
  });
  return rows;
}

/** The held jobs of a tenant, or of all when it is null, by bucket. */
export async function heldByBucket(
  client: ClientBase | Pool,
  tenant: string | null,
): Promise<{ bucket: string; jobs: number }[]> {
  const { rows } = await client.query<{ bucket: string; jobs: number }>(
    `select ${BUCKET} as bucket, sum(${JOBS})::int as jobs from ${TABLE}
     where state < 'active' and blocked and data ? 'bucket' and ($1::text is null or ${TENANT} = $1) group by 1`,
    [tenant],
  );
  return rows;
}

/** Holds these messages back; in the transaction that sends them. */
export async function hold(client: ClientBase, queue: string, ids: readonly string[]): Promise<void> {
  await client.query({
    name: 'hold-messages',
    text: `update ${TABLE} set blocked = true where name = $1 and id = any($2)`,
    values: [queue, ids],
  });
}

/** The held messages of one queue, for one process. */
export class HeldMessages {
  readonly #pool: Pool;
  readonly #queue: string;
  /** Written into the row of each message claimed here. */
  readonly #holder = randomUUID();
  readonly #inHand = new Set<string>();
  #doubtUntil = 0;
  /** Where the next look begins, when there are many buckets. */
  #after = '';
  /** The tenant of each bucket that was served last. */
  readonly #last = new Map<string, string>();

  constructor(pool: Pool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  /** Buckets with held messages, some at a time. */
  async buckets(): Promise<HeldBucket[]> {
    if (performance.now() < this.#doubtUntil) await this.#takeBack();
    const rows = await queryByIndex<Omit<HeldBucket, 'batches'> & { batches: string }>(this.#pool, {
      name: 'held-buckets',
      text: HELD_BUCKETS,
      values: [this.#queue, this.#after],
    });
    this.#after = rows.length < BUCKETS ? '' : (rows.at(-1)?.key ?? '');
    if (rows.length === 0) this.#last.clear();
    return rows.map(({ batches, ...bucket }) => ({ ...bucket, batches: JSON.parse(batches) }));
  }

  /** Claims messages with about so many jobs; tenants take turns. Each must be released. Not while `buckets` runs. */
  async claim(bucket: string, jobs: number): Promise<Claim<ChunkMessage>[]> {
    const last = this.#last.get(bucket) ?? '';
    let rows: { id: string; retryCount: number; data: ChunkMessage }[];
    try {
      rows = await queryByIndex(this.#pool, {
        name: 'claim-held',
        text: CLAIM_HELD,
        values: [this.#queue, bucket, jobs, last, JSON.stringify({ holder: this.#holder })],
      });
    } catch (error) {
      this.#doubtUntil = performance.now() + DOUBT_MS;
      throw error;
    }
    for (const { id } of rows) this.#inHand.add(id);
    const tenant = rows.at(-1)?.data.tenant;
    if (tenant !== undefined) this.#last.set(bucket, tenant);
    return rows.map(({ id, retryCount, data }) => ({ id, queue: this.#queue, retryCount, message: data }));
  }

  /** The message is no longer in hand. */
  release({ id }: Claim<unknown>): void {
    this.#inHand.delete(id);
  }

  /** Returns the bucket's messages to the queue: nothing limits it any more. */
  async open(bucket: string): Promise<void> {
    await queryByIndex(this.#pool, {
      name: 'release-held',
      text: `update ${TABLE} set blocked = false, data = data - 'bucket', start_after = pgboss.job_now()
        where ctid = any (array(
          select ctid from ${TABLE} where ${HELD} and ${BUCKET} = $2 order by ${TENANT}, ${PRIORITY} desc, created_on
          limit ${RELEASED} for update skip locked))`,
      values: [this.#queue, bucket],
    });
    await notifyOf(this.#pool, this.#queue);
  }

  /** Returns messages that a claim took without its answer arriving; see `ChunkFetcher`. */
  async #takeBack(): Promise<void> {
    await queryByIndex(this.#pool, {
      name: 'take-back-held',
      text: `update ${TABLE} set ${UNCLAIMED}
         where name = $1 and state = 'active' and output ->> 'holder' = $2 and id <> all ($3)`,
      values: [this.#queue, this.#holder, [...this.#inHand]],
    });
  }
}

const HELD_BUCKETS = `
  with recursive each_bucket (key, number) as (
    (select ${BUCKET}, 1 from ${TABLE} where ${HELD} and ${BUCKET} > $2 order by ${BUCKET} limit 1)
    union all
    select (select ${BUCKET} from ${TABLE} where ${HELD} and ${BUCKET} > each_bucket.key
            order by ${BUCKET} limit 1), number + 1
    from each_bucket where key is not null and number < ${BUCKETS}
  )
  select key, first.jobs, first.batches from each_bucket cross join lateral (
    select sum(jobs)::int as jobs, json_agg(distinct jsonb_build_object('batch', batch, 'tenant', tenant, 'priority', priority))::text as batches from (
      select ${JOBS} as jobs, group_id as batch, ${TENANT} as tenant, ${PRIORITY} as priority from ${TABLE}
      where ${HELD} and ${BUCKET} = each_bucket.key limit ${COUNTED}) as message
  ) as first where key is not null and first.jobs is not null`;

// $1 queue, $2 bucket, $3 jobs, $4 the tenant served last, $5 the note for the row. Tenants have turns from the one
// served last on, and around. Claimed like in fetch-chunks.ts.
const CLAIM_HELD = `
  with recursive step (is_around, tenant, number) as (
    values (false, $4::text collate "C", 0)
    union all
    select following.* from step cross join lateral (
      (select step.is_around, ${TENANT}, step.number + 1 from ${TABLE}
       where ${HELD} and ${BUCKET} = $2 and ${TENANT} > step.tenant order by ${TENANT} limit 1)
      union all
      (select true, ${TENANT}, step.number + 1 from ${TABLE}
       where not step.is_around and ${HELD} and ${BUCKET} = $2 order by ${TENANT} limit 1)
      limit 1
    ) as following
    where step.number < ${TENANTS} and not (step.is_around and step.tenant > $4)
  ), waiting as materialized (
    select step.is_around, step.tenant, step.number, message.*
    from step cross join lateral (
      select at, jobs, row_number() over () as place from (
        select ctid as at, ${JOBS} as jobs from ${TABLE}
        where ${HELD} and ${BUCKET} = $2 and ${TENANT} = step.tenant order by ${PRIORITY} desc, created_on limit ${MAX_CLAIMS}
      ) as first
    ) as message
    where step.number > 0 and not (step.is_around and step.tenant > $4)
  ), next as materialized (
    select *, sum(jobs) over (order by place, number rows unbounded preceding) - jobs as before,
      row_number() over (order by place, number) as turn
    from waiting
  ), locked as materialized (
    select id, ctid as at from ${TABLE}
    where ctid = any (array(select at from next where before < $3 order by turn limit ${MAX_CLAIMS}))
      and ${HELD}
    for update skip locked
  ), claimed as (
    update ${TABLE} set state = 'active', blocked = false, data = data - 'bucket',
      started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(), output = $5::jsonb,
      retry_count = case when started_on is null then retry_count else retry_count + 1 end
    where ctid = any (array(select at from locked))
    returning id, retry_count as "retryCount", data
  )
  select claimed.* from claimed join locked using (id) join next on next.at = locked.at order by turn`;
