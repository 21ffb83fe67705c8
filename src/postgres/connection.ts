/** The one place that makes connections: pools stand on it, and so do all that need a session of their own. */
import type { Duplex } from 'node:stream';
import pg from 'pg';

export interface ConnectionOptions {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** A connection that is not there after this is given up; 10 s when absent. */
  connectMs?: number | undefined;
}

const CONNECT_MS = 10_000;
/** An idle connection whose other end is gone is found out: ten probes, a second apart, after this. */
const KEEP_ALIVE_MS = 10_000;

/** What `pg` needs for a connection. No start parameters: a pooler would refuse them. */
export function connectionConfig({ url, applicationName, connectMs = CONNECT_MS }: ConnectionOptions) {
  return {
    connectionString: url,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    connectionTimeoutMillis: connectMs,
  } satisfies pg.ClientConfig;
}

/**
 * A connection of its own, still to be connected, and to be ended by the caller. A connection that is lost
 * rejects the statement under way, and `end` tells of it.
 */
export function createClient(options: ConnectionOptions): pg.Client {
  const client = new pg.Client(connectionConfig(options));
  // The event that comes besides must not end the process, and it comes more than once.
  client.on('error', () => {});
  return client;
}

/** What `pg` has beneath a client; its types do not tell. */
interface Connected {
  connection: { stream: Duplex & { remoteAddress?: string } };
}

export function streamOf(client: pg.ClientBase): Connected['connection']['stream'] {
  return (client as unknown as Connected).connection.stream;
}

/** Ends the connection without waiting for the other end, which may never close it. */
export function cut(client: pg.Client): void {
  client.end().catch(() => {});
  streamOf(client).destroy();
}
