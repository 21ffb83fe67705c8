import type { ClientBase, Pool } from 'pg';
import { BATCH_COLUMNS, type BatchRow, type CallbackState, IS_VISIBLE } from './batches.ts';

/** A batch whose callback is to be sent. */
export interface CallbackBatch extends BatchRow {
  /**
   * Whole seconds since 1970 by the database's clock: a process's own clock may be off by more than receivers
   * accept.
   */
  signingTime: number;
  /** The namespace of the plugin that makes the body; null for the usual body. */
  callbackForm: string | null;
  /** Further headers, encrypted. */
  callbackHeaders: Buffer | null;
  /** JSON text: the headers of the trace that stored the batch; null when it was not traced. */
  traceContext: string | null;
}

/** In the order of the ids; undefined for a deleted batch. */
export async function callbackBatches(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<(CallbackBatch | undefined)[]> {
  const { rows } = await client.query<CallbackBatch>({
    name: 'callback-batches',
    text: `select ${BATCH_COLUMNS}, floor(extract(epoch from now()))::int8 as "signingTime",
       callback_form as "callbackForm", callback_headers as "callbackHeaders",
       trace_context as "traceContext"
     from batchwright.batch where id = any($1)`,
    values: [batchIds],
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return batchIds.map((id) => byId.get(id));
}

/** Whole seconds since 1970 by the database's clock. */
export async function signingTimeNow(client: ClientBase | Pool): Promise<number> {
  const { rows } = await client.query<{ now: number }>(
    'select floor(extract(epoch from now()))::int8 as now',
  );
  return Number(rows[0]?.now);
}

export interface DeliveryRow {
  batchId: string;
  generation: number;
  trigger: string;
  /** HTTP status of the answer; null when there was none. */
  status: number | null;
  /** How long the attempt took, which has just ended. */
  durationMs: number;
  error: string | null;
  /** Seconds from now to the next attempt; null when there is none. */
  nextInSeconds: number | null;
}

/**
 * Counts an attempt and sets the callback's state. A null state leaves it unchanged, and `delivered` stays
 * once reached. False when the batch was restarted meanwhile: the callback of that completion is superseded.
 */
export async function countAttempt(
  client: ClientBase,
  { batch, generation }: { batch: string; generation: number },
  state: CallbackState | null,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'count-attempt',
    text: `update batchwright.batch
     set callback_state = case when callback_state = 'delivered' then callback_state
                              else coalesce($3, callback_state) end,
         callback_attempts = callback_attempts + 1
     where id = $1 and generation = $2 and state in ('completed', 'cancelled')`,
    values: [batch, generation, state],
  });
  return rowCount === 1;
}

/** Counts one successful attempt for each of these batches; each batch is named once. */
export async function countDelivered(
  client: ClientBase,
  batches: readonly { batch: string; generation: number }[],
): Promise<void> {
  await client.query({
    name: 'count-delivered',
    text: `with held as materialized (
       select id from batchwright.batch where id = any($1::uuid[]) order by id for update
     )
     update batchwright.batch
     set callback_state = 'delivered', callback_attempts = callback_attempts + 1
     from held join unnest($1::uuid[], $2::int[]) as called (id, generation) using (id)
     where batch.id = held.id and batch.generation = called.generation and batch.state in ('completed', 'cancelled')`,
    values: [batches.map(({ batch }) => batch), batches.map(({ generation }) => generation)],
  });
}

/** Logs one attempt for each of these batches, under the batch's next number; each batch is named once. */
export async function insertDeliveries(
  client: ClientBase,
  deliveries: readonly Omit<DeliveryRow, 'nextInSeconds'>[],
): Promise<void> {
  await client.query({
    name: 'insert-deliveries',
    text: `insert into batchwright.delivery
       (batch_id, number, generation, trigger, status, duration_ms, error, next_attempt_at, attempted_at)
     select "batchId", coalesce(last.number, 0) + 1, generation, trigger, status, "durationMs", error, null,
       now() - "durationMs" * interval '1 ms'
     from json_to_recordset($1) as attempt ("batchId" uuid, generation int, trigger text, status int,
       "durationMs" int, error text)
     left join (
       select batch_id, max(number) as number from batchwright.delivery where batch_id = any($2) group by batch_id
     ) as last on last.batch_id = "batchId"`,
    values: [JSON.stringify(deliveries), deliveries.map(({ batchId }) => batchId)],
  });
}

/** Logs an attempt, under the batch's next number. */
export async function insertDelivery(client: ClientBase, delivery: DeliveryRow): Promise<void> {
  await client.query({
    name: 'insert-delivery',
    text: `insert into batchwright.delivery
       (batch_id, number, generation, trigger, status, duration_ms, error, next_attempt_at, attempted_at)
     select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5::int, $6, now() + make_interval(secs => $7),
       now() - $5::int * interval '1 ms'
     from batchwright.delivery where batch_id = $1`,
    values: [
      delivery.batchId,
      delivery.generation,
      delivery.trigger,
      delivery.status,
      delivery.durationMs,
      delivery.error,
      delivery.nextInSeconds,
    ],
  });
}

/** How often the callback of this generation was attempted, optionally since a time. */
export async function countDeliveries(
  client: ClientBase,
  { id, generation }: Pick<BatchRow, 'id' | 'generation'>,
  since: Date | null,
): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from batchwright.delivery
     where batch_id = $1 and generation = $2 and (attempted_at > $3 or $3 is null)`,
    [id, generation, since],
  );
  return rows[0]?.count ?? 0;
}

export interface LoggedDelivery {
  number: number;
  trigger: string;
  status: number | null;
  durationMs: number;
  error: string | null;
  attemptedAt: Date;
  nextAttemptAt: Date | null;
}

/** The attempts to deliver the batch's callback, first to last. */
export async function listDeliveries(client: ClientBase | Pool, batchId: string): Promise<LoggedDelivery[]> {
  const { rows } = await client.query<LoggedDelivery>(
    `select number, trigger, status, duration_ms as "durationMs", error, attempted_at as "attemptedAt",
       next_attempt_at as "nextAttemptAt"
     from batchwright.delivery where batch_id = $1 order by number`,
    [batchId],
  );
  return rows;
}

/**
 * Marks the callback as pending again; earlier messages for it are superseded. Returns how often it has been
 * reposted.
 */
export async function markReposted(client: ClientBase, batchId: string): Promise<number> {
  // The time is for processes of the previous release.
  const { rows } = await client.query<{ reposts: number }>(
    `update batchwright.batch set callback_state = 'pending', reposted_at = now(), reposts = reposts + 1
     where id = $1 returning reposts`,
    [batchId],
  );
  return rows[0]?.reposts ?? 0;
}

/** Removes the announced next attempts from the log: they are superseded. */
export async function clearNextAttempts(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `update batchwright.delivery set next_attempt_at = null
     where batch_id = $1 and next_attempt_at is not null and (next_attempt_at > now()
       or number = (select max(number) from batchwright.delivery where batch_id = $1))`,
    [batchId],
  );
}

/** A callback of an ended batch that was not delivered, with its last attempt. */
export interface OpenCallback {
  id: string;
  url: string;
  state: 'pending' | 'failed';
  attempts: number;
  /** `namespace.action` of the batch's jobs; null when an earlier release has stored it. */
  actions: string[] | null;
  finishedAt: Date;
  /** JSON text of a LoggedDelivery; null before the first attempt. */
  last: string | null;
}

/** The tenant's callbacks that are not delivered, those of the youngest batches first, older than `before`. */
export async function listOpenCallbacks(
  pool: Pool,
  tenant: string,
  page: { state: 'pending' | 'failed' | undefined; limit: number; before: string | undefined },
): Promise<OpenCallback[]> {
  const { rows } = await pool.query<OpenCallback>(
    `select id, callback_url as url, callback_state as state, callback_attempts as attempts,
       actions, finished_at as "finishedAt", last.attempt as last
     from batchwright.batch left join lateral (
       select json_build_object('number', number, 'trigger', trigger, 'status', status, 'durationMs', duration_ms,
         'error', error, 'attemptedAt', attempted_at, 'nextAttemptAt', next_attempt_at) as attempt
       from batchwright.delivery where batch_id = batch.id order by number desc limit 1
     ) as last on true
     where tenant = $1 and callback_state in ('pending', 'failed') and ${IS_VISIBLE}
       and ($2::batchwright.callback_state is null or callback_state = $2)
       and id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
     order by id desc limit $4`,
    [tenant, page.state, page.before, page.limit],
  );
  return rows;
}
