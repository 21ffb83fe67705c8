/** Explains, before the start, what is wrong with the address of a database. */
import { connect, type Socket } from 'node:net';
import { StartError } from '../domain/start-error.ts';
import { createClient, cut } from './connection.ts';

/**
 * https://www.postgresql.org/docs/current/protocol-message-formats.html, "SSLRequest": every Postgres answers
 * it.
 */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** Yes and no; or an error, followed by its length. */
const POSTGRES_ANSWERS = /^(?:[SN]$|E\?)/;
/** A server with a line-based protocol may wait for a line end. */
const END_OF_LINE = '\r\n\r\n';
const NUDGE_MS = 500;
const PROBE_MS = 2000;
const MAX_SHOWN = 60;

interface ConnectError extends Error {
  code?: string;
  /** Set in errors from Postgres. */
  severity?: string;
  /** Set in an AggregateError: a name with several addresses has one error for each. */
  errors?: Error[];
}

/**
 * Connects once and closes the connection. Throws StartError, which names the variable and says why there is
 * no connection, or what answers in place of Postgres.
 *
 * @param connectMs how long a connection may take; the usual time when absent
 */
export async function requireDatabase(variable: string, url: string, connectMs?: number): Promise<void> {
  try {
    await connectOnce(url, connectMs);
  } catch (cause) {
    const { message, errors } = cause as ConnectError;
    throw new StartError(`${variable} cannot be used: ${message || errors?.[0]?.message}`, { cause });
  }
}

async function connectOnce(url: string, connectMs: number | undefined): Promise<void> {
  const client = createClient({ url, applicationName: 'batchwright start', connectMs });
  try {
    await client.connect();
  } catch (error) {
    cut(client);
    throw isExplained(error as ConnectError) ? error : await explained(error, client);
  }
  await client.end();
}

/** True when the error has a clear reason, from Postgres or from the system. */
function isExplained({ severity, code, errors }: ConnectError): boolean {
  const isCut = code === 'ECONNRESET' || code === 'EPIPE';
  return severity !== undefined || errors !== undefined || (code !== undefined && !isCut);
}

async function explained(cause: unknown, { host, port }: { host: string; port: number }): Promise<unknown> {
  const path = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined;
  const place = path ?? `${host}:${port}`;
  const words = await firstWords(path === undefined ? connect({ host, port }) : connect({ path }));
  if (words === undefined) return new Error(`${place} does not answer`, { cause });
  if (words === '')
    return new Error(`${place} closes the connection at once, which Postgres does not do`, { cause });
  if (POSTGRES_ANSWERS.test(words)) return cause;
  return new Error(`${place} is not Postgres: it answers ${JSON.stringify(words)}`, { cause });
}

/** The first line of the answer; empty when the connection is closed, undefined when there is no answer. */
async function firstWords(socket: Socket): Promise<string | undefined> {
  const nudge = setTimeout(() => socket.write(END_OF_LINE), NUDGE_MS);
  const late = setTimeout(() => socket.destroy(new Error('no answer')), PROBE_MS);
  socket.write(SSL_REQUEST);
  try {
    for await (const bytes of socket) return shown(bytes);
    return '';
  } catch (error) {
    return (error as ConnectError).code === undefined ? undefined : '';
  } finally {
    clearTimeout(nudge);
    clearTimeout(late);
    socket.destroy();
  }
}

function shown(bytes: Buffer): string {
  const [line = ''] = bytes.toString('latin1').split(/[\r\n]/, 1);
  return line.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, MAX_SHOWN);
}
