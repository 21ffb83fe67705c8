import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase, PoolClient } from 'pg';
import { streamOf } from './connection.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, "CancelRequest" */
const CANCEL_REQUEST = 80877102;
/** After this time the statement's own limit on the server must end it. */
const CANCEL_MS = 2000;
/** A cancelled statement may take this long to end, before its connection is cut. */
const END_MS = 1000;

/** Properties of a `pg` client that its types do not declare. */
interface Connected {
  host: string;
  port: number;
  processID: number;
  secretKey: number;
}

/**
 * Closes a connection on which a statement may be running: the server cancels the statement at once. Resolves
 * when the connection is closed, after a few seconds at most.
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
 * Asks the server to cancel the client's running statement; resolves when the request was processed or has
 * failed. Never rejects. The request passes poolers. Where connections must be encrypted from their first
 * byte it does not arrive; then the statement's own limit ends it.
 */
async function cancelStatement(client: ClientBase): Promise<void> {
  const { host, port, processID, secretKey } = client as unknown as Connected;
  // The connection's real address: a host name may stand for several servers.
  const address = streamOf(client).remoteAddress ?? host;
  const socket = connect(
    address.startsWith('/') ? { path: `${address}/.s.PGSQL.${port}` } : { host: address, port },
  );
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {}); // the socket then closes
  socket.setTimeout(CANCEL_MS, () => socket.destroy());
  const request = Buffer.alloc(16);
  [request.length, CANCEL_REQUEST, processID, secretKey].forEach((value, position) => {
    request.writeInt32BE(value, 4 * position);
  });
  socket.write(request);
  // The server closes the socket when it has sent the signal.
  socket.resume();
  await closed;
}
