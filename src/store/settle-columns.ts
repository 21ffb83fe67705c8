/** What the statements that record outcomes have in common. */
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

export const SETTLE_COLUMNS = `batch.state, batch.cancel_requested as "cancelRequested", ${IS_HELD} as "isHeld",
    case when not (batch.callback_on_failure and batch.succeeded = batch.total) then batch.callback_url end as "callbackUrl", batch.tenant, batch.total, batch.succeeded, batch.failed, batch.cancelled,
    batch.skipped, (extract(epoch from batch.finished_at - batch.created_at) * 1000)::int8 as "durationMs"`;

/**
 * The columns that change when `added` more results are recorded: state, times, the callback's state. An
 * ended batch keeps its values. The tally computes the times, because inside case and coalesce Citus allows
 * only immutable functions, so no now(). The batch's times enclose those of its jobs. Settles do not commit
 * in the order of their times, so the earliest start and the latest settle are kept, not the first and the
 * last that arrive.
 *
 * @param stops whether failures may stop the batch: its option `stopAfter`
 */
export function finishingColumns(added: string, stops: boolean): string {
  const done = `batch.succeeded + batch.failed + batch.cancelled + batch.skipped + ${added} = batch.total`;
  return `
      started_at = least(batch.started_at, tally.begun_at),
      settled_at = greatest(batch.settled_at, tally.at),
      finished_at = case when ${done}
                         then coalesce(batch.finished_at, greatest(batch.settled_at, tally.at)) end,
      state = (case when not (${done}) then 'running'
                    when ${isCancelled} then 'cancelled'
                    else 'completed' end)::batchwright.batch_state,${stops ? stoppingColumns(done) : ''}
      callback_state = case when ${done} and ${added} > 0 and batch.callback_url is not null
                              and not (batch.callback_on_failure and batch.succeeded + tally.succeeded = batch.total)
                            then 'pending' else batch.callback_state end`;
}

/** @param done SQL: all jobs have a result */
function stoppingColumns(done: string): string {
  // A restart begins to count again. Without the option there is nothing to compare.
  const failed = '(batch.failed + tally.failed - batch.stop_from_failed)';
  const finished = `(batch.succeeded + tally.succeeded - batch.stop_from_succeeded + ${failed})`;
  const mustStop = `(((batch.stop_failed is not null and ${failed} >= batch.stop_failed)
        or (batch.stop_percent is not null and ${finished} >= greatest(batch.stop_finished, 1)
            and ${failed} * 100.0 >= batch.stop_percent * ${finished})) and not (${done}))`;
  return `
      cancel_requested = batch.cancel_requested or ${mustStop},
      stopped_by = case when not batch.cancel_requested and ${mustStop} then 'stopAfter' else batch.stopped_by end,
      due_at = case when not batch.cancel_requested and ${mustStop} then tally.at else batch.due_at end,`;
}

/**
 * When the first of them began; sent like the other times, because it may become the batch's start. Null when none of
 * them has run: jobs that are cancelled before they start do not start their batch.
 */
export function firstStart(outcomes: readonly RecordableOutcome[], now: number): number | null {
  let first: number | null = null;
  for (const { startedAt } of outcomes)
    if (startedAt !== null && (first === null || startedAt < first)) first = startedAt;
  return first && first - now;
}

/** The values of a column that usually has one value: when all are equal, it is sent once. */
export function columnText(
  outcomes: readonly RecordableOutcome[],
  element: (outcome: RecordableOutcome) => number | string,
): string {
  const first = outcomes.slice(0, 1);
  const value = first.map(element)[0];
  return arrayText(outcomes.every((outcome) => element(outcome) === value) ? first : outcomes, element);
}

/** Postgres's text form of an array of numbers or plain words: pg would quote and escape each element. */
export function arrayText(
  outcomes: readonly RecordableOutcome[],
  element: (outcome: RecordableOutcome) => number | string | null,
): string {
  return `{${outcomes.map((outcome) => element(outcome) ?? 'null').join(',')}}`;
}
