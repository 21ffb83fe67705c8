/** Jobs of the fixture namespace `work`, their gates and their journal. */
import type { System } from '../support/system.ts';

export function workJob(action: string, params: object = {}): object {
  return { namespace: 'work', action, params };
}

export function echoJobs(count: number): object[] {
  return Array.from({ length: count }, (_, n) => ({ namespace: 'test', action: 'echo', params: { n } }));
}

export async function openGate({ pool }: Pick<System, 'pool'>, name: string): Promise<void> {
  await pool.query('insert into work.gate (name) values ($1)', [name]);
}

export interface Entry {
  name: string;
  index: number;
  attempt: number;
  pid: number;
  at: Date;
}

/** The journal entries of a batch's jobs so far, in order. */
export async function entriesOf({ pool }: Pick<System, 'pool'>, asyncId: string): Promise<Entry[]> {
  const { rows } = await pool.query<Entry>(
    'select name, index, attempt, pid, at from work.entry where async_id = $1 order by id',
    [asyncId],
  );
  return rows;
}
