import type { ClientBase, Pool } from 'pg';
import type { RecordableOutcome } from '../domain/outcome.ts';
import {
  arrayText,
  columnText,
  finishingColumns,
  firstStart,
  SETTLE_COLUMNS,
  type SettleAnswer,
} from './settle-columns.ts';

/**
 * Records outcomes and adds the rows really inserted to the batch's counters, in one statement; the settle
 * that reduces pending to zero ends the batch. Null, and nothing recorded, when the batch is gone or has
 * another generation: the caller must roll back. Existing results stay unchanged; with `expectNew` they make
 * it fail instead (unique_violation), which costs 40 % less when there are none. It locks the batch's row,
 * for which every settle of the batch waits: call it last before the commit.
 *
 * @param options.stops failures may stop the batch; false saves the time to look
 * @param options.noteId of a batch whose jobs depend on each other: the id of the note of what these ends release
 */
export async function settle(
  client: ClientBase,
  batchId: string,
  generation: number,
  outcomes: readonly RecordableOutcome[],
  {
    expectNew = false,
    stops = true,
    noteId,
  }: { expectNew?: boolean; stops?: boolean; noteId?: string | undefined } = {},
): Promise<SettleAnswer | null> {
  const now = Date.now();
  const { rows } = await client.query<SettleAnswer>({
    ...statementOf({ expectNew, stops, isPlanned: noteId !== undefined }),
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

// The update checks the generation under the row's lock. The inserted rows are kept only if the update found
// its row; otherwise the caller rolls back. Times are sent as ms before the sender's now, so that they end up
// on the database's clock.
const settleStatement = (onConflict: string, noted: string, stops: boolean) => `
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
      ${finishingColumns('tally.inserted', stops)}
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

interface Kind {
  expectNew: boolean;
  stops: boolean;
  isPlanned: boolean;
}

function statementOf({ expectNew, stops, isPlanned }: Kind): { name: string; text: string } {
  const name = `settle${expectNew ? '-new' : ''}${isPlanned ? '-planned' : ''}${stops ? '-stopping' : ''}`;
  let text = TEXTS.get(name);
  if (text === undefined) {
    text = settleStatement(expectNew ? '' : 'on conflict do nothing', isPlanned ? NOTED : '', stops);
    TEXTS.set(name, text);
  }
  return { name, text };
}

/** By name: made once each. */
const TEXTS = new Map<string, string>();

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
