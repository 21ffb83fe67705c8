/** `/v1/callbacks`: those that are not delivered, over all batches. */
import { Router } from 'express';
import type { Pool } from 'pg';
import { isAsyncId } from '../../domain/batch.ts';
import { openCallbacks } from '../../pipeline/read/open-callbacks.ts';
import { callerOf } from '../auth/callers.ts';
import { oneOf, queryOf } from '../body/query.ts';
import { pageLimit, wrongCursor } from './pages.ts';

export function openCallbackRoutes({ pool }: { pool: Pool }): Router {
  const router = Router();
  router.get('/callbacks', async (request, response) => {
    const { state, limit, cursor } = queryOf(request, ['state', 'limit', 'cursor']);
    if (cursor !== undefined && !isAsyncId(cursor)) throw wrongCursor();
    const { data, next } = await openCallbacks(pool, callerOf(request), {
      state: oneOf('state', state, ['pending', 'failed']),
      limit: pageLimit(limit),
      before: cursor,
    });
    response.json({ data, nextCursor: next });
  });
  return router;
}
