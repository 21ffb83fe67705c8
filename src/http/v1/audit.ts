/** `/v1/audit`: who changed keys, batches and actions. */
import { Router } from 'express';
import type { Pool } from 'pg';
import { AUDIT_EVENTS } from '../../contract/audit-events.ts';
import { wholeNumberIn } from '../../domain/text.ts';
import { auditPage } from '../../pipeline/read/audit-log.ts';
import { callerOf } from '../auth/callers.ts';
import { oneOf, queryOf } from '../body/query.ts';
import { pageLimit, wrongCursor } from './pages.ts';

export function auditRoutes({ pool }: { pool: Pool }): Router {
  const router = Router();
  router.get('/audit', async (request, response) => {
    const { limit, cursor, event, ...filter } = queryOf(request, [
      'event',
      'target',
      'keyId',
      'tenant',
      'limit',
      'cursor',
    ]);
    const { data, next } = await auditPage(pool, callerOf(request), {
      filter: { ...filter, event: oneOf('event', event, AUDIT_EVENTS) },
      limit: pageLimit(limit),
      before: cursor === undefined ? undefined : entryIdOf(cursor),
    });
    response.json({ data, nextCursor: next });
  });
  return router;
}

function entryIdOf(cursor: string): number {
  const id = wholeNumberIn(cursor, 1, Number.MAX_SAFE_INTEGER);
  if (id === null) throw wrongCursor();
  return id;
}
