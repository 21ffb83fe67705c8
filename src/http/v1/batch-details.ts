/** Below `/v1/batches/{asyncId}`: what its results have in common, its open jobs, one job, and its callback's attempts. */
import { BatchwrightError } from '../../contract/errors.ts';
import { wholeNumberIn } from '../../domain/text.ts';
import type { BatchFigures } from '../../pipeline/read/batch-figures.ts';
import { deliveriesOf } from '../../pipeline/read/deliveries.ts';
import { type JobViewDeps, jobText } from '../../pipeline/read/job-view.ts';
import { OPEN_STATUSES, openJobPage } from '../../pipeline/read/open-jobs.ts';
import { requireBatch } from '../../pipeline/read/status.ts';
import type { TenantTurns } from '../../pipeline/submit/tenant-turns.ts';
import { oneOf, wholeNumber } from '../body/query.ts';
import type { LiveAnswers } from './live-answers.ts';
import { indexOf, pageLimit } from './pages.ts';

export interface BatchDetailsDeps extends JobViewDeps {
  figures: BatchFigures;
  resultTurns: TenantTurns;
}

const DEFAULT_BUCKETS = 120;
const MIN_BUCKETS = 10;
const MAX_BUCKETS = 500;

export function addBatchDetails(answers: LiveAnswers, deps: BatchDetailsDeps): void {
  const { figures } = deps;

  answers.get<'asyncId'>('/batches/:asyncId/errors', [], ({ caller, params }) =>
    figures.errors(caller, params.asyncId),
  );

  answers.get<'asyncId'>('/batches/:asyncId/callbacks', [], async ({ caller, params }) => {
    const batch = await requireBatch(deps.pool, caller, params.asyncId);
    return JSON.stringify({ data: await deliveriesOf(deps.pool, batch) });
  });

  answers.get<'asyncId', 'buckets'>(
    '/batches/:asyncId/timeline',
    ['buckets'],
    async ({ caller, params, query }) => {
      const most = wholeNumber('buckets', query.buckets, MIN_BUCKETS, MAX_BUCKETS) ?? DEFAULT_BUCKETS;
      return figures.timeline(caller, params.asyncId, most);
    },
  );

  answers.get<'asyncId', 'status' | 'limit' | 'cursor'>(
    '/batches/:asyncId/jobs',
    ['status', 'limit', 'cursor'],
    async ({ caller, params: { asyncId }, query: { status, limit, cursor } }) => {
      const range = {
        status: oneOf('status', status, OPEN_STATUSES),
        limit: pageLimit(limit),
        fromIndex: indexOf(cursor),
      };
      return openJobPage(deps, caller, asyncId, range);
    },
  );

  answers.get<'asyncId' | 'index'>('/batches/:asyncId/jobs/:index', [], async ({ caller, params }) => {
    const index = wholeNumberIn(params.index, 0, Number.MAX_SAFE_INTEGER);
    if (index === null)
      throw new BatchwrightError('badRequest', {
        message: 'The index of a job must be a whole number from 0',
      });
    return jobText(deps, caller, params.asyncId, index);
  });
}
