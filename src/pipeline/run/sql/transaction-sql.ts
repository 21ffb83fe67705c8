/** The `sql` of a run whose statements are one transaction. */
import type { QueryResultRow } from 'pg';
import { NonRetryableError } from '../../../plugin/errors.ts';
import { checkSeconds } from '../../../postgres/session.ts';
import { beginsOrEndsTransaction, mayChangeSession } from '../../../postgres/statement-kind.ts';
import { begin, commit, showLife, undo } from '../../../postgres/transaction.ts';
import type { Deadline } from '../deadline.ts';
import { isInterruption } from '../interruption.ts';
import type { Lease } from './plugin-connections.ts';
import { type RunSql, statementError, statementSeconds } from './plugin-sql.ts';
import { requireStorable } from './storable.ts';

/** A transaction that waits for its action is kept alive at this interval, as long as its process lives. */
const KEEP_ALIVE_MS = 3000;
/**
 * Without a sign of life the server ends the transaction after this time: an action may block the event loop
 * for 10 s, see the watchdog.
 */
const IDLE_SECONDS = 15;

export class TransactionSql implements RunSql {
  interrupted = false;
  readonly #lease: Lease;
  readonly #action: { timeoutSeconds: number };
  readonly #interruptions: number | undefined;
  readonly #keepingAlive: NodeJS.Timeout;
  #deadline: Deadline | undefined;
  #running = 0;
  #closed: Error | undefined;
  /** Why the run's time was over before the run had ended. */
  #over: Error | undefined;
  #failure: unknown;
  #changed = false;

  /** @param interruptions how often the attempt was interrupted before */
  constructor(lease: Lease, action: { timeoutSeconds: number }, interruptions: number | undefined) {
    this.#lease = lease;
    this.#action = action;
    this.#interruptions = interruptions;
    this.#keepingAlive = setInterval(() => {
      // If this fails, the next statement fails with the same error.
      if (this.#running === 0) showLife(lease.client).catch(() => {});
    }, KEEP_ALIVE_MS);
  }

  /** @param name shown in pg_stat_activity */
  begin(name: string): Promise<void> {
    const { client } = this.#lease;
    return begin(client, {
      idleSeconds: IDLE_SECONDS,
      // The action's timeout alone limits how long its statements wait for locks.
      lockSeconds: 0,
      byIndex: false,
      statementSeconds: statementSeconds(this.#action.timeoutSeconds),
      checkSeconds: checkSeconds(client),
      name,
    });
  }

  /** True when the run's time was over before the run had ended. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** The error of the last statement that failed. */
  get failure(): unknown {
    return this.#failure;
  }

  until(deadline: Deadline): void {
    this.#deadline = deadline;
    deadline.onEnd((error) => {
      this.#over = error;
      this.close(error);
    });
  }

  /** The run has ended: statements that it sends later must not reach the connection's next user. */
  close(why = new Error('the run has ended: its transaction takes no further statement')): void {
    this.#closed ??= why;
    clearInterval(this.#keepingAlive);
  }

  async query<Row extends object>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }> {
    if (this.#closed) throw this.#closed;
    if (beginsOrEndsTransaction(text))
      throw new NonRetryableError('a transactional action must not begin or end transactions itself');
    requireStorable(text, values);
    this.#changed ||= mayChangeSession(text);
    this.#running++;
    try {
      const { rows, rowCount } = await this.#lease.client.query<Row & QueryResultRow>(text, values);
      return { rows, rowCount: rowCount ?? 0 };
    } catch (error) {
      if (this.#over) throw this.#over;
      this.interrupted = isInterruption(error, this.#interruptions);
      this.#failure = statementError(error, this.#deadline);
      throw this.#failure;
    } finally {
      this.#running--;
    }
  }

  async commit(): Promise<void> {
    await commit(this.#lease.client);
    this.#lease.release(this.#changed);
  }

  /**
   * Never rejects. A connection with a running statement is closed, because the rollback would wait for it.
   */
  async rollBack(): Promise<void> {
    try {
      if (this.#running > 0) return await this.#lease.abandon();
      await undo(this.#lease.client);
      this.#lease.release(this.#changed);
    } catch {
      await this.#lease.abandon();
    }
  }
}
