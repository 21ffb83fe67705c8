/** What the results of a batch have in common: its errors, and its course over time. */
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { hasEnded } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import { RESULT_STATUSES } from '../../domain/outcome.ts';
import { isCancelled } from '../../postgres/errors.ts';
import { transaction } from '../../postgres/transaction.ts';
import { errorGroups, type TimelineRow, timeline } from '../../store/batch-figures.ts';
import type { BatchRow } from '../../store/batches.ts';
import { errorOfHead } from '../../store/result-filter.ts';
import { FigureCache } from './figure-cache.ts';
import { SharedFind } from './shared-find.ts';
import { requireBatch } from './status.ts';

export interface BatchFigures {
  /** JSON text: `{"data":[{"code","message","count","firstIndex"}],"others"}` */
  errors(caller: Caller, asyncId: unknown): Promise<string>;
  /**
   * JSON text: `{"data":[{"at","succeeded",…}],"secondsPerBucket"}`
   *
   * @param buckets their largest number
   */
  timeline(caller: Caller, asyncId: unknown, buckets: number): Promise<string>;
}

/** Does the work when it is the tenant's turn. */
export interface Turns {
  take<T>(tenant: string, work: () => Promise<T>): Promise<T>;
}

const MAX_GROUPS = 100;
/** A million different messages take one to five seconds. */
const LIMITS = { statementSeconds: 30, readOnly: true, checkSeconds: 5 };

const SECOND = 1;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
/** The lengths of buckets, in seconds. */
const WIDTHS = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 30, 100, 365].map((n) => n * DAY),
];

/** @param turns limits how many figures are made at once */
export function createBatchFigures(pool: Pool, turns: Turns): BatchFigures {
  const cache = new FigureCache();
  const batches = new SharedFind<BatchRow>();

  async function figure(
    { caller, asyncId, name }: { caller: Caller; asyncId: unknown; name: string },
    make: (batch: BatchRow) => Promise<object>,
  ): Promise<string> {
    // Many look at a batch that runs, again and again.
    const batch = await batches.get(`${caller.tenant} ${asyncId}`, () => requireBatch(pool, caller, asyncId));
    const { id, tenant, generation, state, succeeded, failed, cancelled, skipped } = batch;
    const version = [generation, state, succeeded, failed, cancelled, skipped].join();
    return cache.get({ key: `${id} ${name}`, version, isFinal: hasEnded(state) }, () =>
      turns.take(tenant, async () => JSON.stringify(await make(batch))),
    );
  }

  return {
    errors: (caller, asyncId) =>
      figure({ caller, asyncId, name: 'errors' }, async ({ id }) => {
        const groups = await read(pool, (client) => errorGroups(client, id, MAX_GROUPS));
        const shown = groups.reduce((sum, { count }) => sum + count, 0);
        return {
          data: groups.map(({ head, count, firstIndex }) => ({ ...errorOfHead(head), count, firstIndex })),
          others: Math.max(0, (groups[0]?.failed ?? 0) - shown),
        };
      }),
    timeline: (caller, asyncId, buckets) =>
      figure({ caller, asyncId, name: `timeline ${buckets}` }, async ({ id }) =>
        toTimeline(await read(pool, (client) => timeline(client, id, { widths: WIDTHS, most: buckets }))),
      ),
  };
}

async function read<T>(pool: Pool, work: Parameters<typeof transaction<T>>[1]): Promise<T> {
  try {
    return await transaction(pool, work, LIMITS);
  } catch (error) {
    if (isCancelled(error)) throw new BatchwrightError('unavailable', { retryAfter: 30, cause: error });
    throw error;
  }
}

/** Every bucket from the first to the last, those without results too. */
function toTimeline(rows: readonly TimelineRow[]): { data: object[]; secondsPerBucket: number } {
  const { width, first, last } = rows[0] ?? { width: 1, first: 0, last: -1 };
  const numberOf = (at: number): number => Math.round((Math.min(at, last) - first) / (width * 1000));
  const nothing = Object.fromEntries(RESULT_STATUSES.map((status) => [status, 0]));
  const data = Array.from({ length: numberOf(last) + 1 }, (_, n) => ({
    at: new Date(first + n * width * 1000),
    counts: { ...nothing },
  }));
  for (const { at, status, count } of rows) {
    // A job that was refused when the batch was taken ended before the first one began.
    const counts = data[Math.max(0, numberOf(at ?? first))]?.counts;
    if (status !== null && counts) counts[status] = (counts[status] ?? 0) + count;
  }
  return { data: data.map(({ at, counts }) => ({ at, ...counts })), secondsPerBucket: width };
}
