/** Sessions for plugins' statements: their limits, and the cleanup after them. */
import type { ClientBase, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { isTransactionRefused } from './errors.ts';
import { begin, commit, pipelined } from './transaction.ts';

/** How often the server checks that the client of a running statement still exists. */
const CHECK_SECONDS = 2;

interface Session {
  /** A pooler is in between: another session may run the next transaction. */
  isShared: boolean;
  /** The server can check its client while a statement runs; not every system supports it. */
  canCheck: boolean;
  /** The current statement timeout. */
  seconds: number | undefined;
}

const sessions = new WeakMap<ClientBase, Session>();

/** Finds out the properties of a new connection's session. */
export async function openSession(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  // A pooler reports process numbers of its own.
  const isShared = rows[0]?.pid !== (client as ClientBase & { processID?: number }).processID;
  const canCheck =
    !isShared &&
    (await client.query(checkStatement()).then(
      () => true,
      () => false,
    ));
  sessions.set(client, { isShared, canCheck, seconds: undefined });
}

function checkStatement(): string {
  return `set client_connection_check_interval = '${CHECK_SECONDS}s'`;
}

/** The setting for `checkSeconds` of a transaction; 0 when the server does not support it. */
export function checkSeconds(client: ClientBase): number {
  return sessions.get(client)?.canCheck ? CHECK_SECONDS : 0;
}

/**
 * Runs one statement with a limit that the server enforces (57014), even if this process is gone. An
 * unchanged limit costs nothing.
 */
export async function queryWithin<Row extends QueryResultRow>(
  client: ClientBase,
  seconds: number,
  text: string,
  values?: unknown[],
): Promise<QueryResult<Row>> {
  const session = sessions.get(client);
  if (session?.isShared) return queryShared(client, seconds, text, values);
  if (session && session.seconds !== seconds) {
    session.seconds = seconds;
    const check = session.canCheck ? `; ${checkStatement()}` : '';
    // Sent together with the statement: if this fails, the statement fails too.
    client.query(`set statement_timeout = '${seconds}s'${check}`).catch(() => {});
  }
  return client.query<Row>(text, values);
}

/** A session setting would affect other clients, so it is set for the transaction. */
async function queryShared<Row extends QueryResultRow>(
  client: ClientBase,
  seconds: number,
  text: string,
  values?: unknown[],
): Promise<QueryResult<Row>> {
  const answers: QueryResult<Row>[] = [];
  try {
    await pipelined(client, [
      () => begin(client, { lockSeconds: 0, statementSeconds: seconds, byIndex: false }),
      async () => answers.push(await client.query<Row>(text, values)),
      () => commit(client),
    ]);
    return answers[0] as QueryResult<Row>;
  } catch (error) {
    // Statements such as VACUUM cannot run in a transaction.
    if (!isTransactionRefused(error)) throw error;
    return client.query<Row>(text, values);
  }
}

/**
 * Like `discard all`, but keeps the prepared statements, because pg assumes they exist as long as the
 * connection lives.
 */
const RESET = `
  close all; reset session authorization; reset all; unlisten *; select pg_advisory_unlock_all();
  discard temp; discard sequences`;

/**
 * Runs plugins' statements in a transaction that has begun; they leave nothing on the session, even when they
 * fail.
 */
export async function leavingNothing<T>(client: ClientBase, statements: () => Promise<T>): Promise<T> {
  try {
    const result = await statements();
    await client.query(RESET);
    return result;
  } catch (error) {
    // A session's locks outlive the transaction. Sent as one query: behind a pooler the next may go to
    // another session.
    await client.query(`rollback; ${RESET}`).catch(() => {});
    throw error;
  }
}

/**
 * Returns a connection outside a transaction to its pool and first, without waiting, removes what plugins'
 * statements have left on the session. Closes a connection where that fails.
 */
export function handBack(client: PoolClient): void {
  const session = sessions.get(client);
  if (session) session.seconds = undefined;
  client.query(RESET).then(
    () => client.release(),
    () => client.release(true),
  );
}
