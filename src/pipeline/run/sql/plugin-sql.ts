/** The `sql` of a run without a transaction: each statement has its own connection and commits by itself. */
import type { QueryResultRow } from 'pg';
import type { Sql } from '../../../plugin/context.ts';
import { NonRetryableError } from '../../../plugin/errors.ts';
import { isCancelled } from '../../../postgres/errors.ts';
import { queryWithin } from '../../../postgres/session.ts';
import { beginsOrEndsTransaction, mayChangeSession } from '../../../postgres/statement-kind.ts';
import type { Deadline } from '../deadline.ts';
import { isInterruption } from '../interruption.ts';
import type { Lease, PluginConnections } from './plugin-connections.ts';
import { requireStorable } from './storable.ts';

/** `sql` of one run. */
export interface RunSql extends Sql {
  /** True when a statement failed because the database was away. */
  readonly interrupted: boolean;
  /** Sets the run's deadline, before the run begins; when it ends, running statements are cancelled. */
  until(deadline: Deadline): void;
}

/** Added to the server's statement limit, so that it is reached only after the run's time is over. */
const SPARE_SECONDS = 2;

/** The statement timeout given to the server. */
export function statementSeconds(timeoutSeconds: number): number {
  return Math.ceil(timeoutSeconds) + SPARE_SECONDS;
}

/** When the server cancelled a statement because the run's time was over, returns that error instead. */
export function statementError(error: unknown, deadline: Deadline | undefined): unknown {
  return (isCancelled(error) && deadline?.lateness()) || error;
}

export class PluginSql implements RunSql {
  interrupted = false;
  readonly #connections: PluginConnections;
  readonly #action: { name: string; timeoutSeconds: number };
  readonly #interruptions: number | undefined;
  #deadline: Deadline | undefined;
  /** The running statements; made by the first, because most runs have none. */
  #statements: Statements | undefined;

  /** @param interruptions how often the attempt was interrupted before */
  constructor(
    connections: PluginConnections,
    action: { name: string; timeoutSeconds: number },
    interruptions: number | undefined,
  ) {
    this.#connections = connections;
    this.#action = action;
    this.#interruptions = interruptions;
  }

  until(deadline: Deadline): void {
    this.#deadline = deadline;
  }

  async query<Row extends object>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }> {
    if (beginsOrEndsTransaction(text))
      throw new NonRetryableError(
        'each statement commits by itself: an action whose statements are one transaction says transactional: true',
      );
    requireStorable(text, values);
    this.#statements ??= new Statements(this.#deadline);
    const { name, timeoutSeconds } = this.#action;
    try {
      const { rows, rowCount } = await this.#statements.run(
        () => this.#connections.lend(name),
        ({ client }) =>
          queryWithin<Row & QueryResultRow>(client, statementSeconds(timeoutSeconds), text, values),
        mayChangeSession(text),
      );
      return { rows, rowCount: rowCount ?? 0 };
    } catch (error) {
      this.interrupted = isInterruption(error, this.#interruptions);
      throw statementError(error, this.#deadline);
    }
  }
}

/** How long an action may still use its statements after its deadline, to clean up. */
const CLEAN_UP_MS = 1000;

/** The statements of one run; none runs longer than the run. */
class Statements {
  /** Why the run's time is over. */
  #over: Error | undefined;
  /** Why no more statements may be sent. */
  #closed: Error | undefined;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #leases = new Set<Lease>();

  constructor(deadline: Deadline | undefined) {
    deadline?.onEnd((error) => {
      this.#over = error;
      this.#cancel(error);
      setTimeout(() => {
        this.#closed = error;
        this.#cancel(error);
      }, CLEAN_UP_MS);
    });
  }

  #cancel(error: Error): void {
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    for (const lease of this.#leases) void lease.abandon();
  }

  /** Throws the reason when the run's time is over. */
  async run<T>(
    lend: () => Promise<Lease>,
    send: (lease: Lease) => Promise<T>,
    changesSession: boolean,
  ): Promise<T> {
    const lease = await this.#wait(lend);
    this.#leases.add(lease);
    try {
      return await send(lease);
    } catch (error) {
      throw this.#over && lease.isAbandoned ? this.#over : error;
    } finally {
      this.#leases.delete(lease);
      lease.release(changesSession);
    }
  }

  #wait(lend: () => Promise<Lease>): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      this.#waiting.add(reject);
      lend()
        .then((lease) => {
          // The caller may have stopped waiting.
          if (this.#waiting.has(reject)) resolve(lease);
          else lease.release(false);
        }, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }
}
