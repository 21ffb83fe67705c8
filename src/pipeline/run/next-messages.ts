/** Decides about a message's jobs that have no result when it ends: further messages, or cancellations. */
import { cancellation, type RecordableOutcome, type RetryOutcome } from '../../domain/outcome.ts';
import { type ChunkMessage, isQuarantine } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import type { NextMessage } from '../settle/settle.ts';
import { decodeLastRuns, encodeLastRuns } from './last-runs.ts';
import type { Rest } from './open-jobs.ts';

/** One message per action, so that an action whose slots are taken does not delay the others. */
export function restMessages(message: ChunkMessage, rest: readonly Rest[]): NextMessage[] {
  return rest.map(({ action, indexes }) => ({
    message: { ...message, action, indexes },
    delaySeconds: 0,
    isRest: true,
  }));
}

/**
 * @param isHalted jobs were not started because the process stops, rather than because slots are taken
 * @param clock what to add to this process's clock to get the database's, in ms
 */
export function nextMessages(
  { message, queue }: Claim<ChunkMessage>,
  notStarted: readonly Rest[],
  retries: readonly RetryOutcome[],
  { isHalted, clock }: { isHalted: boolean; clock: number },
): NextMessage[] {
  const uncharged = retries.filter(({ failed }) => failed === null).map(({ index }) => index);
  // Jobs that may have killed a worker stay in the quarantine until they have run.
  const quarantine = isQuarantine(queue);
  const again = repeatedRuns(message, retries, clock);
  if (isHalted) {
    const indexes = [...notStarted.flatMap((rest) => rest.indexes), ...uncharged].sort((a, b) => a - b);
    if (indexes.length === 0) return again;
    return [{ message: { ...message, indexes }, delaySeconds: 0, quarantine }, ...again];
  }
  const rest = restMessages(message, notStarted);
  if (uncharged.length === 0) return [...rest, ...again];
  const interruptions = (message.interruptions ?? 0) + 1;
  const interrupted = { ...message, interruptions, indexes: uncharged };
  return [...rest, { message: interrupted, delaySeconds: 1, quarantine }, ...again];
}

/** Failed runs that may be repeated: those with the same delay share a message. */
function repeatedRuns(
  { interruptions: _, ...message }: ChunkMessage,
  retries: readonly RetryOutcome[],
  clock: number,
): NextMessage[] {
  const failed = retries.filter((retry) => retry.failed !== null);
  return [...Map.groupBy(failed, (retry) => retry.delaySeconds)].map(([delaySeconds, group]) => {
    const indexes = group.map(({ index }) => index).sort((a, b) => a - b);
    const lastRuns = encodeLastRuns(failedRuns(group), clock);
    return { message: { ...message, attempt: message.attempt + 1, indexes, lastRuns }, delaySeconds };
  });
}

/** Runs that count as attempts. */
function failedRuns(retries: readonly RetryOutcome[]): RecordableOutcome[] {
  return retries.flatMap(({ failed }) => failed ?? []);
}

/** When the first of the runs to be repeated began; by this process's clock. */
export function retriedSince(retries: readonly RetryOutcome[]): number | undefined {
  const starts = failedRuns(retries).flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length > 0 ? starts.reduce((first, at) => Math.min(first, at)) : undefined;
}

/** The results of a message's jobs when its batch is cancelled. */
export function cancellations(
  { attempt, lastRuns }: ChunkMessage,
  notStarted: readonly Rest[],
  retries: readonly RetryOutcome[],
  clock: number,
): RecordableOutcome[] {
  const runs = decodeLastRuns(lastRuns, clock);
  const cancelled = (index: number) => ({ ...cancellation(index, attempt - 1), ...runs.get(index) });
  return [
    ...notStarted.flatMap(({ indexes }) => indexes.map(cancelled)),
    // Jobs that ran keep the outcome of their last run: no further run follows.
    ...retries.map(({ index, failed }) => failed ?? cancelled(index)),
  ];
}
