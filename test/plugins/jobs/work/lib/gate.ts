import { setTimeout as delay } from 'node:timers/promises';
import type { JobsContext } from 'batchwright/plugin';

/** Resolves when the gate's row exists; rejects when the run is aborted. */
export async function passGate(
  { sql, signal }: Pick<JobsContext, 'sql' | 'signal'>,
  name: string,
): Promise<void> {
  for (;;) {
    const { rowCount } = await sql.query('select from work.gate where name = $1', [name]);
    if (rowCount > 0) return;
    await delay(20, undefined, { signal });
  }
}
