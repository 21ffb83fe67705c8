/**
 * The one place where transactions begin and end. Each has limits that the server keeps: a process that stands
 * still, or that the network no longer reaches, holds its locks for so long and no longer.
 */
import {
  type Client,
  type ClientBase,
  escapeLiteral,
  type Pool,
  type PoolClient,
  type QueryConfig,
  type QueryResultRow,
} from 'pg';
import { isRepeatable } from './errors.ts';

export interface TransactionLimits {
  /** The server ends a transaction that waits for its client's next statement for longer; 12 when absent. */
  idleSeconds?: number | undefined;
  /** A statement that waits for a lock for longer fails (55P03); 6 when absent, 0 for without end. */
  lockSeconds?: number | undefined;
  /** A statement fails (57014) that takes longer, its waiting for locks included; without end when absent. */
  statementSeconds?: number | undefined;
  /** Whatever would change something fails (25006). */
  readOnly?: boolean | undefined;
  /** How soon the server notices that the process of a running statement is gone. */
  checkSeconds?: number | undefined;
  /** Shown in pg_stat_activity as long as the transaction lasts, instead of the connection's name. */
  name?: string | undefined;
  /**
   * False for a commit that does not wait for the disk: a failure of the server may undo it, though none that was
   * committed after it without this.
   */
  isDurable?: boolean | undefined;
}

/** Longer than an action may hold up the event loop, and with it the statements of others: see the watchdog. */
const IDLE_SECONDS = 12;
/**
 * Shorter than IDLE_SECONDS: of several transactions of a process that stands still, those that wait for the
 * first give up before they get its lock, and all are gone with it. Shorter than a heartbeat lasts, too.
 */
const LOCK_SECONDS = 6;

/** The limits of a transaction that several have in common: what one of them must wait for is no matter of the others. */
export const GROUP_LIMITS: TransactionLimits = { lockSeconds: 0.5 };

/** Begins a transaction, in one round trip; for those that cannot be the `work` of `transaction`. */
export async function begin(client: ClientBase, limits: TransactionLimits = {}): Promise<void> {
  await client.query(`begin${limits.readOnly ? ' read only' : ''}; ${setLimits(limits)}`);
}

/** Sets what has been begun to these limits, whatever it had. */
export async function limit(client: ClientBase, limits: TransactionLimits = {}): Promise<void> {
  await client.query(setLimits({ statementSeconds: 0, ...limits }));
}

// `set local` rather than start parameters of the connection: a pooler passes it on, and it ends with the transaction.
function setLimits({
  idleSeconds = IDLE_SECONDS,
  lockSeconds = LOCK_SECONDS,
  statementSeconds,
  checkSeconds,
  name,
  isDurable = true,
}: TransactionLimits): string {
  const settings = [
    `set local idle_in_transaction_session_timeout = '${idleSeconds}s'`,
    `set local lock_timeout = '${lockSeconds}s'`,
  ];
  if (statementSeconds !== undefined) settings.push(`set local statement_timeout = '${statementSeconds}s'`);
  if (checkSeconds) settings.push(`set local client_connection_check_interval = '${checkSeconds}s'`);
  if (name !== undefined) settings.push(`set local application_name = ${escapeLiteral(name)}`);
  if (!isDurable) settings.push('set local synchronous_commit = off');
  return settings.join('; ');
}

/**
 * Sends statements one behind the other, without waiting for each answer where the connection can do that.
 * Throws what the first that failed threw, when all have been answered: none reaches the connection's next user.
 */
export async function pipelined(
  client: ClientBase,
  statements: readonly (() => Promise<unknown>)[],
): Promise<void> {
  if (!isPipelined(client)) {
    for (const send of statements) await send();
    return;
  }
  const answers = await Promise.allSettled(statements.map((send) => send()));
  const failed = answers.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

function isPipelined(client: ClientBase): boolean {
  return (client as Client).pipeline;
}

/**
 * Runs `work` in one transaction, committed when it resolves and rolled back when it throws; throws what
 * `work` threw. Throws too when `work` resolves although a statement had failed, for nothing was stored then.
 *
 * @param options.attempts how often `work` is run when it loses against another transaction (a deadlock, a lock
 *   that it waits for in vain); once when absent
 */
export async function transaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  { attempts = 1, ...limits }: TransactionLimits & { attempts?: number } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(pool, work, limits);
    } catch (error) {
      if (attempt >= attempts || !isRepeatable(error)) throw error;
    }
  }
}

async function runOnce<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  limits: TransactionLimits,
): Promise<T> {
  const client = await pool.connect();
  try {
    const begun = begin(client, limits);
    begun.catch(() => {}); // awaited below, unless something else fails before
    if (!isPipelined(client)) await begun;
    const value = await work(client);
    await begun;
    await commit(client);
    client.release();
    return value;
  } catch (error) {
    await rollBack(client);
    throw error;
  }
}

/**
 * The rows of one statement in a transaction of its own, which begins with `settings` (`set local …`): one round
 * trip, where the connection can send statements one behind the other.
 */
export async function queryInTransaction<Row extends QueryResultRow>(
  pool: Pool,
  settings: string,
  statement: QueryConfig,
): Promise<Row[]> {
  const client = await pool.connect();
  let rows: Row[] = [];
  try {
    await pipelined(client, [
      () => client.query(`begin; ${setLimits({})}; ${settings}`),
      async () => {
        rows = (await client.query<Row>(statement)).rows;
      },
      () => commit(client),
    ]);
  } catch (error) {
    await rollBack(client);
    throw error;
  }
  client.release();
  return rows;
}

/** Postgres answers a commit after a failed statement with ROLLBACK and no error: here it is one. */
export async function commit(client: ClientBase): Promise<void> {
  const { command } = await client.query('commit');
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back: one of its statements failed');
}

/** Restarts the time that the server gives to a transaction that waits for its client. */
export async function showLife(client: ClientBase): Promise<void> {
  await client.query('');
}

/** Ends the transaction, for those that are not the `work` of `transaction`. */
export async function undo(client: ClientBase): Promise<void> {
  await client.query('rollback');
}

/** Rolls back and hands the connection back to its pool; closes one that cannot. */
async function rollBack(client: PoolClient): Promise<void> {
  try {
    await undo(client);
    client.release();
  } catch {
    client.release(true);
  }
}
