import type { JobsContext } from 'batchwright/plugin';

/** The job and the run. */
export interface Doer {
  index: number;
  attempt: number;
}

/** Writes a row that records what a job did, and in which process. */
export async function enter(
  { sql, asyncId }: Pick<JobsContext, 'sql' | 'asyncId'>,
  { index, attempt }: Doer,
  name: string,
): Promise<void> {
  await sql.query(
    'insert into work.entry (name, async_id, index, attempt, pid) values ($1, $2, $3, $4, $5)',
    [name, asyncId, index, attempt, process.pid],
  );
}

/** Makes the database end the statement's connection, as it does when it stops. */
export async function cutConnection({ sql }: Pick<JobsContext, 'sql'>): Promise<void> {
  await sql.query('select pg_terminate_backend(pg_backend_pid())');
}

/** How often the job has been entered. */
export async function runsOf(
  { sql, asyncId }: Pick<JobsContext, 'sql' | 'asyncId'>,
  index: number,
): Promise<number> {
  const { rowCount } = await sql.query('select from work.entry where async_id = $1 and index = $2', [
    asyncId,
    index,
  ]);
  return rowCount;
}
