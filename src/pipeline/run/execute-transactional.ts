/**
 * Runs jobs in the transaction that also records their results: effects and results are committed together or
 * not at all.
 */
import type { ClientBase } from 'pg';
import { catalogue } from '../../contract/errors.ts';
import { failure, type Outcome, type RecordableOutcome } from '../../domain/outcome.ts';
import { isAbortedTransaction, isDataError, isTemporary } from '../../postgres/errors.ts';
import { limit } from '../../postgres/transaction.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { readMarks } from '../../store/batches.ts';
import { Lost, type RecordedResult, type SettleDeps, settleIn } from '../settle/settle.ts';
import { withRequest } from './bind-jobs.ts';
import { execute, executeMany, failed, type GroupOutcomes, type PendingJob } from './execute.ts';
import { TimeoutError } from './job-error.ts';
import type { RunScope } from './run-scope.ts';
import type { Lease, PluginConnections } from './sql/plugin-connections.ts';
import { TransactionSql } from './sql/transaction-sql.ts';

export interface TransactionalDeps extends SettleDeps {
  connections: PluginConnections;
}

/** What the transactions of one message share. */
export interface TransactionalRun extends TransactionalDeps {
  queueName: string;
  claim: Claim<ChunkMessage>;
  scope: RunScope;
}

/**
 * Either everything is committed, or nothing is and the outcomes say what to record instead. `lost`: another
 * lane has the message, or the batch was restarted.
 */
export type TransactionalAnswer = CommittedResult | GroupOutcomes | 'lost';

/** The outcomes of these runs are committed. */
export interface CommittedResult extends RecordedResult {
  results: readonly RecordableOutcome[];
}

/**
 * Runs jobs of one action: one with `run`, or a group with `runMany`, which commits only when all succeed, or when
 * its action says that failed jobs have written nothing.
 */
export async function executeTransactional(
  run: TransactionalRun,
  jobs: readonly PendingJob[],
): Promise<TransactionalAnswer> {
  const { connections, claim } = run;
  const { entry } = jobs[0] as PendingJob; // there is at least one, and all have the same action
  const waits = connections.isBusy(entry.name);
  let lease: Lease;
  try {
    lease = await connections.lend(entry.name);
  } catch {
    return again(jobs);
  }
  if (waits && (await mustNotStart(run))) {
    lease.release(false);
    return again(jobs);
  }
  const sql = new TransactionSql(lease, entry, claim.message.interruptions);
  return runInTransaction(run, jobs, lease, sql);
}

/** The process may have to stop, or the batch may be cancelled or paused, while a job waited for its connection. */
async function mustNotStart({ pool, claim, scope }: TransactionalRun): Promise<boolean> {
  if (scope.stopping.aborted) return true;
  const unknown = { cancelRequested: true, isHeld: true };
  const { cancelRequested, isHeld } = await readMarks(pool, claim.message.batch).catch(() => unknown);
  return cancelRequested || isHeld;
}

async function runInTransaction(
  run: TransactionalRun,
  jobs: readonly PendingJob[],
  lease: Lease,
  sql: TransactionSql,
): Promise<TransactionalAnswer> {
  const { claim, scope } = run;
  const startedAt = Date.now();
  try {
    // Not awaited: the action's first statement is sent right after it.
    const begun = sql.begin(transactionName(claim));
    begun.catch(() => {}); // awaited below, unless something else fails first
    const { outcomes, isOver } = await runAll(jobs, scope, sql);
    sql.close();
    const mayFailAlone = !isOver && jobs.length > 1 && jobs[0]?.entry.action.failsAlone === true;
    if (!outcomes.every(mayFailAlone ? isRecordable : hasSucceeded)) {
      // Not awaited: the transaction leaves nothing behind.
      void sql.rollBack();
      return { outcomes, isOver: isOver || sql.isOver };
    }
    await begun;
    const settled = await record(run, lease.client, outcomes);
    await sql.commit();
    for (const outcome of outcomes)
      if (outcome.status === 'failed') scope.noteOutcome(jobs[0]?.entry.name ?? '', outcome);
    return { ...settled, results: outcomes };
  } catch (error) {
    sql.close();
    void sql.rollBack();
    return notCommitted(error, jobs, { ...scope, startedAt }, sql);
  }
}

/** The name of a message's transactions in pg_stat_activity. */
export function transactionName(claim: Claim<ChunkMessage>): string {
  return `batchwright job ${claim.id}`;
}

class AlreadyRecorded extends Error {}

async function record(
  run: TransactionalRun,
  client: ClientBase,
  outcomes: readonly RecordableOutcome[],
): Promise<RecordedResult> {
  await limit(client);
  const { queueName, claim } = run;
  const settled = await settleIn(run, client, { queueName, claim, outcomes, isLast: false });
  // Work that another run has already done must not be done twice.
  if (settled.inserted < outcomes.length) throw new AlreadyRecorded();
  return settled;
}

function notCommitted(
  error: unknown,
  jobs: readonly PendingJob[],
  scope: RunScope & { startedAt: number },
  sql: TransactionSql,
): TransactionalAnswer {
  if (error instanceof Lost) return 'lost';
  if (error instanceof AlreadyRecorded)
    return jobs.length === 1
      ? { state: 'recorded', inserted: 0, cancelRequested: false, isHeld: false, ended: null, results: [] }
      : again(jobs);
  // The failure came from the commit, not from the jobs.
  if (isTemporary(error)) return again(jobs);
  scope.log.warn({ err: error }, 'a transaction was not committed');
  if (isDataError(error))
    return {
      outcomes: jobs.map((job) => withRequest(unstorable(job.index, error, scope), job)),
      isOver: false,
    };
  const cause = isAbortedTransaction(error) ? hiddenFailure(sql.failure, error) : error;
  const outcomes = jobs.map((job) => withRequest(failed(job, cause, scope, scope.startedAt), job));
  return { outcomes, isOver: false };
}

/** The error of a statement whose failure the action ignored. */
function hiddenFailure(failure: unknown, cause: unknown): unknown {
  if (failure instanceof TimeoutError) return failure;
  const message = failure instanceof Error ? failure.message : String(failure);
  return new Error(`a statement of the action failed: ${message}`, { cause });
}

function hasSucceeded(outcome: Outcome): outcome is RecordableOutcome {
  return outcome.status === 'succeeded';
}

/** A job that failed for good may be recorded with the others; one that runs again may not. */
function isRecordable(outcome: Outcome): outcome is RecordableOutcome {
  return outcome.status !== 'retry';
}

async function runAll(
  jobs: readonly PendingJob[],
  scope: RunScope,
  sql: TransactionSql,
): Promise<GroupOutcomes> {
  const [first] = jobs;
  if (!first) return { outcomes: [], isOver: false };
  const { runMany } = first.entry.action;
  if (!runMany || jobs.length === 1)
    return { outcomes: [withRequest(await execute(first, scope, sql), first)], isOver: false };
  const { outcomes, isOver } = await executeMany(first.entry, runMany, jobs, scope, sql);
  return { outcomes: outcomes.map((outcome, at) => withRequest(outcome, jobs[at])), isOver };
}

/** Runs the jobs again; an outage counts as no attempt. */
function again(jobs: readonly PendingJob[]): TransactionalAnswer {
  return {
    outcomes: jobs.map(({ index }) => ({ index, status: 'retry', delaySeconds: 1, failed: null })),
    isOver: false,
  };
}

function unstorable(
  index: number,
  error: unknown,
  { attempt, startedAt }: { attempt: number; startedAt: number },
): Outcome {
  const message = `the response cannot be stored: ${(error as Error).message}`;
  return failure(index, { errorCode: catalogue.internal.errorCode, message }, attempt, startedAt);
}
