import type { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import type { Log } from '../domain/log.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { createClaiming } from './claiming.ts';
import { createIndexes } from './indexes.ts';
import { createLanes } from './lanes.ts';
import { CALLBACK_QUEUE, chunkQueue, quarantineQueue } from './messages.ts';
import { createSending } from './sending.ts';
import { SUPERVISION_SECONDS, startSupervision } from './supervision.ts';
import { setVacuum } from './vacuum.ts';

export type { Lane } from './consumer.ts';
export type { ChunkLanes, Lanes } from './lanes.ts';
export type { Claim } from './messages.ts';
export type { ChunkSendOptions } from './sending.ts';

// Chunks may run for long and heartbeats guard them, so they must not expire: pg-boss's upper limit.
// Completed rows are useless after a few minutes.
const QUEUE_OPTIONS = {
  expireInSeconds: 86_399,
  retentionSeconds: 30 * 86_400,
  deleteAfterSeconds: 120,
  // A chunk must never be abandoned: its jobs have retry limits of their own.
  retryLimit: 100_000,
  retryDelay: 0,
  heartbeatSeconds: 10,
};

export type Queue = Awaited<ReturnType<typeof startQueue>>;

/**
 * Wraps pg-boss in the few operations that the pipeline needs. Sending and settling use the client of the
 * caller's transaction, so that they are committed or rolled back with it.
 *
 * @param options.queues the queues that actions name; workers and the API use the same list
 */
export async function startQueue(options: {
  url: string;
  queues: readonly string[];
  applicationName: string;
  max: number;
  log: Log;
}) {
  const { url, applicationName, log } = options;
  const pool = createPool({ ...options, forLibrary: true });
  const ping = createPing(pool);
  // Lost connections are reported here; pg-boss continues polling until the database is back.
  const onError = (error: unknown) => log.error({ err: error }, 'queue error');
  const boss = createBoss(pool, log, onError);
  try {
    await boss.start();
    await prepareTables(boss, options.queues);
  } catch (error) {
    await boss.stop({ graceful: false }).catch(() => undefined);
    await pool.end();
    throw error;
  }
  let running = true;
  const supervision = startSupervision(boss, ping, onError);
  const lanes = createLanes({ boss, pool, url, applicationName, log });
  return {
    ...createSending(boss),
    ...createClaiming(boss),

    chunkLanes: lanes.chunks,
    quarantineLanes: lanes.quarantine,
    callbackLanes: lanes.callbacks,

    /** True while the queue's own connections reach the database; false after the stop. */
    isReachable: async () => running && (await ping()),

    /** Stops fetching and closes the connections; stop the lanes first. */
    async stop(): Promise<void> {
      running = false;
      await Promise.all([lanes.stop(), supervision.stop()]);
      await boss.stop({ graceful: true, timeout: 5_000 });
      await pool.end();
    },
  };
}

function createBoss(pool: Pool, log: Log, onError: (error: unknown) => void): PgBoss {
  const boss = new PgBoss({
    db: { executeSql: (text, values) => pool.query(text, values) },
    schema: 'pgboss',
    schedule: false,
    supervise: false,
    superviseIntervalSeconds: SUPERVISION_SECONDS,
    monitorIntervalSeconds: SUPERVISION_SECONDS,
    maintenanceIntervalSeconds: 60,
    persistWarnings: false,
    // Its spans would be those of statements and of polling.
    openTelemetry: { enabled: false },
  });
  boss.on('error', onError);
  boss.on('warning', (warning) => log.warn({ warning }, 'queue warning'));
  return boss;
}

async function prepareTables(boss: PgBoss, queues: readonly string[]): Promise<void> {
  for (const queue of queues) {
    await boss.createQueue(chunkQueue(queue), QUEUE_OPTIONS);
    await boss.createQueue(quarantineQueue(queue), QUEUE_OPTIONS);
  }
  await boss.createQueue(CALLBACK_QUEUE, QUEUE_OPTIONS);
  await setVacuum(boss);
  await createIndexes(boss);
}
