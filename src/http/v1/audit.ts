/** `/v1/audit`: who changed keys, batches and actions. */
import { Router } from 'express';
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { wholeNumberIn } from '../../domain/text.ts';
import { auditPage } from '../../pipeline/read/audit-log.ts';
import { callerOf } from '../auth/callers.ts';
import { queryOf, wholeNumber } from '../body/query.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

export function auditRoutes({ pool }: { pool: Pool }): Router {
  const router = Router();
  router.get('/audit', async (request, response) => {
    const { limit, cursor, ...filter } = queryOf(request, [
      'event',
      'target',
      'keyId',
      'tenant',
      'limit',
      'cursor',
    ]);
    const { data, next } = await auditPage(pool, callerOf(request), {
      filter,
      limit: wholeNumber('limit', limit, 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
      before: cursor === undefined ? undefined : entryIdOf(cursor),
    });
    response.json({ data, nextCursor: next });
  });
  return router;
}

function entryIdOf(cursor: string): number {
  const id = wholeNumberIn(cursor, 1, Number.MAX_SAFE_INTEGER);
  if (id === null)
    throw new BatchwrightError('badRequest', {
      message: 'cursor must be the nextCursor of an earlier answer',
    });
  return id;
}
