/** Below `/v1/batches/{asyncId}`: what its results have in common, its open jobs, and one job. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { wholeNumberIn } from '../../domain/text.ts';
import type { BatchFigures } from '../../pipeline/read/batch-figures.ts';
import { type JobViewDeps, jobText } from '../../pipeline/read/job-view.ts';
import { OPEN_STATUSES, openJobPage } from '../../pipeline/read/open-jobs.ts';
import { SharedFind, seenBy } from '../../pipeline/read/shared-find.ts';
import type { TenantTurns } from '../../pipeline/submit/tenant-turns.ts';
import { callerOf } from '../auth/callers.ts';
import { oneOf, queryOf, wholeNumber } from '../body/query.ts';
import { indexOf, pageLimit } from './pages.ts';

export interface BatchDetailsDeps extends JobViewDeps {
  figures: BatchFigures;
  resultTurns: TenantTurns;
}

const DEFAULT_BUCKETS = 120;
const MIN_BUCKETS = 10;
const MAX_BUCKETS = 500;

export function batchDetailRoutes(deps: BatchDetailsDeps): Router {
  const router = Router();
  const { figures } = deps;
  const openJobs = new SharedFind<string>();

  router.get('/batches/:asyncId/errors', async (request, response) => {
    queryOf(request, []);
    response.type('json').send(await figures.errors(callerOf(request), request.params.asyncId));
  });

  router.get('/batches/:asyncId/timeline', async (request, response) => {
    const { buckets } = queryOf(request, ['buckets']);
    const most = wholeNumber('buckets', buckets, MIN_BUCKETS, MAX_BUCKETS) ?? DEFAULT_BUCKETS;
    response.type('json').send(await figures.timeline(callerOf(request), request.params.asyncId, most));
  });

  router.get('/batches/:asyncId/jobs', async (request, response) => {
    const { status, limit, cursor } = queryOf(request, ['status', 'limit', 'cursor']);
    const range = {
      status: oneOf('status', status, OPEN_STATUSES),
      limit: pageLimit(limit),
      fromIndex: indexOf(cursor),
    };
    const { asyncId } = request.params;
    const caller = callerOf(request);
    const key = JSON.stringify([seenBy(caller), asyncId, range]);
    response.type('json').send(await openJobs.get(key, () => openJobPage(deps, caller, asyncId, range)));
  });

  router.get('/batches/:asyncId/jobs/:index', async (request, response) => {
    queryOf(request, []);
    const { asyncId } = request.params;
    const index = wholeNumberIn(request.params.index, 0, Number.MAX_SAFE_INTEGER);
    if (index === null)
      throw new BatchwrightError('badRequest', {
        message: 'The index of a job must be a whole number from 0',
      });
    response.type('json').send(await jobText(deps, callerOf(request), asyncId, index));
  });
  return router;
}
