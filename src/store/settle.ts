import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import type { RecordableOutcome } from '../domain/outcome.ts';
import { IS_HELD } from './batches.ts';

export interface SettleAnswer {
  /** Rows really inserted: results that were not recorded before. */
  inserted: number;
  /** True for the one settle that reduced pending to zero. */
  finished: boolean;
  cancelRequested: boolean;
  /** No further job may start for now. */
  isHeld: boolean;
  /** Null when no callback is to be sent at the end. */
  callbackUrl: string | null;
  tenant: string;
  state: BatchState;
  total: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
  /** From the batch's creation to its end, in ms; null before the end. */
  durationMs: number | null;
}

// A batch that was stopped when every job had started ends as usual.
const isCancelled =
  'batch.cancel_requested and (batch.stopped_by is null or batch.cancelled + tally.cancelled > 0)';

const SETTLE_COLUMNS = `batch.state, batch.cancel_requested as "cancelRequested", ${IS_HELD} as "isHeld",
    case when not (batch.callback_on_failure and batch.succeeded = batch.total) then batch.callback_url end as "callbackUrl", batch.tenant, batch.total, batch.succeeded, batch.failed, batch.cancelled,
    batch.skipped, (extract(epoch from batch.finished_at - batch.created_at) * 1000)::int8 as "durationMs"`;

/**
 * Records outcomes and adds the rows really inserted to the batch's counters, in one statement; the settle
 * that reduces pending to zero ends the batch. Null, and nothing recorded, when the batch is gone or has
 * another generation: the caller must roll back. Existing results stay unchanged; with `expectNew` they make
 * it fail instead (unique_violation), which costs 40 % less when there are none. It locks the batch's row,
 * for which every settle of the batch waits: call it last before the commit.
 *
 * @param options.noteId of a batch whose jobs depend on each other: the id of the note of what these ends release
 */
export async function settle(
  client: ClientBase,
  batchId: string,
  generation: number,
  outcomes: readonly RecordableOutcome[],
  { expectNew = false, noteId }: { expectNew?: boolean; noteId?: string | undefined } = {},
): Promise<SettleAnswer | null> {
  const now = Date.now();
  const { rows } = await client.query<SettleAnswer>({
    ...(noteId === undefined
      ? expectNew
        ? SETTLE_NEW
        : SETTLE
      : expectNew
        ? SETTLE_NEW_PLANNED
        : SETTLE_PLANNED),
    values: [
      batchId,
      generation,
      arrayText(outcomes, ({ index }) => index),
      columnText(outcomes, ({ status }) => status),
      // One JSON text for all: `->` and json_to_recordset refuse text with \u0000, json_array_elements does
      // not.
      `[${outcomes.map(({ response }) => response).join(',')}]`,
      columnText(outcomes, ({ attempts }) => attempts),
      arrayText(outcomes, ({ startedAt }) => startedAt && startedAt - now),
      arrayText(outcomes, ({ finishedAt }) => finishedAt - now),
      firstStart(outcomes, now),
      ...(noteId === undefined ? [] : [noteId]),
    ],
  });
  return rows[0] ?? null;
}

/**
 * When the first of them began; sent like the other times, because it may become the batch's start. Null when none of
 * them has run: jobs that are cancelled before they start do not start their batch.
 */
function firstStart(outcomes: readonly RecordableOutcome[], now: number): number | null {
  let first: number | null = null;
  for (const { startedAt } of outcomes)
    if (startedAt !== null && (first === null || startedAt < first)) first = startedAt;
  return first && first - now;
}

/** The values of a column that usually has one value: when all are equal, it is sent once. */
function columnText(
  outcomes: readonly RecordableOutcome[],
  element: (outcome: RecordableOutcome) => number | string,
): string {
  const first = outcomes.slice(0, 1);
  const value = first.map(element)[0];
  return arrayText(outcomes.every((outcome) => element(outcome) === value) ? first : outcomes, element);
}

/** Postgres's text form of an array of numbers or plain words: pg would quote and escape each element. */
function arrayText(
  outcomes: readonly RecordableOutcome[],
  element: (outcome: RecordableOutcome) => number | string | null,
): string {
  return `{${outcomes.map((outcome) => element(outcome) ?? 'null').join(',')}}`;
}

// The update checks the generation under the row's lock. The inserted rows are kept only if the update found
// its row; otherwise the caller rolls back. Times are sent as ms before the sender's now, so that they end up
// on the database's clock.
const settleStatement = (onConflict: string, noted = '') => `
  with inserted as (
    insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
    select $1, outcome.index, coalesce(outcome.status, ($4::batchwright.result_status[])[1]), outcome.response,
      coalesce(outcome.attempts, ($6::smallint[])[1]),
      statement_timestamp() + outcome.started * interval '1 ms',
      statement_timestamp() + outcome.finished * interval '1 ms'
    from rows from (
      unnest($3::int[]), unnest($4::batchwright.result_status[]), json_array_elements($5::json),
      unnest($6::smallint[]), unnest($7::bigint[]), unnest($8::bigint[])
    ) as outcome (index, status, response, attempts, started, finished)
    ${onConflict}
    returning index, status
  ), ${noted} tally as (
    select count(*) filter (where status = 'succeeded')::int as succeeded,
           count(*) filter (where status = 'failed')::int as failed,
           count(*) filter (where status = 'cancelled')::int as cancelled,
           count(*) filter (where status = 'skipped')::int as skipped,
           count(*)::int as inserted,
           statement_timestamp() as at,
           statement_timestamp() + $9 * interval '1 ms' as begun_at
    from inserted
  )
  update batchwright.batch
  set succeeded = batch.succeeded + tally.succeeded,
      failed = batch.failed + tally.failed,
      cancelled = batch.cancelled + tally.cancelled,
      skipped = batch.skipped + tally.skipped,
      ${finishingColumns('tally.inserted')}
  from tally
  where batch.id = $1 and batch.generation = $2
  returning tally.inserted, ${SETTLE_COLUMNS},
    tally.inserted > 0 and batch.state in ('completed', 'cancelled') as finished`;
const NOTED = `noted as (
    insert into batchwright.plan_note (batch_id, id, nodes, ends, causes)
    select $1, $10::uuid, array_agg(index),
      array_agg((case status when 'succeeded' then 0 when 'failed' then 1 else 2 end)::smallint), array_agg(index)
    from inserted having count(*) > 0
  ),`;
const SETTLE = { name: 'settle', text: settleStatement('on conflict do nothing') };
const SETTLE_NEW = { name: 'settle-new', text: settleStatement('') };
const SETTLE_PLANNED = { name: 'settle-planned', text: settleStatement('on conflict do nothing', NOTED) };
const SETTLE_NEW_PLANNED = { name: 'settle-new-planned', text: settleStatement('', NOTED) };

/** The outcomes of jobs of one batch, in a group of batches. */
export interface BatchOutcomes {
  batchId: string;
  generation: number;
  outcomes: readonly RecordableOutcome[];
}

/**
 * Records outcomes of several batches in one statement; each batch is named once. Otherwise like `settle`
 * with `expectNew`. A batch that is missing in the answer is gone or has another generation, and the caller
 * must roll back.
 */
export async function settleBatches(
  client: ClientBase,
  batches: readonly BatchOutcomes[],
): Promise<(SettleAnswer & { batchId: string })[]> {
  const now = Date.now();
  const outcomes = batches.flatMap((batch) => batch.outcomes);
  const positions = batches.flatMap((batch, at) => batch.outcomes.map(() => at + 1));
  const { rows } = await client.query<SettleAnswer & { batchId: string }>({
    name: 'settle-batches',
    text: SETTLE_BATCHES,
    values: [
      `{${batches.map(({ batchId }) => batchId).join(',')}}`,
      `{${batches.map(({ generation }) => generation).join(',')}}`,
      `{${batches.map((batch) => firstStart(batch.outcomes, now) ?? 'null').join(',')}}`,
      `{${positions.join(',')}}`,
      arrayText(outcomes, ({ index }) => index),
      columnText(outcomes, ({ status }) => status),
      `[${outcomes.map(({ response }) => response).join(',')}]`,
      columnText(outcomes, ({ attempts }) => attempts),
      arrayText(outcomes, ({ startedAt }) => startedAt && startedAt - now),
      arrayText(outcomes, ({ finishedAt }) => finishedAt - now),
    ],
  });
  return rows;
}

// The batches' rows are locked in the order of their ids, which prevents deadlocks between groups.
const SETTLE_BATCHES = `
  with held as materialized (
    select id from batchwright.batch where id = any($1::uuid[]) order by id for update
  ), inserted as (
    insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
    select ($1::uuid[])[outcome.position], outcome.index,
      coalesce(outcome.status, ($6::batchwright.result_status[])[1]), outcome.response,
      coalesce(outcome.attempts, ($8::smallint[])[1]),
      statement_timestamp() + outcome.started * interval '1 ms',
      statement_timestamp() + outcome.finished * interval '1 ms'
    from rows from (
      unnest($4::int[]), unnest($5::int[]), unnest($6::batchwright.result_status[]), json_array_elements($7::json),
      unnest($8::smallint[]), unnest($9::bigint[]), unnest($10::bigint[])
    ) as outcome (position, index, status, response, attempts, started, finished)
    returning batch_id, status
  ), tally as (
    select wanted.batch_id, wanted.generation, inserted.*, statement_timestamp() as at,
      statement_timestamp() + wanted.begun * interval '1 ms' as begun_at
    from unnest($1::uuid[], $2::int[], $3::bigint[]) as wanted (batch_id, generation, begun)
    join (
      select batch_id as id, count(*) filter (where status = 'succeeded')::int as succeeded,
        count(*) filter (where status = 'failed')::int as failed,
        count(*) filter (where status = 'cancelled')::int as cancelled, count(*)::int as inserted
      from inserted group by batch_id
    ) as inserted on inserted.id = wanted.batch_id
    join held on held.id = wanted.batch_id
  )
  update batchwright.batch
  set succeeded = batch.succeeded + tally.succeeded,
      failed = batch.failed + tally.failed,
      cancelled = batch.cancelled + tally.cancelled,
      ${finishingColumns('tally.inserted')}
  from tally
  where batch.id = tally.batch_id and batch.generation = tally.generation
  returning batch.id as "batchId", tally.inserted, ${SETTLE_COLUMNS},
    batch.state in ('completed', 'cancelled') as finished`;

/**
 * The columns that change when `added` more results are recorded: state, times, the callback's state. An
 * ended batch keeps its values. The tally computes the times, because inside case and coalesce Citus allows
 * only immutable functions, so no now(). The batch's times enclose those of its jobs. Settles do not commit
 * in the order of their times, so the earliest start and the latest settle are kept, not the first and the
 * last that arrive.
 */
function finishingColumns(added: string): string {
  const done = `batch.succeeded + batch.failed + batch.cancelled + batch.skipped + ${added} = batch.total`;
  // A restart begins to count again. Without the option there is nothing to compare.
  const failed = '(batch.failed + tally.failed - batch.stop_from_failed)';
  const finished = `(batch.succeeded + tally.succeeded - batch.stop_from_succeeded + ${failed})`;
  const mustStop = `(((batch.stop_failed is not null and ${failed} >= batch.stop_failed)
        or (batch.stop_percent is not null and ${finished} >= greatest(batch.stop_finished, 1)
            and ${failed} * 100.0 >= batch.stop_percent * ${finished})) and not (${done}))`;
  return `
      started_at = least(batch.started_at, tally.begun_at),
      settled_at = greatest(batch.settled_at, tally.at),
      finished_at = case when ${done}
                         then coalesce(batch.finished_at, greatest(batch.settled_at, tally.at)) end,
      state = (case when not (${done}) then 'running'
                    when ${isCancelled} then 'cancelled'
                    else 'completed' end)::batchwright.batch_state,
      cancel_requested = batch.cancel_requested or ${mustStop},
      stopped_by = case when not batch.cancel_requested and ${mustStop} then 'stopAfter' else batch.stopped_by end,
      due_at = case when not batch.cancel_requested and ${mustStop} then tally.at else batch.due_at end,
      callback_state = case when ${done} and ${added} > 0 and batch.callback_url is not null
                              and not (batch.callback_on_failure and batch.succeeded + tally.succeeded = batch.total)
                            then 'pending' else batch.callback_state end`;
}

/** Marks the batch as started this many ms ago, before its first settle. */
export async function markRunning(
  client: ClientBase | Pool,
  batchId: string,
  generation: number,
  sinceMs: number,
): Promise<void> {
  await client.query(
    `update batchwright.batch set state = 'running', started_at = coalesce(started_at, moment.at)
     from (select statement_timestamp() - $3 * interval '1 ms' as at) as moment
     where id = $1 and generation = $2 and state = 'queued'`,
    [batchId, generation, sinceMs],
  );
}

/**
 * Sets the counters from the results and ends the batch if they are complete. For batches that were stored
 * without a job to run, and for the sweep. Returns the same as `settle`; null when the batch is gone or has
 * already ended.
 */
export async function recount(client: ClientBase, batchId: string): Promise<SettleAnswer | null> {
  // Locks in a statement of its own, so that the snapshot of the count is newer than every settle.
  await client.query('select from batchwright.batch where id = $1 for update', [batchId]);
  const { rows } = await client.query<SettleAnswer>(
    `${TALLY}
     update batchwright.batch
     set succeeded = tally.succeeded, failed = tally.failed, cancelled = tally.cancelled,
         skipped = tally.skipped, started_at = least(batch.started_at, tally.begun_at),
         finished_at = case when tally.recorded = batch.total then tally.at end,
         state = case when tally.recorded < batch.total then batch.state
                      when batch.cancel_requested and (batch.stopped_by is null or tally.cancelled > 0) then 'cancelled'
                      else 'completed' end,
         callback_state = case when tally.recorded = batch.total and batch.callback_url is not null
                                 and not (batch.callback_on_failure and tally.succeeded = batch.total)
                               then 'pending' else batch.callback_state end
     from tally
     where batch.id = $1 and batch.state in ('queued', 'running')
     returning tally.recorded as inserted, ${SETTLE_COLUMNS}, tally.recorded = batch.total as finished`,
    [batchId],
  );
  return rows[0] ?? null;
}

const TALLY = `with tally as (
    select count(*) filter (where status = 'succeeded')::int as succeeded,
           count(*) filter (where status = 'failed')::int as failed,
           count(*) filter (where status = 'cancelled')::int as cancelled,
           count(*) filter (where status = 'skipped')::int as skipped,
           count(*)::int as recorded,
           min(started_at) as begun_at,
           statement_timestamp() as at
    from batchwright.result where batch_id = $1
  )`;

/** The same for the counters of an ended batch; everything else stays. */
export async function recountEnded(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `${TALLY}
     update batchwright.batch
     set succeeded = tally.succeeded, failed = tally.failed, cancelled = tally.cancelled,
       skipped = tally.skipped
     from tally where batch.id = $1 and batch.state in ('completed', 'cancelled')`,
    [batchId],
  );
}
