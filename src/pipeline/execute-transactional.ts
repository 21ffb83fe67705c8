/** Runs jobs in the one transaction that also records their results: effects and results, or neither. */
import pLimit, { type LimitFunction } from 'p-limit';
import type { Pool, PoolClient } from 'pg';
import { catalogue } from '../domain/errors.ts';
import { failure, type Outcome, type RecordableOutcome } from '../domain/outcome.ts';
import { NonRetryableError } from '../plugin/errors.ts';
import { isAbortedTransaction, isDatabaseUnavailable, isDataError } from '../postgres/errors.ts';
import { handBack } from '../postgres/session.ts';
import { begin, commit, limit } from '../postgres/transaction.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import { isCancelRequested } from '../store/batches.ts';
import type { SettleAnswer } from '../store/settle.ts';
import { execute, executeMany, failed, type InterruptibleSql, type PendingJob } from './execute.ts';
import { isInterruption } from './interruption.ts';
import type { RunScope } from './run-scope.ts';
import { Lost, recorded, recordOutcomes, type SettleDeps, type SettleResult } from './settle.ts';
import { requireStorable } from './storable.ts';

/**
 * Either all is committed, or nothing is and the outcomes say what is to be recorded instead; `lost` when
 * another lane has the message, or the batch was restarted.
 */
export type TransactionalAnswer =
  | Extract<SettleResult, { state: 'recorded' }>
  | { outcomes: Outcome[] }
  | 'lost';

/** Jobs of one action: one of `run`, or a group for `runMany`, which commits only when all succeed. */
export function executeTransactional(
  deps: SettleDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
): Promise<TransactionalAnswer> {
  const slots = slotsOf(deps.pool);
  const waits = slots.activeCount >= slots.concurrency;
  return slots(async () =>
    waits && (await mustNotStart(deps, claim, scope))
      ? again(jobs)
      : runInTransaction(deps, claim, jobs, scope),
  );
}

/** Each of these jobs holds a connection: half of a pool's are left to heartbeats, settles and callbacks. */
const slotsByPool = new WeakMap<Pool, LimitFunction>();

function slotsOf(pool: Pool): LimitFunction {
  const slots = slotsByPool.get(pool) ?? pLimit(Math.max(1, Math.floor(pool.options.max / 2)));
  slotsByPool.set(pool, slots);
  return slots;
}

/** Much may have happened while a job waited for its slot. */
async function mustNotStart(
  { pool }: SettleDeps,
  { message }: Claim<ChunkMessage>,
  { stopping }: RunScope,
): Promise<boolean> {
  return stopping.aborted || isCancelRequested(pool, message.batch).catch(() => true);
}

async function runInTransaction(
  deps: SettleDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
): Promise<TransactionalAnswer> {
  let client: PoolClient;
  try {
    client = await deps.pool.connect();
  } catch {
    return again(jobs);
  }
  const sql = clientSql(client, claim.message);
  const startedAt = Date.now();
  try {
    // What the action does between its statements takes as long as the action may take.
    const idleSeconds = Math.ceil(jobs[0]?.entry.timeoutSeconds ?? 0) + SPARE_SECONDS;
    await begin(client, { idleSeconds, lockSeconds: 0 });
    const outcomes = await runAll(jobs, scope, sql);
    sql.close();
    if (!outcomes.every(hasSucceeded)) {
      await undo(client, sql);
      return { outcomes };
    }
    const settled = await record(deps, client, claim, outcomes);
    await commit(client);
    handBack(client);
    return recorded(settled);
  } catch (error) {
    sql.close();
    await undo(client, sql);
    return notCommitted(error, jobs, { ...scope, startedAt }, sql);
  }
}

/** What the event loop may be late by. */
const SPARE_SECONDS = 12;

class AlreadyRecorded extends Error {}

async function record(
  deps: SettleDeps,
  client: PoolClient,
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
  sql: ClosableSql,
): TransactionalAnswer {
  if (error instanceof Lost) return 'lost';
  if (error instanceof AlreadyRecorded)
    return jobs.length === 1 ? { state: 'recorded', cancelRequested: false, ended: null } : again(jobs);
  if (isDatabaseUnavailable(error)) return again(jobs);
  scope.log.warn({ err: error }, 'a transaction was not committed');
  if (isDataError(error)) return { outcomes: jobs.map(({ index }) => unstorable(index, error, scope)) };
  const cause = isAbortedTransaction(error)
    ? new Error(`a statement of the action failed: ${sql.failure}`, { cause: error })
    : error;
  return { outcomes: jobs.map((job) => failed(job, cause, scope, scope.startedAt)) };
}

function hasSucceeded(outcome: Outcome): outcome is RecordableOutcome {
  return outcome.status === 'succeeded';
}

async function runAll(
  jobs: readonly PendingJob[],
  scope: RunScope,
  sql: InterruptibleSql,
): Promise<Outcome[]> {
  const [first] = jobs;
  if (!first) return [];
  const { runMany } = first.entry.action;
  if (runMany && jobs.length > 1) return executeMany(first.entry, runMany, jobs, scope, sql);
  return [await execute(first, scope, sql)];
}

/** Effects and results commit together: the action must not come in between. Savepoints are its own. */
const ENDS_TRANSACTION =
  /^[\s;]*(begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(work\s+|transaction\s+)?to\b))\b/i;

interface ClosableSql extends InterruptibleSql {
  /** Statements of a run that has timed out must not reach the connection's next user. */
  close(): void;
  readonly busy: boolean;
  /** What the last statement that failed said. */
  failure: string | undefined;
}

function clientSql(client: PoolClient, { interruptions }: ChunkMessage): ClosableSql {
  let closed = false;
  let running = 0;
  const sql: ClosableSql = {
    interrupted: false,
    failure: undefined,
    get busy() {
      return running > 0;
    },
    close() {
      closed = true;
    },
    async query(text, values) {
      if (closed) throw new Error('the run has ended: its transaction takes no further statement');
      if (ENDS_TRANSACTION.test(text))
        throw new NonRetryableError('a transactional action must not begin or end transactions itself');
      requireStorable(text, values);
      running++;
      try {
        const { rows, rowCount } = await client.query(text, values);
        return { rows, rowCount: rowCount ?? 0 };
      } catch (error) {
        sql.interrupted = isInterruption(error, interruptions);
        sql.failure = (error as Error).message;
        throw error;
      } finally {
        running--;
      }
    },
  };
  return sql;
}

/** A statement still under way (the run timed out) would hold the rollback up: its connection is closed. */
async function undo(client: PoolClient, sql: ClosableSql): Promise<void> {
  if (sql.busy) return client.release(true);
  try {
    await client.query('rollback');
    handBack(client);
  } catch {
    client.release(true);
  }
}

/** An outage is charged to nobody. */
function again(jobs: readonly PendingJob[]): TransactionalAnswer {
  return { outcomes: jobs.map(({ index }) => ({ index, status: 'retry', delaySeconds: 1, failed: null })) };
}

function unstorable(
  index: number,
  error: unknown,
  { attempt, startedAt }: { attempt: number; startedAt: number },
): Outcome {
  const message = `the response cannot be stored: ${(error as Error).message}`;
  return failure(index, { errorCode: catalogue.internal.errorCode, message }, attempt, startedAt);
}
