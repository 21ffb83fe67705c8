/** The worker processes that take jobs. */
import type { ClientBase, Pool } from 'pg';

export interface WorkerRow {
  id: string;
  host: string;
  pid: number;
  version: string;
  /** Chunks at once in each queue. */
  concurrency: number;
  startedAt: Date;
  /** When it last renewed its row. */
  seenAt: Date;
  /** Since its start, as of the last renewal. */
  jobsFinished: number;
  /** JSON text: the messages in hand. */
  running: string;
}

/** A worker that has not renewed its row for this long counts as gone; it renews it every five seconds. */
const GONE_SECONDS = 20;

const IS_LIVE = `seen_at > now() - make_interval(secs => ${GONE_SECONDS})`;

/** Renews the worker's row, or makes it. */
export async function saveWorker(
  client: ClientBase | Pool,
  worker: Omit<WorkerRow, 'startedAt' | 'seenAt'>,
): Promise<void> {
  const { id, host, pid, version, concurrency, jobsFinished, running } = worker;
  await client.query({
    name: 'save-worker',
    text: `insert into batchwright.worker as known (id, host, pid, version, concurrency, jobs_finished, running)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (id) do update
       set seen_at = now(), jobs_finished = excluded.jobs_finished, running = excluded.running`,
    values: [id, host, pid, version, concurrency, jobsFinished, running],
  });
}

export async function deleteWorker(client: ClientBase | Pool, id: string): Promise<void> {
  await client.query('delete from batchwright.worker where id = $1', [id]);
}

/** Deletes the rows of workers that were killed long ago. */
export async function deleteGoneWorkers(client: ClientBase | Pool): Promise<void> {
  await client.query(`delete from batchwright.worker where seen_at < now() - interval '10 min'`);
}

/** Those that live, oldest first. */
export async function liveWorkers(client: ClientBase | Pool): Promise<WorkerRow[]> {
  const { rows } = await client.query<WorkerRow>({
    name: 'live-workers',
    text: `select id, host, pid, version, concurrency, started_at as "startedAt", seen_at as "seenAt",
       jobs_finished as "jobsFinished", running
     from batchwright.worker where ${IS_LIVE} order by started_at, id`,
  });
  return rows;
}

export async function countWorkers(client: ClientBase | Pool): Promise<number> {
  const { rows } = await client.query<{ count: number }>({
    name: 'count-workers',
    text: `select count(*) as count from batchwright.worker where ${IS_LIVE}`,
  });
  return rows[0]?.count ?? 0;
}
