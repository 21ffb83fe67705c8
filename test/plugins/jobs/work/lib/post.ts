import { type JobsContext, NonRetryableError } from 'batchwright/plugin';
import type { Post } from '../../../schemas/work/post.ts';
import { cutConnection, type Doer, enter } from './journal.ts';

/** Writes an entry, then behaves as the params say: the entry must exist only if the job succeeds. */
export async function post(params: Post, doer: Doer, context: JobsContext): Promise<object> {
  await enter(context, doer, params.name);
  const { name, failures = 0, fatal, breaks, cuts } = params;
  if (cuts) await cutConnection(context);
  if (breaks) await context.sql.query('select 1/0').catch(() => undefined);
  if (fatal) throw new NonRetryableError(`never ${name}`);
  if (doer.attempt <= failures) throw new Error(`not yet ${name}`);
  return { name, attempt: doer.attempt };
}
