/** The whole installation, as `GET /v1/system` shows it to the operator. */
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { type Caller, isOperator } from '../../domain/caller.ts';
import { databaseFacts } from '../../store/database-facts.ts';
import { liveWorkers, type WorkerRow } from '../../store/workers.ts';
import { type SystemCounts, systemCounts } from './system-counts.ts';

export interface SystemDeps {
  pool: Pool;
  /** Those that actions name. */
  queues: readonly string[];
  version: string;
  /** The limits in the configuration. */
  limits: Readonly<Record<string, number>>;
}

export interface SystemView {
  version: string;
  /** The version of Node. */
  node: string;
  /** `size` is in words. */
  database: { version: string; size: string };
  /** Batches that have not ended, by state. */
  batches: Record<string, number>;
  callbacksWaiting: number;
  queues: SystemCounts['queues'];
  workers: (Omit<WorkerRow, 'running'> & {
    /** Messages in hand, at most 100; up to five seconds old. */
    running: { queue: string; asyncId: string; chunk: number; attempt: number; since: string }[];
  })[];
  limits: SystemDeps['limits'];
}

/** Throws `forbidden` for everybody but the operator. */
export async function systemView(
  { pool, queues, version, limits }: SystemDeps,
  caller: Caller,
): Promise<SystemView> {
  if (!isOperator(caller))
    throw new BatchwrightError('forbidden', {
      message: 'Only an admin key of the tenant default sees the whole system',
    });
  const [counts, workers, { version: databaseVersion, size }] = await Promise.all([
    systemCounts(pool, queues),
    liveWorkers(pool),
    databaseFacts(pool),
  ]);
  return {
    version,
    node: process.version,
    database: { version: databaseVersion, size },
    batches: Object.fromEntries(counts.batches.map(({ state, count }) => [state, count])),
    callbacksWaiting: counts.callbacksWaiting,
    queues: counts.queues,
    workers: workers.map(({ running, ...worker }) => ({ ...worker, running: JSON.parse(running) })),
    limits,
  };
}
