import { setTimeout as delay } from 'node:timers/promises';
import { defineAction, type JobContext, NonRetryableError } from 'batchwright/plugin';
import type { Behave } from '../../schemas/test/behave.ts';
import { until } from '../lib/until.ts';

export default defineAction<Behave>({
  summary: 'Does what its params say',
  retry: { limit: 2, delaySeconds: 0.05, backoff: false },
  timeoutSeconds: 30,
  run: behave,
});

/** Shared by the actions of this folder, which differ only in their options. */
export async function behave(params: Behave, context: JobContext): Promise<object> {
  const { sql, signal, attempt } = context;
  const [done, total] = params.progress ?? [];
  if (done !== undefined && total !== undefined) context.progress(done, total);
  if (params.effect !== undefined)
    await sql.query('insert into test.effect (name, async_id, index, attempt) values ($1, $2, $3, $4)', [
      params.effect,
      context.asyncId,
      context.index,
      attempt,
    ]);
  if (params.waitMs !== undefined) await delay(params.waitMs, undefined, { signal });
  if (params.gate !== undefined) await gateOpens(params.gate, context);
  if (params.failUntilAttempt !== undefined && attempt <= params.failUntilAttempt)
    throw new Error(`failed in attempt ${attempt}`);
  if (params.fatal !== undefined) throw new NonRetryableError(params.fatal);
  return { n: params.n ?? null, attempt };
}

function gateOpens(name: string, { sql, signal }: JobContext): Promise<void> {
  return until(signal, async () => {
    const { rowCount } = await sql.query('select from test.gate where name = $1', [name]);
    return rowCount > 0;
  });
}
