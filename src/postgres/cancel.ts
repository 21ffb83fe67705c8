import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase, PoolClient } from 'pg';
import { streamOf } from './connection.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, "CancelRequest" */
const CANCEL_REQUEST = 80877102;
/** A server that does not take the request by then has its own limit for the statement. */
const CANCEL_MS = 2000;
/** What a cancelled statement gets for coming to its end, before its connection is cut. */
const END_MS = 1000;

/** What `pg` knows of a connection; its types do not tell. */
interface Connected {
  host: string;
  port: number;
  processID: number;
  secretKey: number;
}

/**
 * Closes a connection that a statement may be under way on: the server cancels the statement at once. Resolves
 * when the connection is closed, after some seconds at most.
 */
export async function abandon(client: PoolClient): Promise<void> {
  const closed = once(client, 'end');
  closed.catch(() => {}); // awaited below
  await cancelStatement(client);
  client.release(true);
  const late = new AbortController();
  await Promise.race([closed, delay(END_MS, undefined, { signal: late.signal })]).catch(() => {});
  late.abort();
  streamOf(client).destroy();
}

/**
 * Asks the server to cancel what the client's session is at; resolves when the server has taken note, or when it
 * does not. Never rejects. The request passes poolers; where connections must be encrypted from their first byte
 * it does not arrive, and the statement's own limit ends it.
 */
async function cancelStatement(client: ClientBase): Promise<void> {
  const { host, port, processID, secretKey } = client as unknown as Connected;
  // The address that the connection really has: a name may stand for several servers.
  const address = streamOf(client).remoteAddress ?? host;
  const socket = connect(
    address.startsWith('/') ? { path: `${address}/.s.PGSQL.${port}` } : { host: address, port },
  );
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {}); // closes it
  socket.setTimeout(CANCEL_MS, () => socket.destroy());
  const request = Buffer.alloc(16);
  [request.length, CANCEL_REQUEST, processID, secretKey].forEach((value, position) => {
    request.writeInt32BE(value, 4 * position);
  });
  socket.write(request);
  // The server closes it when it has sent the signal.
  socket.resume();
  await closed;
}
