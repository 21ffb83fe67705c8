/** `/v1/callbacks`: those that are not delivered, over all batches. */
import type { Pool } from 'pg';
import { isAsyncId } from '../../domain/batch.ts';
import { openCallbacks } from '../../pipeline/read/open-callbacks.ts';
import { oneOf } from '../body/query.ts';
import type { LiveAnswers } from './live-answers.ts';
import { pageLimit, wrongCursor } from './pages.ts';

export function addOpenCallbacks(answers: LiveAnswers, { pool }: { pool: Pool }): void {
  answers.get('/callbacks', ['state', 'limit', 'cursor'], async ({ caller, query }) => {
    const { state, limit, cursor } = query;
    if (cursor !== undefined && !isAsyncId(cursor)) throw wrongCursor();
    const page = {
      state: oneOf('state', state, ['pending', 'failed']),
      limit: pageLimit(limit),
      before: cursor,
    };
    const { data, next } = await openCallbacks(pool, caller, page);
    return JSON.stringify({ data, nextCursor: next });
  });
}
