/** Runs jobs in the one transaction that also records their results: effects and results, or neither. */
import type { PoolClient } from 'pg';
import { catalogue } from '../domain/errors.ts';
import { failure, type Outcome, type RecordableOutcome } from '../domain/outcome.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import { commit, rollBack } from '../store/transaction.ts';
import { isDatabaseUnavailable, isDataError } from './database-errors.ts';
import { execute, executeMany, type InterruptibleSql, type PendingJob, type RunScope } from './execute.ts';
import { recordOutcomes, type SettleDeps } from './settle.ts';

/** Either all is committed, or nothing is and the outcomes say what is to be recorded instead. */
export type TransactionalAnswer = { recorded: true; cancelRequested: boolean } | { outcomes: Outcome[] };

/** Jobs of one action: one of `run`, or a group for `runMany`, which commits only when all succeed. */
export async function executeTransactional(
  deps: SettleDeps,
  claim: Claim<ChunkMessage>,
  jobs: readonly PendingJob[],
  scope: RunScope,
): Promise<TransactionalAnswer> {
  const again = { outcomes: jobs.map(({ index }) => interruptedOutcome(index)) };
  let client: PoolClient;
  try {
    client = await deps.pool.connect();
  } catch {
    return again;
  }
  const sql = clientSql(client);
  try {
    await client.query('begin');
    const outcomes = await runAll(jobs, scope, sql);
    sql.close();
    if (outcomes.some(({ status }) => status !== 'succeeded')) {
      await undo(client, sql);
      return { outcomes };
    }
    if (!(await deps.queue.touch(client, claim))) throw new Error('another lane has taken the message over');
    const cancelRequested = await recordOutcomes(
      deps,
      client,
      claim.message,
      outcomes as RecordableOutcome[],
    );
    await commit(client);
    client.release();
    return { recorded: true, cancelRequested };
  } catch (error) {
    sql.close();
    await undo(client, sql);
    if (!isDataError(error)) {
      if (!isDatabaseUnavailable(error))
        scope.log.warn({ err: error }, 'a transactional job was not recorded');
      return again;
    }
    return { outcomes: jobs.map(({ index }) => unstorable(index, error as Error, scope.attempt)) };
  }
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

interface ClosableSql extends InterruptibleSql {
  /** Statements of a run that has timed out must not reach the connection's next user. */
  close(): void;
  readonly busy: boolean;
}

function clientSql(client: PoolClient): ClosableSql {
  let closed = false;
  let running = 0;
  const sql: ClosableSql = {
    interrupted: false,
    get busy() {
      return running > 0;
    },
    close() {
      closed = true;
    },
    async query(text, values) {
      if (closed) throw new Error('the run has ended: its transaction takes no further statement');
      running++;
      try {
        const { rows, rowCount } = await client.query(text, values);
        return { rows, rowCount: rowCount ?? 0 };
      } catch (error) {
        sql.interrupted = isDatabaseUnavailable(error);
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
  if (sql.busy) client.release(true);
  else await rollBack(client);
}

function interruptedOutcome(index: number): Outcome {
  return { index, status: 'retry', delaySeconds: 1, failed: null };
}

function unstorable(index: number, error: Error, attempts: number): Outcome {
  const message = `the response cannot be stored: ${error.message}`;
  return failure(index, { errorCode: catalogue.internal.errorCode, message }, attempts, null);
}
