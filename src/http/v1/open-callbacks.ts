/** `/v1/callbacks`: those that are not delivered, over all batches. */
import { Router } from 'express';
import type { Pool } from 'pg';
import { isAsyncId } from '../../domain/batch.ts';
import { openCallbacks } from '../../pipeline/read/open-callbacks.ts';
import { SharedFind, seenBy } from '../../pipeline/read/shared-find.ts';
import { callerOf } from '../auth/callers.ts';
import { oneOf, queryOf } from '../body/query.ts';
import { pageLimit, wrongCursor } from './pages.ts';

export function openCallbackRoutes({ pool }: { pool: Pool }): Router {
  const router = Router();
  const pages = new SharedFind<Awaited<ReturnType<typeof openCallbacks>>>();
  router.get('/callbacks', async (request, response) => {
    const { state, limit, cursor } = queryOf(request, ['state', 'limit', 'cursor']);
    if (cursor !== undefined && !isAsyncId(cursor)) throw wrongCursor();
    const caller = callerOf(request);
    const page = {
      state: oneOf('state', state, ['pending', 'failed']),
      limit: pageLimit(limit),
      before: cursor,
    };
    const key = JSON.stringify([seenBy(caller), page]);
    const { data, next } = await pages.get(key, () => openCallbacks(pool, caller, page));
    response.json({ data, nextCursor: next });
  });
  return router;
}
