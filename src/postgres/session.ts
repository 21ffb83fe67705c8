/** Sessions that foreign statements come by: what these may take, and what they leave behind. */
import type { ClientBase, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { isTransactionRefused } from './errors.ts';
import { begin, pipelined } from './transaction.ts';

/** A server notices so soon that the process of a running statement is gone. */
const CHECK_SECONDS = 2;

interface Session {
  /** Another session may run the next transaction: a pooler is in between. */
  isShared: boolean;
  /** The server can look after its client while a statement runs; not on every system. */
  canCheck: boolean;
  /** What a statement may take at present. */
  seconds: number | undefined;
}

const sessions = new WeakMap<ClientBase, Session>();

/** Finds out what a new connection's session is like, for what follows. */
export async function openSession(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  // A pooler tells numbers of its own.
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

/** Whether the server can be told to look after the process that has begun a transaction. */
export function checkSeconds(client: ClientBase): number {
  return sessions.get(client)?.canCheck ? CHECK_SECONDS : 0;
}

/**
 * Runs one statement that the server ends after so many seconds (57014), also when nobody is there any more who
 * could. As long as the limit is the same it costs nothing.
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
    // Sent together with the statement: when it fails, so does that.
    client.query(`set statement_timeout = '${seconds}s'${check}`).catch(() => {});
  }
  return client.query<Row>(text, values);
}

/** A setting of the session would reach others: it is the transaction's. */
async function queryShared<Row extends QueryResultRow>(
  client: ClientBase,
  seconds: number,
  text: string,
  values?: unknown[],
): Promise<QueryResult<Row>> {
  const answers: QueryResult<Row>[] = [];
  try {
    await pipelined(client, [
      () => begin(client, { lockSeconds: 0, statementSeconds: seconds }),
      async () => answers.push(await client.query<Row>(text, values)),
      () => client.query('commit'),
    ]);
    return answers[0] as QueryResult<Row>;
  } catch (error) {
    // VACUUM and its like take no transaction.
    if (!isTransactionRefused(error)) throw error;
    return client.query<Row>(text, values);
  }
}

/** `discard all` but for the prepared statements, which pg takes for prepared as long as the connection lives. */
const RESET = `
  close all; reset session authorization; reset all; unlisten *; select pg_advisory_unlock_all();
  discard temp; discard sequences`;

/** Runs foreign statements in a transaction that has begun; they leave nothing on the session, not even on failing. */
export async function leavingNothing<T>(client: ClientBase, statements: () => Promise<T>): Promise<T> {
  try {
    const result = await statements();
    await client.query(RESET);
    return result;
  } catch (error) {
    // A session's locks outlive the transaction. Sent as one: behind a pooler the next may reach another session.
    await client.query(`rollback; ${RESET}`).catch(() => {});
    throw error;
  }
}

/**
 * Hands a connection that is in no transaction back to its pool, undoing first what foreign statements have left
 * on the session; nobody waits for that. A connection that cannot is closed.
 */
export function handBack(client: PoolClient): void {
  const session = sessions.get(client);
  if (session) session.seconds = undefined;
  client.query(RESET).then(
    () => client.release(),
    () => client.release(true),
  );
}
