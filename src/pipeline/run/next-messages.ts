/** Decides about jobs that leave a message without a result: further messages, or cancellations. */
import { cancellation, type RecordableOutcome, type RetryOutcome } from '../../domain/outcome.ts';
import { type ChunkMessage, isQuarantine } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import type { NextMessage } from '../settle/settle.ts';
import { decodeLastRuns, encodeLastRuns, lastRunsOf } from './last-runs.ts';
import type { Rest } from './open-jobs.ts';
import type { Leaving } from './unsettled.ts';

/** A pause gets up to this part longer, so that jobs that failed together do not all return together. */
const JITTER = 0.2;
/** Pauses that differ by no more than this part are like. */
const LIKE = 0.1;

/**
 * The messages of jobs that leave a message.
 *
 * @param isHalted jobs were not started because the process stops, rather than because slots are taken
 * @param clock what to add to this process's clock to get the database's, in ms
 */
export function nextMessages(
  { message, queue }: Claim<ChunkMessage>,
  { rest, retries }: Leaving,
  { isHalted, clock }: { isHalted: boolean; clock: number },
): NextMessage[] {
  const interruptedRuns = retries.filter(
    ({ failed, throttledSince }) => !failed && throttledSince === undefined,
  );
  const uncharged = indexesOf(interruptedRuns);
  // Jobs that may have killed a worker stay in the quarantine until they have run.
  const quarantine = isQuarantine(queue);
  const again = [...repeatedRuns(message, retries, clock), ...throttledRuns(message, retries, clock)];
  if (isHalted) {
    const indexes = [...rest.flatMap((part) => part.indexes), ...uncharged].sort((a, b) => a - b);
    if (indexes.length === 0) return again;
    return [{ message: { ...message, indexes }, delaySeconds: 0, quarantine }, ...again];
  }
  const unchanged = restMessages(message, rest);
  if (uncharged.length === 0) return [...unchanged, ...again];
  const interruptions = (message.interruptions ?? 0) + 1;
  const interrupted = { ...message, interruptions, indexes: uncharged };
  return [...unchanged, { message: interrupted, delaySeconds: 1, quarantine }, ...again];
}

/** One message per action, so that an action whose slots are taken does not delay the others. */
function restMessages(message: ChunkMessage, rest: readonly Rest[]): NextMessage[] {
  return rest.map((jobs) => ({
    message: { ...message, ...jobs },
    delaySeconds: 0,
    isRest: true,
  }));
}

/** Failed runs that may be repeated: those with like delays share a message. */
function repeatedRuns(
  { interruptions: _, ...message }: ChunkMessage,
  retries: readonly RetryOutcome[],
  clock: number,
): NextMessage[] {
  return withLikeDelays(retries.filter(({ failed }) => failed !== null)).map((group) => ({
    message: {
      ...message,
      attempt: message.attempt + 1,
      indexes: indexesOf(group),
      lastRuns: encodeLastRuns(failedRuns(group), clock),
    },
    delaySeconds: delayOf(group),
  }));
}

/** Runs that the called service refused for now: they are repeated as the same attempt. */
function throttledRuns(
  { interruptions: _, ...message }: ChunkMessage,
  retries: readonly RetryOutcome[],
  clock: number,
): NextMessage[] {
  const refused = retries.filter(({ throttledSince }) => throttledSince !== undefined);
  const groups = [...Map.groupBy(refused, ({ bucket }) => bucket)].flatMap(([bucket, of]) =>
    bucket === undefined ? withLikeDelays(of) : [of],
  );
  return groups.map((group) => {
    const indexes = indexesOf(group);
    const since = Math.min(...group.flatMap(({ throttledSince }) => throttledSince ?? [])) + clock;
    const lastRuns =
      message.lastRuns === undefined ? {} : { lastRuns: lastRunsOf(message.lastRuns, indexes) };
    const next = { ...message, indexes, throttledSince: message.throttledSince ?? since, ...lastRuns };
    const bucket = group[0]?.bucket;
    return bucket === undefined
      ? { message: next, delaySeconds: delayOf(group) }
      : { message: { ...next, bucket }, delaySeconds: 0, isRest: true };
  });
}

function withLikeDelays(retries: readonly RetryOutcome[]): RetryOutcome[][] {
  const groups: RetryOutcome[][] = [];
  let longest = -1;
  for (const retry of retries.toSorted((a, b) => a.delaySeconds - b.delaySeconds)) {
    if (retry.delaySeconds <= longest) groups.at(-1)?.push(retry);
    else {
      groups.push([retry]);
      longest = retry.delaySeconds * (1 + LIKE);
    }
  }
  return groups;
}

/** At least what each of them asked for. */
function delayOf(group: readonly RetryOutcome[]): number {
  const asked = Math.max(...group.map(({ delaySeconds }) => delaySeconds));
  return Math.ceil(asked * (1 + Math.random() * JITTER) * 1000) / 1000;
}

function indexesOf(group: readonly RetryOutcome[]): number[] {
  return group.map(({ index }) => index).sort((a, b) => a - b);
}

/** Runs that count as attempts. */
function failedRuns(retries: readonly RetryOutcome[]): RecordableOutcome[] {
  return retries.flatMap(({ failed }) => failed ?? []);
}

/** When the first of the runs to be repeated began, or was refused; by this process's clock. */
export function retriedSince(retries: readonly RetryOutcome[]): number | undefined {
  const starts = retries.flatMap(({ failed, throttledSince }) => failed?.startedAt ?? throttledSince ?? []);
  return starts.length > 0 ? starts.reduce((first, at) => Math.min(first, at)) : undefined;
}

/** The results of a message's jobs when its batch is cancelled. */
export function cancellations(
  { attempt, lastRuns }: ChunkMessage,
  { rest, retries }: Leaving,
  { clock, stoppedBy }: { clock: number; stoppedBy: string | null },
): RecordableOutcome[] {
  const runs = decodeLastRuns(lastRuns, clock);
  const cancelled = (index: number) => ({
    ...cancellation(index, attempt - 1, stoppedBy),
    ...runs.get(index),
  });
  return [
    ...rest.flatMap(({ indexes }) => indexes.map(cancelled)),
    // Jobs that ran keep the outcome of their last run: no further run follows.
    ...retries.map(({ index, failed }) => failed ?? cancelled(index)),
  ];
}
