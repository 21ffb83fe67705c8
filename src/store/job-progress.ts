import type { Pool } from 'pg';

export interface JobProgress {
  index: number;
  /** Null while the job runs without reporting. */
  done: number | null;
  total: number | null;
}

/** An older row was left by a worker that died. */
const STALE_SECONDS = 30;

/** Stores which jobs run and their progress, for callers. */
export async function reportProgress(
  pool: Pool,
  batchId: string,
  jobs: readonly JobProgress[],
): Promise<void> {
  await pool.query(
    `insert into batchwright.job_progress (batch_id, index, done, total)
     select $1, * from unnest($2::int[], $3::float8[], $4::float8[])
     on conflict (batch_id, index) do update set done = excluded.done, total = excluded.total,
       updated_at = excluded.updated_at`,
    [batchId, jobs.map(({ index }) => index), jobs.map(({ done }) => done), jobs.map(({ total }) => total)],
  );
}

export async function clearProgress(pool: Pool, batchId: string, indexes: readonly number[]): Promise<void> {
  await pool.query('delete from batchwright.job_progress where batch_id = $1 and index = any($2)', [
    batchId,
    indexes,
  ]);
}

export interface RunningJobs {
  running: number;
  /** The sum of the completed fractions of the running jobs. */
  fractions: number;
}

/** Condition for a row of job_progress: it is recent, and its job has no result. */
export const isRunning = `updated_at > now() - interval '${STALE_SECONDS} s' and not exists (
  select from batchwright.result
  where result.batch_id = job_progress.batch_id and result.index = job_progress.index)`;

/** The columns of RunningJobs, over rows of job_progress. */
export const runningColumns = `count(*)::int as running,
  coalesce(sum(least(greatest(done / nullif(total, 0), 0), 1)), 0) as fractions`;

/** The running jobs of the batch. */
export async function runningJobs(pool: Pool, batchId: string): Promise<RunningJobs> {
  const { rows } = await pool.query<RunningJobs>({
    name: 'running-jobs',
    text: `select ${runningColumns} from batchwright.job_progress where batch_id = $1 and ${isRunning}`,
    values: [batchId],
  });
  return rows[0] ?? { running: 0, fractions: 0 };
}

/** What the job reports if it runs; null when it does not. */
export async function progressOf(
  pool: Pool,
  batchId: string,
  index: number,
): Promise<Pick<JobProgress, 'done' | 'total'> | null> {
  const { rows } = await pool.query<Pick<JobProgress, 'done' | 'total'>>({
    name: 'progress-of-job',
    text: `select done, total from batchwright.job_progress where batch_id = $1 and index = $2 and ${isRunning}`,
    values: [batchId, index],
  });
  return rows[0] ?? null;
}
