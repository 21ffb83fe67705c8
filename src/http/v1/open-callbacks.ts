/** `/v1/callbacks`: those that are not delivered, over all batches. */
import { Router } from 'express';
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { isAsyncId } from '../../domain/batch.ts';
import { openCallbacks } from '../../pipeline/read/open-callbacks.ts';
import { callerOf } from '../auth/callers.ts';
import { oneOf, queryOf, wholeNumber } from '../body/query.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

export function openCallbackRoutes({ pool }: { pool: Pool }): Router {
  const router = Router();
  router.get('/callbacks', async (request, response) => {
    const { state, limit, cursor } = queryOf(request, ['state', 'limit', 'cursor']);
    if (cursor !== undefined && !isAsyncId(cursor))
      throw new BatchwrightError('badRequest', {
        message: 'cursor must be the nextCursor of an earlier answer',
      });
    const { data, next } = await openCallbacks(pool, callerOf(request), {
      state: oneOf('state', state, ['pending', 'failed']),
      limit: wholeNumber('limit', limit, 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
      before: cursor,
    });
    response.json({ data, nextCursor: next });
  });
  return router;
}
