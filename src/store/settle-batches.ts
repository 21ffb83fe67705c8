/** Settles of several batches at once. */
import type { ClientBase } from 'pg';
import type { RecordableOutcome } from '../domain/outcome.ts';
import {
  arrayText,
  columnText,
  finishingColumns,
  firstStart,
  SETTLE_COLUMNS,
  type SettleAnswer,
} from './settle-columns.ts';

/** The outcomes of jobs of one batch, in a group of batches. */
export interface BatchOutcomes {
  batchId: string;
  generation: number;
  outcomes: readonly RecordableOutcome[];
  /** Failures may stop the batch. */
  stops: boolean;
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
    ...(batches.some(({ stops }) => stops) ? SETTLE_BATCHES_STOPPING : SETTLE_BATCHES),
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
const settleBatchesStatement = (stops: boolean) => `
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
      ${finishingColumns('tally.inserted', stops)}
  from tally
  where batch.id = tally.batch_id and batch.generation = tally.generation
  returning batch.id as "batchId", tally.inserted, ${SETTLE_COLUMNS},
    batch.state in ('completed', 'cancelled') as finished`;
const SETTLE_BATCHES = { name: 'settle-batches', text: settleBatchesStatement(false) };
const SETTLE_BATCHES_STOPPING = { name: 'settle-batches-stopping', text: settleBatchesStatement(true) };
