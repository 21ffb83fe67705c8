import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from '../domain/log.ts';
import { currentInstance } from '../telemetry/instance.ts';
import { type ConnectionOptions, connectionConfig } from './connection.ts';

const { builtins } = pg.types;

/** Text as it is stored, so that a caller's JSON is returned unchanged and is not parsed without need. */
const TEXT_PARSERS: Record<number, (text: string) => unknown> = {
  [builtins.JSON]: (text) => text,
  [builtins.JSONB]: (text) => text,
  [builtins.INT8]: Number,
};

const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    const own = format === 'binary' ? undefined : TEXT_PARSERS[oid];
    return own ?? pg.types.getTypeParser(oid, format as 'text');
  },
};

/** The server closes an ended connection at once, unless the server is frozen or unreachable. */
const CLOSE_MS = 1_000;

/** The open pools of this process. */
const openPools = new Map<pg.Pool, { name: string; instance: string | undefined }>();

/** The connections of this instance's pools, by the last words of their application name: `api`, `worker queue`. */
export function poolUse(): { name: string; used: number; idle: number; waiting: number }[] {
  const own = currentInstance();
  const pools = [...openPools].filter(([, { instance }]) => instance === own);
  return pools.map(([{ totalCount, idleCount, waitingCount }, { name }]) => ({
    name,
    used: totalCount - idleCount,
    idle: idleCount,
    waiting: waitingCount,
  }));
}

interface PoolOptions extends ConnectionOptions {
  /** Maximum number of connections. */
  max: number;
  log: Log;
  /** The connections are used for COPY, which cannot be combined with pipelined statements. */
  forCopy?: boolean;
  /** Awaited before a new connection is used; the connection is closed when this rejects. */
  onConnect?: (client: pg.ClientBase) => Promise<void>;
  /** Values are parsed as `pg` does by default, for a library that expects that. */
  forLibrary?: boolean;
}

/**
 * A pool that survives the loss of connections and of the server. A lost connection is logged, its running
 * statements reject, and later statements use a new connection, for which they wait at most 10 s. `end`
 * resolves when the server has closed the connections, or takes too long: then the database may be stopped
 * without loss. json and jsonb columns are strings of JSON text, bigint columns are numbers. Statements are
 * pipelined: one is sent without waiting for the answer to the one before, if the caller does not wait.
 */
export function createPool({
  max,
  log,
  forCopy = false,
  forLibrary = false,
  onConnect,
  ...connection
}: PoolOptions): pg.Pool {
  const { applicationName } = connection;
  const pool = new ClosingPool({
    ...connectionConfig(connection),
    max,
    pipeline: !forCopy,
    ...(forLibrary ? {} : { types }),
    // The pool awaits it, although its type says otherwise.
    ...(onConnect && { onConnect: onConnect as (client: pg.ClientBase) => void }),
  });
  openPools.set(pool, {
    name: applicationName.replace(/^batchwright /, ''),
    instance: currentInstance(),
  });
  pool.on('connect', (client) => {
    client.once('error', (err) => log.warn({ err, applicationName }, 'A database connection was lost'));
    // The end of the socket is reported as a second event.
    client.on('error', () => undefined);
  });
  // The pool repeats the errors of idle clients only; the listener above gets the others.
  pool.on('error', () => undefined);
  return pool;
}

/**
 * The pool of `pg` counts as ended when it has sent Terminate; this one waits until the connections are
 * closed.
 */
class ClosingPool extends pg.Pool {
  /** For each open connection: resolves when it is closed. */
  readonly #closed = new Map<pg.PoolClient, Promise<void>>();

  constructor(config: pg.PoolConfig) {
    super(config);
    this.on('connect', (client) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      client.once('end', () => {
        this.#closed.delete(client);
        resolve();
      });
      this.#closed.set(client, promise);
    });
  }

  override async end(): Promise<void> {
    openPools.delete(this);
    await super.end();
    await Promise.race([Promise.all(this.#closed.values()), delay(CLOSE_MS, undefined, { ref: false })]);
  }
}
