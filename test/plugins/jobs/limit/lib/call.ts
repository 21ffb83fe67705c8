import { type JobContext, ThrottledError } from 'batchwright/plugin';
import type { Call } from '../../../schemas/limit/paced.ts';

/** Calls the test's server, which sees when jobs run. */
export async function call(
  { url, account = '' }: Call,
  { index, signal, attempt }: JobContext,
): Promise<object> {
  const query = new URLSearchParams({ account, index: String(index), at: String(Date.now()) });
  const answer = await fetch(`${url}?${query}`, { signal });
  await answer.arrayBuffer();
  if (answer.status === 429) throw new ThrottledError(Number(answer.headers.get('retry-after')));
  return { status: answer.status, attempt };
}
