/**
 * Decides which callbacks are sent next. Lanes are shared by tenant, then by receiver (a host that a tenant
 * calls), so that receivers that hang delay neither other tenants nor the tenant's other receivers:
 *
 * - A tenant takes a lane only while it holds fewer of the process's lanes than are free. So a single tenant
 *   gets half of them, several share them, and some are left for the next one.
 * - A receiver gets at most `RECEIVER_LANES`, over all processes. It gets up to `QUICK_RECEIVER_LANES` while
 *   it answers within `QUICK_MS`, because it then has few callbacks under way for long. Its second and
 *   further lanes come from the first half of the tenant's share; the other half is for receivers that have
 *   none.
 * - A receiver that did not answer last time gets one lane, from the first half too, after those that did
 *   answer.
 */
import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { CALLBACK_QUEUE, type CallbackMessage, type Claim } from './messages.ts';

/** Callbacks to one receiver at the same time. */
const RECEIVER_LANES = 4;
const QUICK_RECEIVER_LANES = 32;
const QUICK_MS = 500;
/** Receivers that one statement checks; each takes 10 µs. */
const PAGE_SIZE = 500;
/** Receivers beyond these pages wait for the next fetch. */
const MAX_PAGES = 4;
/** The number of receivers whose last answer is remembered. */
const MAX_REMEMBERED = 500;

/** How a receiver answered last. */
type LastAnswer = 'quick' | 'slow' | 'none';

type Receiver = Pick<CallbackMessage, 'tenant' | 'receiver'>;

/** Before the first receiver. */
const START: Receiver = { tenant: '', receiver: '' };

interface Claimed {
  id: string;
  retryCount: number;
  data: CallbackMessage;
}

/** Fetches for one process. It knows how its lanes are used and which receivers did not answer last time. */
export class CallbackFetcher {
  readonly #pool: Pool;
  /** Lanes in use, by tenant. */
  readonly #held = new Map<string, number>();
  /** By receiver and tenant. */
  readonly #lastAnswers = new Map<string, LastAnswer>();
  /** The receiver after which the next page begins. */
  #after = START;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Claims messages, at most one per free lane. Each must be released. */
  async fetch(freeLanes: number): Promise<Claim<CallbackMessage>[]> {
    const claims: Claim<CallbackMessage>[] = [];
    for (let page = 0; page < MAX_PAGES && claims.length < freeLanes; page++) {
      const isFirst = this.#after === START;
      try {
        claims.push(...(await this.#fetchPage(freeLanes - claims.length)));
      } catch (error) {
        // Messages claimed earlier in this loop must still be sent.
        if (claims.length === 0) throw error;
        break;
      }
      if (isFirst && this.#after === START) break;
    }
    return claims;
  }

  /**
   * The lane is free again.
   *
   * @param answered null when the receiver was not called
   * @param tookMs how long the callback took
   */
  release({ message }: Claim<CallbackMessage>, answered: boolean | null, tookMs: number): void {
    this.#hold(message, -1);
    if (answered === null) return;
    const key = `${message.receiver} ${message.tenant}`;
    const answers = this.#lastAnswers;
    answers.delete(key);
    answers.set(key, answered ? (tookMs < QUICK_MS ? 'quick' : 'slow') : 'none');
    const [oldest = ''] = answers.keys();
    if (answers.size > MAX_REMEMBERED) answers.delete(oldest);
  }

  async #fetchPage(freeLanes: number): Promise<Claim<CallbackMessage>[]> {
    const [row] = await queryByIndex<{ claimed: string | null; last: string | null }>(this.#pool, {
      name: 'fetch-callbacks',
      text: FETCH,
      values: [
        freeLanes,
        this.#after.tenant,
        this.#after.receiver,
        JSON.stringify(Object.fromEntries(this.#held)),
        this.#lanesByReceiver(),
      ],
    });
    this.#after = JSON.parse(row?.last ?? 'null') ?? START;
    const claimed: Claimed[] = JSON.parse(row?.claimed ?? '[]');
    return claimed.map(({ id, retryCount, data }) => {
      this.#hold(data, 1);
      return { id, queue: CALLBACK_QUEUE, retryCount, message: data };
    });
  }

  /** The lane limits of receivers that get fewer or more than usual. */
  #lanesByReceiver(): string {
    const lanes: Record<string, number> = {};
    for (const [key, answer] of this.#lastAnswers)
      if (answer !== 'slow') lanes[key] = answer === 'quick' ? QUICK_RECEIVER_LANES : 1;
    return JSON.stringify(lanes);
  }

  #hold({ tenant }: Receiver, change: 1 | -1): void {
    const held = (this.#held.get(tenant) ?? 0) + change;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }
}

const WAITING = `name = '${CALLBACK_QUEUE}' and state < 'active' and not blocked`;
const TENANT = `coalesce(group_tier, '') collate "C"`;
const RECEIVER = `group_id collate "C"`;
const NEXT_RECEIVER = (tenant: string, receiver: string) => `
  select ${TENANT} as tenant, ${RECEIVER} as receiver from pgboss.job_common
  where ${WAITING} and (${TENANT}, ${RECEIVER}) > (${tenant}, ${receiver}) order by 1, 2 limit 1`;

// $1 free lanes, $2 and $3 the receiver to begin after, $4 lanes held by tenant, $5 the lane limits of
// receivers with an unusual one; those with one lane did not answer last time. The look-up tables are JSON
// objects: if they were joined, Postgres would scan them for each receiver. A message is claimed as pg-boss
// does it: the row counts its claims after the first, and this count is the fence.
// Rows are found again by their place (ctid): planned by id, Postgres may read all rows of the queue. A row that another
// process has changed meanwhile has another place, and is left to the next fetch.
const FETCH = `
  with recursive each_receiver as (
    (${NEXT_RECEIVER('$2', '$3')})
    union all
    -- From a tenant that gets no further lane on to the next one: DEL comes after whatever a host is made of.
    select following.* from each_receiver as this cross join lateral (${NEXT_RECEIVER(
      'this.tenant',
      `case when ($4::jsonb ->> this.tenant)::int >= $1 then e'\x7f' else this.receiver end`,
    )}) as following
  ), page as materialized (
    select tenant, receiver, receiver || ' ' || tenant as key, row_number() over () as number
    from each_receiver limit ${PAGE_SIZE}
  ), busy as materialized (
    select jsonb_object_agg(key, lanes) as lanes from (
      select ${RECEIVER} || ' ' || ${TENANT} as key, count(*) as lanes from pgboss.job_common
      where name = '${CALLBACK_QUEUE}' and state = 'active' and group_id is not null group by key
    ) as receiver
  ), due as (
    select tenant, message.ctid, message.start_after, coalesce(($5::jsonb ->> key)::int, ${RECEIVER_LANES}) as most,
      coalesce(((select lanes from busy) ->> key)::int, 0)
        + row_number() over (partition by key order by message.start_after) as lane
    from page cross join lateral (
      select ctid, start_after from pgboss.job_common
      where ${WAITING} and ${TENANT} = tenant and ${RECEIVER} = receiver and start_after <= pgboss.job_now()
      order by ${TENANT}, ${RECEIVER}, start_after limit ${QUICK_RECEIVER_LANES}
    ) as message
  ), shared as (
    -- How many lanes the tenant has with this one.
    select *, coalesce(($4::jsonb ->> tenant)::int, 0)
      + row_number() over (partition by tenant order by lane, most = 1, random()) as share
    from due where lane <= most
  ), placed as (
    -- How many lanes are free before this one is taken.
    select *, $1::int + 1 - row_number() over (order by share, start_after) as free from shared
  ), locked as materialized (
    select ctid from pgboss.job_common
    where name = '${CALLBACK_QUEUE}' and state < 'active' and ctid = any (array(
      select ctid from placed
      where free > 0 and share <= free and (share * 2 <= free or (lane = 1 and most > 1))))
    for update skip locked
  ), claimed as (
    update pgboss.job_common set state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(),
      retry_count = case when started_on is null then retry_count else retry_count + 1 end
    where ctid = any (array(select ctid from locked))
    returning id, retry_count as "retryCount",
      data || jsonb_build_object('tenant', coalesce(group_tier, '')) as data
  )
  select (select json_agg(claimed) from claimed) as claimed,
    (select json_build_object('tenant', tenant, 'receiver', receiver) from page where number = ${PAGE_SIZE}) as last`;
