/** The one place that makes connections: for pools, and for code that needs a session of its own. */
import type { Duplex } from 'node:stream';
import pg from 'pg';

export interface ConnectionOptions {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** A connection that takes longer is given up; 10 s when absent. */
  connectMs?: number | undefined;
}

const CONNECT_MS = 10_000;
/** Detects an idle connection whose other end is gone: ten probes, a second apart, after this time. */
const KEEP_ALIVE_MS = 10_000;

/** Options for a `pg` connection. No start parameters: a pooler would refuse them. */
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
 * A separate connection, not yet connected; the caller must end it. When the connection is lost, the running
 * statement rejects and `end` is emitted.
 */
export function createClient(options: ConnectionOptions): pg.Client {
  const client = new pg.Client(connectionConfig(options));
  // The additional error event must not end the process; it may come more than once.
  client.on('error', () => {});
  return client;
}

/** Properties of a `pg` client that its types do not declare. */
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
