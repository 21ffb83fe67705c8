import type { JobsContext } from 'batchwright/plugin';
import { until } from '../../lib/until.ts';

/** Resolves when the gate's row exists; rejects when the run is aborted. */
export function passGate({ sql, signal }: Pick<JobsContext, 'sql' | 'signal'>, name: string): Promise<void> {
  return until(signal, async () => {
    const { rowCount } = await sql.query('select from work.gate where name = $1', [name]);
    return rowCount > 0;
  });
}
