/** The `sql` of a run that is in no transaction: each statement has a connection of its own and commits by itself. */
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
  /** Whether a statement failed because the database was away. */
  readonly interrupted: boolean;
  /** Gives the run's time, before the run begins: at its end statements under way are cancelled. */
  until(deadline: Deadline): void;
}

/** The server's limit for a statement is reached when the run's time is surely over. */
const SPARE_SECONDS = 2;

/** What the server is told that a statement of the action may take. */
export function statementSeconds(timeoutSeconds: number): number {
  return Math.ceil(timeoutSeconds) + SPARE_SECONDS;
}

/** A statement that the server has cancelled because the run's time was over has failed for that. */
export function statementError(error: unknown, deadline: Deadline | undefined): unknown {
  return (isCancelled(error) && deadline?.lateness()) || error;
}

export class PluginSql implements RunSql {
  interrupted = false;
  readonly #connections: PluginConnections;
  readonly #action: { name: string; timeoutSeconds: number };
  readonly #interruptions: number | undefined;
  #deadline: Deadline | undefined;
  /** Of the statements under way; made by the first, for most runs have none. */
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

/** What an action may still do with its statements after it was told that its time is over. */
const CLEAN_UP_MS = 1000;

/** Statements of one run, none of which outlives the run's time. */
class Statements {
  /** Why the run's time is over. */
  #over: Error | undefined;
  /** The same, when nothing more may be sent. */
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

  /** Throws why the run's time is over, when it is. */
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
          // Nobody may be waiting for it any more.
          if (this.#waiting.has(reject)) resolve(lease);
          else lease.release(false);
        }, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }
}
