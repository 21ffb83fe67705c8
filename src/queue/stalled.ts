/** Finds queues with work that no worker takes. */
import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';
import { FIRST, FIRST_DUE } from './due.ts';
import { CALLBACK_QUEUE, chunkQueue, quarantineQueue } from './messages.ts';

export interface StalledQueue {
  /** The name in log lines: `jobs.default`. */
  name: string;
  /** When the first of its messages became due. */
  since: Date;
}

/**
 * Queues in which a message has been due for this many seconds while no message was claimed, renewed or
 * completed. A busy worker does one of these all the time, and a delayed message is not due. The query reads
 * a few entries of pg-boss's indexes, however many messages wait.
 *
 * @param queues those that actions name
 */
export async function stalledQueues(
  pool: Pool,
  queues: readonly string[],
  seconds: number,
): Promise<StalledQueue[]> {
  return queryByIndex<StalledQueue>(pool, {
    name: 'stalled-queues',
    text: STALLED,
    values: [
      [...queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]), CALLBACK_QUEUE],
      seconds,
    ],
  });
}

const STALLED = `
  with waiting as materialized (
    select queue.name, now() - make_interval(secs => $2) as before,
      ${FIRST_DUE} as since
    from unnest($1::text[]) as queue (name)
  )
  select name, since from waiting as queue
  where since < before
    and ${FIRST('true', 'active', 'and heartbeat_on > before')} is null
    and ${FIRST('true', 'retry', 'and started_on > before')} is null
    and (select max(completed_on) from pgboss.job_common where name = queue.name and completed_on > before) is null
  order by name`;

/** How many batches have due messages in these queues, and how many callbacks wait. */
export async function countDue(
  pool: Pool,
  names: readonly string[],
): Promise<{ batches: number; callbacks: number }> {
  const { rows } = await pool.query<{ batches: number; callbacks: number }>(
    `select count(distinct group_id) filter (where name <> '${CALLBACK_QUEUE}') as batches,
       count(*) filter (where name = '${CALLBACK_QUEUE}') as callbacks
     from pgboss.job
     where name = any($1) and state < 'active' and not blocked and start_after <= pgboss.job_now()`,
    [names],
  );
  return rows[0] ?? { batches: 0, callbacks: 0 };
}
