/**
 * One run of one job: finds the action, starts the clock, runs, and makes an Outcome of the result. Nothing
 * here touches the database: results are recorded later, in one place.
 */
import { catalogue, type ErrorBody } from '../../contract/errors.ts';
import { failure, type Outcome } from '../../domain/outcome.ts';
import type { Sql } from '../../plugin/context.ts';
import { NonRetryableError } from '../../plugin/errors.ts';
import type { RegisteredAction } from '../../registry/registry.ts';
import { jobRun, jobsRun } from '../../telemetry/operations.ts';
import type { Gate } from '../throttle/gate.ts';
import type { Binder } from './binder.ts';
import { Deadline, isPromise, StoppedError } from './deadline.ts';
import { asksForLater, errorBody, isInstance, judge, TimeoutError } from './job-error.ts';
import { RunContext, SharedContext } from './run-context.ts';
import type { RunScope } from './run-scope.ts';
import type { RunSql } from './sql/plugin-sql.ts';

/** A job of a chunk, about to run. */
export interface PendingJob {
  index: number;
  params: unknown;
  entry: RegisteredAction;
  /** Set when the params are to get values from others' responses before it runs. */
  binder?: Binder;
  /** Set when they got them: the JSON text of the params. */
  request?: string;
  /** Set when its limits depend on these values. */
  gate?: Gate;
}

/** A response is at most this long, in bytes of JSON. */
const MAX_RESPONSE_BYTES = 1024 * 1024;

/**
 * Returns an Outcome without a promise when the run answers at once: awaiting it would cost more than most
 * small jobs take.
 */
export function execute(job: PendingJob, scope: RunScope, sql: RunSql): Outcome | Promise<Outcome> {
  if (!jobRun.isTraced) return executeNow(job, scope, sql);
  const { asyncId, attempt } = scope;
  return jobRun.run({ action: job.entry.name, asyncId, attempt, index: job.index }, () =>
    executeNow(job, scope, sql),
  );
}

function executeNow(job: PendingJob, scope: RunScope, sql: RunSql): Outcome | Promise<Outcome> {
  const startedAt = Date.now();
  const deadline = new Deadline(job.entry.timeoutSeconds, scope.stopping);
  sql.until(deadline);
  try {
    const { action } = job.entry;
    const run = action.run
      ? action.run(job.params, new RunContext(scope, sql, deadline, job.index))
      : runOne(action.runMany, job, scope, sql, deadline);
    return isPromise(run)
      ? outcomeOf(run, job, scope, sql, deadline, startedAt)
      : succeeded(job.index, run, scope.attempt, startedAt);
  } catch (error) {
    return failed(job, error, scope, startedAt, sql.interrupted);
  }
}

async function outcomeOf(
  run: Promise<unknown>,
  job: PendingJob,
  scope: RunScope,
  sql: RunSql,
  deadline: Deadline,
  startedAt: number,
): Promise<Outcome> {
  try {
    return succeeded(job.index, await deadline.race(run), scope.attempt, startedAt);
  } catch (error) {
    return failed(job, error, scope, startedAt, sql.interrupted);
  } finally {
    deadline.clear();
  }
}

type RunMany = NonNullable<RegisteredAction['action']['runMany']>;

async function runOne(
  runMany: RunMany,
  job: PendingJob,
  scope: RunScope,
  sql: Sql,
  deadline: Deadline,
): Promise<unknown> {
  const [answer] = await answersOf(runMany, [job], scope, sql, deadline);
  if (answer instanceof Error) throw answer;
  return answer;
}

async function answersOf(
  runMany: RunMany,
  jobs: readonly PendingJob[],
  scope: RunScope,
  sql: Sql,
  deadline: Deadline,
): Promise<unknown[]> {
  const given = jobs.map(({ index, params }) => ({ index, params, attempt: scope.attempt }));
  const answers = await runMany(given, new SharedContext(scope, sql, deadline));
  if (!Array.isArray(answers) || answers.length !== jobs.length)
    throw new NonRetryableError(`runMany must answer an array of ${jobs.length}, one for each job`);
  return answers;
}

/** runMany failed as a whole. */
export class GroupError extends Error {
  /** The thrown value: anything, possibly a value that throws when it is read. */
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super(errorBody(thrown).message);
    this.thrown = thrown;
  }
}

/** `isOver`: the group failed as a whole, and running its jobs one by one now would not help. */
export interface GroupOutcomes {
  outcomes: Outcome[];
  isOver: boolean;
}

/**
 * Runs jobs of one action together. Throws GroupError when runMany throws; the caller then runs them one by
 * one.
 */
export function executeMany(
  entry: RegisteredAction,
  runMany: RunMany,
  jobs: readonly PendingJob[],
  scope: RunScope,
  sql: RunSql,
): Promise<GroupOutcomes> {
  const { asyncId, attempt } = scope;
  return jobsRun.run({ action: entry.name, asyncId, attempt, jobs: jobs.length }, () =>
    executeManyNow(entry, runMany, jobs, scope, sql),
  );
}

async function executeManyNow(
  entry: RegisteredAction,
  runMany: RunMany,
  jobs: readonly PendingJob[],
  scope: RunScope,
  sql: RunSql,
): Promise<GroupOutcomes> {
  const startedAt = Date.now();
  const deadline = new Deadline(entry.timeoutSeconds, scope.stopping);
  sql.until(deadline);
  try {
    const answers = await deadline.race(answersOf(runMany, jobs, scope, sql, deadline));
    const outcomes = jobs.map((job, position) => {
      const answer = answers[position];
      return answer instanceof Error
        ? failed(job, answer, scope, startedAt)
        : succeeded(job.index, answer, scope.attempt, startedAt);
    });
    return { outcomes, isOver: false };
  } catch (thrown) {
    // A group timeout fails every job in it; retrying them one by one could use the full timeout again for
    // each. A service that asks for a pause would be asked once for each.
    const isOver =
      isInstance(thrown, TimeoutError) || isInstance(thrown, StoppedError) || asksForLater(thrown);
    if (!isOver) throw new GroupError(thrown);
    return { outcomes: jobs.map((job) => failed(job, thrown, scope, startedAt)), isOver };
  } finally {
    deadline.clear();
  }
}

function succeeded(index: number, response: unknown, attempts: number, startedAt: number): Outcome {
  const finishedAt = Date.now();
  let text: string | undefined;
  try {
    text = JSON.stringify(response ?? null);
  } catch (error) {
    return failure(
      index,
      refused(`the response is not valid JSON: ${errorBody(error).message}`),
      attempts,
      startedAt,
    );
  }
  if (text === undefined)
    return failure(
      index,
      refused(`the response must be JSON, not a ${typeof response}`),
      attempts,
      startedAt,
    );
  if (text.length > MAX_RESPONSE_BYTES / 4 && Buffer.byteLength(text) > MAX_RESPONSE_BYTES)
    return failure(
      index,
      refused(`the response has more than ${MAX_RESPONSE_BYTES} bytes`),
      attempts,
      startedAt,
    );
  return { index, status: 'succeeded', response: text, attempts, startedAt, finishedAt };
}

/**
 * The outcome of a run that ended with an error: the job has failed, or it runs again as its action's `retry`
 * says.
 */
export function failed(
  job: PendingJob,
  thrown: unknown,
  scope: RunScope,
  startedAt: number,
  interrupted = false,
): Outcome {
  if (interrupted || isInstance(thrown, StoppedError))
    return { index: job.index, status: 'retry', delaySeconds: interrupted ? 1 : 0, failed: null };
  const { body, repeatable, delaySeconds, isThrottled } = judge(thrown);
  const failedForGood = failure(job.index, body, scope.attempt, startedAt);
  if (isThrottled) {
    const now = Date.now();
    const throttledSince = scope.throttledSince ?? now;
    if (now + delaySeconds * 1000 > throttledSince + MAX_THROTTLED_MS) return failedForGood;
    return { index: job.index, status: 'retry', delaySeconds, failed: null, throttledSince };
  }
  if (!repeatable || scope.attempt > job.entry.retry.limit) return failedForGood;
  const pause = Math.max(retryDelay(job.entry, scope.attempt), delaySeconds);
  return { index: job.index, status: 'retry', delaySeconds: pause, failed: failedForGood };
}

/** A job that would be refused for longer than this in all fails. */
const MAX_THROTTLED_MS = 3_600_000;
/** Longest pause between two runs of a job, however far its backoff has grown. */
const MAX_DELAY_SECONDS = 3600;

function retryDelay({ retry }: RegisteredAction, attempt: number): number {
  const seconds = retry.backoff ? retry.delaySeconds * 2 ** Math.min(attempt - 1, 20) : retry.delaySeconds;
  return Math.min(seconds, MAX_DELAY_SECONDS);
}

function refused(message: string): ErrorBody {
  return { errorCode: catalogue.internal.errorCode, message };
}
