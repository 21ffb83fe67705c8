/** How much waits in each queue, and for how long. */
import type { ClientBase } from 'pg';
import { FIRST_DUE } from './due.ts';
import { CALLBACK_QUEUE, chunkQueue, quarantineQueue } from './messages.ts';

export interface QueueDepth {
  /** As in log lines: `jobs.default`. */
  queue: string;
  /** Messages that are due. */
  ready: number;
  /** Messages that wait for a time, such as a retry's. */
  delayed: number;
  /** Messages that wait for a limit. */
  held: number;
  /** Messages that a worker has. */
  active: number;
  /** How long the first message that is due has been due, in seconds; 0 for none. */
  oldestSeconds: number;
}

/**
 * Each count reads an index, and stops at `most`.
 *
 * @param queues those that actions name
 */
export async function queueDepths(
  client: ClientBase,
  queues: readonly string[],
  most: number,
): Promise<QueueDepth[]> {
  const { rows } = await client.query<QueueDepth>({
    name: 'queue-depths',
    text: DEPTHS,
    values: [[...queues.map(chunkQueue), ...queues.map(quarantineQueue), CALLBACK_QUEUE], most],
  });
  return rows;
}

const COUNT = (where: string) => `(
  select count(*) from (
    select from pgboss.job_common where name = queue.name and ${where} limit $2) as counted)`;

const WAITING = (where: string) =>
  `(${COUNT(`state = 'created' and ${where}`)} + ${COUNT(`state = 'retry' and ${where}`)})`;

const DEPTHS = `
  select queue.name as queue,
    least($2, ${WAITING('not blocked and start_after <= pgboss.job_now()')}) as ready,
    least($2, ${WAITING('not blocked and start_after > pgboss.job_now()')}) as delayed,
    least($2, ${WAITING('blocked')}) as held,
    ${COUNT(`state = 'active'`)} as active,
    greatest(0, coalesce(extract(epoch from now() - ${FIRST_DUE}), 0))::double precision as "oldestSeconds"
  from unnest($1::text[]) with ordinality as queue (name, place) order by place`;
