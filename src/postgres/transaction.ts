/**
 * The one place where transactions begin and end. The server enforces their limits: a process that hangs or
 * is cut off by the network holds its locks only that long.
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
  /** The server ends a transaction whose client is idle for longer; 12 when absent. */
  idleSeconds?: number | undefined;
  /** A statement fails (55P03) when it waits longer for a lock; 6 when absent, 0 for no limit. */
  lockSeconds?: number | undefined;
  /** A statement fails (57014) when it takes longer, waits for locks included; no limit when absent. */
  statementSeconds?: number | undefined;
  /** Statements that change something fail (25006). */
  readOnly?: boolean | undefined;
  /** How soon the server notices that the client of a running statement is gone. */
  checkSeconds?: number | undefined;
  /** Shown in pg_stat_activity during the transaction, in place of the connection's name. */
  name?: string | undefined;
  /**
   * False for a commit that does not wait for the disk. A crash of the server may undo it, but then no later
   * durable commit was kept either.
   */
  isDurable?: boolean | undefined;
  /** False for a plugin's statements: Postgres plans them as it likes. */
  byIndex?: boolean | undefined;
}

/** Longer than an action may block the event loop, and with it the statements of others: see the watchdog. */
const IDLE_SECONDS = 12;
/**
 * Shorter than IDLE_SECONDS: when a process hangs, those of its transactions that wait for the first one give
 * up before they get its lock, and all end with it. It is also shorter than a heartbeat lasts.
 */
const LOCK_SECONDS = 6;

/**
 * The limits of a transaction shared by several entries: a wait for one of them must not delay the others.
 */
export const GROUP_LIMITS: TransactionLimits = { lockSeconds: 0.5 };

/**
 * Our statements use indexes. Postgres keeps the plan of a named statement: a plan made while the table was small would
 * read the whole table, however large it has become. JIT is off, because Postgres before 18 counts a disabled plan as so
 * costly that it compiles the statement each time.
 */
const BY_INDEX = ['set local enable_seqscan = off', 'set local jit = off'];

/** Begins a transaction in one round trip, for code that cannot be the `work` of `transaction`. */
export async function begin(client: ClientBase, limits: TransactionLimits = {}): Promise<void> {
  await client.query(`begin${limits.readOnly ? ' read only' : ''}; ${setLimits(limits)}`);
}

/** Sets the limits of the current transaction. */
export async function limit(client: ClientBase, limits: TransactionLimits = {}): Promise<void> {
  await client.query(setLimits({ statementSeconds: 0, ...limits }));
}

// `set local` rather than start parameters of the connection: a pooler passes it on, and it ends with the
// transaction.
function setLimits({
  idleSeconds = IDLE_SECONDS,
  lockSeconds = LOCK_SECONDS,
  statementSeconds,
  checkSeconds,
  name,
  isDurable = true,
  byIndex = true,
}: TransactionLimits): string {
  const settings = [
    `set local idle_in_transaction_session_timeout = '${idleSeconds}s'`,
    `set local lock_timeout = '${lockSeconds}s'`,
    ...(byIndex ? BY_INDEX : []),
  ];
  if (statementSeconds !== undefined) settings.push(`set local statement_timeout = '${statementSeconds}s'`);
  if (checkSeconds) settings.push(`set local client_connection_check_interval = '${checkSeconds}s'`);
  if (name !== undefined) settings.push(`set local application_name = ${escapeLiteral(name)}`);
  if (!isDurable) settings.push('set local synchronous_commit = off');
  return settings.join('; ');
}

/**
 * Sends statements without waiting for each answer, where the connection supports it. Waits for all answers,
 * so that none reaches the connection's next user, then throws the first error.
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
 * `work` threw. Also throws when `work` resolves although a statement had failed, because nothing was stored
 * then.
 *
 * @param options.attempts how often `work` is tried when another transaction is in its way (a deadlock, a
 * lock not granted in time); once when absent
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
    begun.catch(() => {}); // awaited below, unless something else fails first
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
 * The rows of one statement in its own transaction, which begins with `settings` (`set local …`). It takes
 * one round trip where the connection can pipeline statements.
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

/** Postgres answers a commit after a failed statement with ROLLBACK and no error: this throws one. */
export async function commit(client: ClientBase): Promise<void> {
  const { command } = await client.query('commit');
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back: one of its statements failed');
}

/** Restarts the idle time limit of a transaction that waits for its client. */
export async function showLife(client: ClientBase): Promise<void> {
  await client.query('');
}

/** Rolls back, for code that is not the `work` of `transaction`. */
export async function undo(client: ClientBase): Promise<void> {
  await client.query('rollback');
}

/** Rolls back and returns the connection to its pool; closes the connection if that fails. */
async function rollBack(client: PoolClient): Promise<void> {
  try {
    await undo(client);
    client.release();
  } catch {
    client.release(true);
  }
}
