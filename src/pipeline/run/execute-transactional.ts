/** Runs jobs in the one transaction that also records their results: effects and results, or neither. */
import type { ClientBase } from 'pg';
import { catalogue } from '../../contract/errors.ts';
import { failure, type Outcome, type RecordableOutcome } from '../../domain/outcome.ts';
import { isAbortedTransaction, isDataError, isTemporary } from '../../postgres/errors.ts';
import { limit } from '../../postgres/transaction.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { isCancelRequested } from '../../store/batches.ts';
import type { SettleAnswer } from '../../store/settle.ts';
import { Lost, recorded, recordOutcomes, type SettleDeps, type SettleResult } from '../settle/settle.ts';
import { execute, executeMany, failed, type PendingJob } from './execute.ts';
import { TimeoutError } from './job-error.ts';
import type { RunScope } from './run-scope.ts';
import type { Lease, PluginConnections } from './sql/plugin-connections.ts';
import { TransactionSql } from './sql/transaction-sql.ts';

export interface TransactionalDeps extends SettleDeps {
  connections: PluginConnections;
}

/**
 * Either all is committed, or nothing is and the outcomes say what is to be recorded instead; `lost` when
 * another lane has the message, or the batch was restarted.
 */
export type TransactionalAnswer =
  | Extract<SettleResult, { state: 'recorded' }>
  /** `isOver`: their time was over, and one by one it would be over again. */
  | { outcomes: Outcome[]; isOver: boolean }
  | 'lost';

/** Jobs of one action: one of `run`, or a group for `runMany`, which commits only when all succeed. */
export async function executeTransactional(
  deps: TransactionalDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
): Promise<TransactionalAnswer> {
  const { entry } = jobs[0] as PendingJob; // there is one, and they have it in common
  const waits = deps.connections.isBusy(entry.name);
  let lease: Lease;
  try {
    lease = await deps.connections.lend(entry.name);
  } catch {
    return again(jobs);
  }
  if (waits && (await mustNotStart(deps, claim, scope))) {
    lease.release(false);
    return again(jobs);
  }
  const sql = new TransactionSql(lease, entry, claim.message.interruptions);
  return runInTransaction(deps, claim, jobs, scope, { lease, sql });
}

/** Much may have happened while a job waited for its connection. */
async function mustNotStart(
  { pool }: SettleDeps,
  { message }: Claim<ChunkMessage>,
  { stopping }: RunScope,
): Promise<boolean> {
  return stopping.aborted || isCancelRequested(pool, message.batch).catch(() => true);
}

async function runInTransaction(
  deps: TransactionalDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
  { lease, sql }: { lease: Lease; sql: TransactionSql },
): Promise<TransactionalAnswer> {
  const startedAt = Date.now();
  try {
    // Not awaited: the action's first statement goes out behind it.
    const begun = sql.begin(transactionName(claim));
    begun.catch(() => {}); // awaited below, unless something else fails before
    const outcomes = await runAll(jobs, scope, sql);
    sql.close();
    if (!outcomes.every(hasSucceeded)) {
      // Nobody waits for it: what it leaves is nothing.
      void sql.rollBack();
      return { outcomes, isOver: sql.isOver };
    }
    await begun;
    const settled = await record(deps, lease.client, claim, outcomes);
    await sql.commit();
    return recorded(settled);
  } catch (error) {
    sql.close();
    void sql.rollBack();
    return notCommitted(error, jobs, { ...scope, startedAt }, sql);
  }
}

/** Under which a message's transactions are found in pg_stat_activity. */
export function transactionName(claim: Claim<ChunkMessage>): string {
  return `batchwright job ${claim.id}`;
}

class AlreadyRecorded extends Error {}

async function record(
  deps: SettleDeps,
  client: ClientBase,
  claim: Claim<ChunkMessage>,
  outcomes: readonly RecordableOutcome[],
): Promise<SettleAnswer> {
  await limit(client);
  if (!(await deps.queue.touch(client, claim))) throw new Lost();
  const settled = await recordOutcomes(deps, client, claim.message, outcomes);
  // What another run has done already must not be done twice.
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
    return jobs.length === 1 ? { state: 'recorded', cancelRequested: false, ended: null } : again(jobs);
  // What its transaction met at its end, rather than what it did.
  if (isTemporary(error)) return again(jobs);
  scope.log.warn({ err: error }, 'a transaction was not committed');
  if (isDataError(error))
    return { outcomes: jobs.map(({ index }) => unstorable(index, error, scope)), isOver: false };
  const cause = isAbortedTransaction(error) ? hiddenFailure(sql.failure, error) : error;
  return { outcomes: jobs.map((job) => failed(job, cause, scope, scope.startedAt)), isOver: false };
}

/** Of a statement whose failure the action took no notice of. */
function hiddenFailure(failure: unknown, cause: unknown): unknown {
  if (failure instanceof TimeoutError) return failure;
  const message = failure instanceof Error ? failure.message : String(failure);
  return new Error(`a statement of the action failed: ${message}`, { cause });
}

function hasSucceeded(outcome: Outcome): outcome is RecordableOutcome {
  return outcome.status === 'succeeded';
}

async function runAll(jobs: readonly PendingJob[], scope: RunScope, sql: TransactionSql): Promise<Outcome[]> {
  const [first] = jobs;
  if (!first) return [];
  const { runMany } = first.entry.action;
  if (runMany && jobs.length > 1) return executeMany(first.entry, runMany, jobs, scope, sql);
  return [await execute(first, scope, sql)];
}

/** An outage is charged to nobody. */
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
