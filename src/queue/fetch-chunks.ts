/**
 * Decides which chunk messages run next. Messages wait in flows: those of one action, one tenant, one priority and one
 * class (small chunks, first chunks, later chunks, delayed messages).
 *
 * - The tenant with the fewest messages in hand in this process is next, however many it has waiting; among
 *   equals, tenants take turns.
 * - A lane has up to `SMALL_PER_LANE` messages of small chunks, or one other.
 * - Of a tenant's flows, those with the highest priority are next, as long as their action has free slots.
 * - A tenant's flows of the same priority share the tenant's part: a small batch does not wait for a large one,
 *   and the later chunks of a large batch do not wait for a steady stream of small ones.
 * - An action gets as many messages as it has free slots in this process. Its other messages stay in the
 *   queue, and another worker may take them. So do later chunks of an action that has jobs enough in hand.
 *
 * Each step finds the next action or tenant in the index `batchwright_chunks`, so that a fetch costs the same
 * however many messages wait.
 */
import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { ACTION, EACH_ACTION, ofEachClass, TABLE, TENANT, WAITING, withDelayed } from './chunk-index.ts';
import { DOUBT_MS, type Fetched } from './consumer.ts';
import type { ChunkMessage, Claim } from './messages.ts';
import { LATER_CLASS, SMALL_CLASS } from './priority.ts';

interface Claimed {
  id: string;
  retryCount: number;
  data: ChunkMessage;
  class: number;
  level: number;
}

/** The tenant and flow whose share a message counts towards. */
interface Flow {
  tenant: string;
  key: string;
}

/** What may be fetched beside what is in hand. */
export interface Room {
  /** The free slots of actions that have few, by name; all others have enough. */
  free: Readonly<Record<string, number>>;
  /** How many later chunks of an action may be taken, by name; all that fit of all others. */
  later: Readonly<Record<string, number>>;
}

/** Messages of small chunks that share a lane. */
export const SMALL_PER_LANE = 16;

/** How much of a lane a message takes; a whole lane is `SMALL_PER_LANE`. */
export function sizeOfMessage({ message }: Claim<ChunkMessage>): number {
  return message.isSmall ? 1 : SMALL_PER_LANE;
}

/** Fetches for one queue in one process. It knows which messages are in hand. */
export class ChunkFetcher {
  readonly #pool: Pool;
  readonly #queue: string;
  /** Written into the row of each message claimed here. */
  readonly #holder: string;
  /** The flow of each message in hand. */
  readonly #flows = new Map<string, Flow>();
  /** The tenant that was served last. */
  #last = '';
  #doubtUntil = 0;

  constructor(pool: Pool, queue: string, holder: string) {
    this.#pool = pool;
    this.#queue = queue;
    this.#holder = holder;
  }

  /**
   * Claims messages for free lanes. Each must be released.
   *
   * @param freeParts the number of messages of small chunks that fit; any other message takes
   * `SMALL_PER_LANE`
   * @returns `more`: another process was about to take some of the next messages
   */
  async fetch(freeParts: number, room: Room): Promise<Fetched<Claim<ChunkMessage>>> {
    if (performance.now() < this.#doubtUntil) await this.#takeBack();
    try {
      return await this.#fetch(freeParts, room);
    } catch (error) {
      this.#doubtUntil = performance.now() + DOUBT_MS;
      throw error;
    }
  }

  /** The message is no longer in hand. */
  release({ id }: Claim<unknown>): void {
    this.#flows.delete(id);
  }

  async #fetch(freeParts: number, { free, later }: Room) {
    const [row] = await queryByIndex<{ claimed: string | null; wanted: number; isShort: boolean }>(
      this.#pool,
      {
        name: 'fetch-chunks',
        text: FETCH,
        values: [
          this.#queue,
          freeParts,
          this.#last,
          JSON.stringify(free),
          JSON.stringify(this.#held((flow) => flow.tenant)),
          JSON.stringify(this.#held((flow) => flow.key)),
          JSON.stringify({ holder: this.#holder }),
          JSON.stringify(later),
        ],
      },
    );
    const claimed: Claimed[] = JSON.parse(row?.claimed ?? '[]');
    this.#turn(claimed);
    const claims = claimed.map(({ id, retryCount, data, class: flowClass, level }) => {
      const { tenant = '', action = '' } = data;
      this.#flows.set(id, { tenant, key: `${flowClass} ${level} ${action} ${tenant}` });
      return { id, queue: this.#queue, retryCount, message: data };
    });
    return { claims, more: claims.length < (row?.wanted ?? 0), isShort: row?.isShort ?? false };
  }

  #held(keyOf: (flow: Flow) => string): Record<string, number> {
    const held: Record<string, number> = {};
    for (const flow of this.#flows.values()) held[keyOf(flow)] = (held[keyOf(flow)] ?? 0) + 1;
    return held;
  }

  /** The next fetch begins after the tenant served last, in index order. */
  #turn(claimed: readonly Claimed[]): void {
    const tenants = claimed.map(({ data }) => data.tenant ?? '').sort();
    const around = tenants.filter((tenant) => tenant <= this.#last);
    this.#last = around.at(-1) ?? tenants.at(-1) ?? this.#last;
  }

  /**
   * Returns messages to the queue that a fetch claimed without its answer arriving. Otherwise they would wait
   * until their heartbeat is missed, and then count as the cause of a process's death.
   */
  async #takeBack(): Promise<void> {
    await queryByIndex(this.#pool, {
      name: 'take-back-chunks',
      text: `update pgboss.job_common set ${UNCLAIMED}
         where name = $1 and state = 'active' and output ->> 'holder' = $2 and id <> all ($3)`,
      values: [this.#queue, this.#holder, [...this.#flows.keys()]],
    });
  }
}

/** As if the message had not been claimed: its next claim is not a retry. */
export const UNCLAIMED = `state = 'created', started_on = null, heartbeat_on = null, output = null`;

/** More of a flow than its action may take would be in the way of the tenant's other flows. */
const MOST = (number: number, action: string) =>
  `least($2, ($4::jsonb ->> ${action})::int${number === LATER_CLASS ? `, ($8::jsonb ->> ${action})::int` : ''})`;

// $1 queue, $2 free parts of lanes, $3 the tenant served last, $4 free slots by action, $5 messages in hand
// by tenant and $6 by flow, $7 the note for the row, $8 how many later chunks by action. A message is claimed
// as pg-boss does it: the row counts its claims after the first, and this count is the fence. Rows are locked
// last, so that messages not taken are free for others.
// Rows are found again by their place (ctid): planned by id, Postgres may read all rows of the queue.
const FETCH = `
  with recursive ${EACH_ACTION}, open as materialized (
    select action from each_action
    where action is not null and coalesce(($4::jsonb ->> action)::int, 1) > 0
  ), candidate as materialized (
    -- As many tenants of each action as there are lanes, from the one served last on, and around.
    select open.action, tenant, is_around, ' ' || open.action || ' ' || tenant as key
    from open cross join lateral (
      with recursive step (is_around, tenant, number) as (
        values (false, $3::text collate "C", 0)
        union all
        select following.* from step cross join lateral (
          (select step.is_around, ${TENANT}, step.number + 1 from ${TABLE}
           where ${WAITING} and ${ACTION} = open.action and ${TENANT} > step.tenant order by ${TENANT} limit 1)
          union all
          (select true, ${TENANT}, step.number + 1 from ${TABLE}
           where not step.is_around and ${WAITING} and ${ACTION} = open.action order by ${TENANT} limit 1)
          limit 1
        ) as following
        where step.number < $2 and not (step.is_around and step.tenant > $3)
      )
      select is_around, tenant from step where number > 0 and not (is_around and tenant > $3)
    ) as each_tenant
  ), flow as materialized (${withDelayed('candidate')}
  ), waiting as materialized (
    select flow.*, class, level, place,
      place + coalesce(($6::jsonb ->> (class || ' ' || level || key))::int, 0) as flow_share
    from flow cross join lateral (
      ${ofEachClass((rows, number, { level, place }) => `select ${number} as class, level, ${place} as place from (select ${level} as level, priority ${rows} limit ${MOST(number, 'flow.action')}) as message`, 'flow')}
    ) as of_class
  ), shared as (
    select *, coalesce(($5::jsonb ->> tenant)::int, 0)
      + row_number() over (partition by tenant order by level desc, flow_share, random()) as share
    from waiting
  ), placed as (
    select *, row_number() over (partition by action order by share, is_around, tenant) as slot
    from (
      select *, row_number() over (partition by action, class order by share, is_around, tenant) as number
      from shared
    ) as numbered
    where class <> ${LATER_CLASS} or number <= coalesce(($8::jsonb ->> action)::int, $2)
  ), next as materialized (
    select *, sum(case class when ${SMALL_CLASS} then 1 else ${SMALL_PER_LANE} end)
      over (order by share, is_around, tenant, class, place rows unbounded preceding) as taken
    from placed where slot <= coalesce(($4::jsonb ->> action)::int, $2)
  ), chosen as materialized (
    select action, tenant, class, delayed, count(*) as messages
    from next where taken <= $2 group by action, tenant, class, delayed
  ), locked as materialized (
    select *, row_number() over () as turn from (${ofEachClass((rows, number, { level }) => `select id, at, class, level from chosen cross join lateral (select id, ctid as at, ${level} as level ${rows} limit chosen.messages for update skip locked) as message where class = ${number}`, 'chosen')}) as message
  ), claimed as (
    update ${TABLE} as job
    set state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(), output = $7::jsonb,
      retry_count = case when started_on is null then retry_count else retry_count + 1 end
    where ctid = any (array(select at from locked))
    returning id, retry_count as "retryCount", data
  )
  select (select json_agg(row order by level desc, turn)::text from (select claimed.*, class, level, turn from claimed join locked using (id)) as row) as claimed,
    (select coalesce(sum(messages), 0)::int from chosen) as wanted,
    exists (select from next where taken > $2) as "isShort"`;
