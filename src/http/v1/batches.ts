/** `/v1/batches`: the REST interface to batches. */
import { type Request, type Response, Router } from 'express';
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { LINES } from '../../contract/media-types.ts';
import type { BatchState } from '../../domain/batch.ts';
import { type AsyncId, isAsyncId, toAsyncId, toBatchId } from '../../domain/batch.ts';
import { RESULT_STATUSES } from '../../domain/outcome.ts';
import {
  type ControlDeps,
  cancel,
  deleteBatch,
  pause,
  repost,
  restart,
  resume,
} from '../../pipeline/control/control.ts';
import { type BatchFilter, batchesAmong, batchPage, requireView } from '../../pipeline/read/batch-view.ts';
import type { BatchWatch } from '../../pipeline/read/batch-watch.ts';
import { CSV, NDJSON } from '../../pipeline/read/result-lines.ts';
import { ResultStream } from '../../pipeline/read/result-stream.ts';
import { firstIndex, type ResultFilter, resultPage } from '../../pipeline/read/rpc-results.ts';
import { SharedFind } from '../../pipeline/read/shared-find.ts';
import { requireBatch } from '../../pipeline/read/status.ts';
import type { TenantTurns } from '../../pipeline/submit/tenant-turns.ts';
import type { Purge } from '../../pipeline/upkeep/purge.ts';
import type { Log } from '../../plugin/context.ts';
import { callerOf } from '../auth/callers.ts';
import { readMembers } from '../body/members.ts';
import { instant, oneOf, queryOf, wholeNumber } from '../body/query.ts';
import { readSelectionBody, SELECTION, selectionOf } from '../body/restart-selection.ts';
import { sendResults } from '../send-results.ts';
import { EventStreams } from './event-streams.ts';
import { asyncIdsOf, sendEvents, sendEventsOfMany } from './events.ts';
import type { LiveAnswers } from './live-answers.ts';
import { type NewBatchDeps, takeBatch } from './new-batch.ts';
import { indexOf, MAX_INDEX, pageLimit, wrongCursor } from './pages.ts';

export interface BatchRoutesDeps extends NewBatchDeps, ControlDeps {
  pool: Pool;
  watch: BatchWatch;
  purge: Pick<Purge, 'request'>;
  /** Limits how many results are sent at once. */
  resultTurns: TenantTurns;
  /** The API's public address, without a trailing slash; undefined: the address in the request. */
  publicUrl: string | undefined;
  log: Log;
}

const STATES: readonly BatchState[] = ['queued', 'running', 'completed', 'cancelled'];
const BATCH_QUERY = ['state', 'action', 'since', 'until', 'failed', 'name', 'limit', 'cursor'] as const;
/** `metadata.order=17` selects batches by one of their texts. */
const METADATA = 'metadata.';
/** The content types of results. Naming the charset, which is always UTF-8, selects the same form. */
const FORMS = ['application/json', ...LINES, 'text/csv'].flatMap((type) => [type, `${type}; charset=utf-8`]);

/** @param liveAnswers those that the stream of events sends beside batches */
export function batchRoutes(deps: BatchRoutesDeps, liveAnswers: LiveAnswers): Router {
  const router = Router();
  const { pool } = deps;
  const streams = new EventStreams();

  router.post('/batches', async (request, response) => {
    const taken = await takeBatch(deps, request);
    if ('checked' in taken) {
      response.json(taken.checked);
      return;
    }
    const { asyncId } = taken;
    deps.log.info({ asyncId }, 'batch taken');
    response.location(`${deps.publicUrl ?? ''}/v1/batches/${asyncId}`);
    await sendBatch(pool, request, response.status(202), asyncId);
  });

  router.get('/batches', async (request, response) => {
    const { limit, cursor, ...query } = queryOf(request, BATCH_QUERY, 'badRequest', [METADATA]);
    if (cursor !== undefined && !isAsyncId(cursor)) throw wrongCursor();
    const { data, next } = await batchPage(pool, callerOf(request), {
      limit: pageLimit(limit),
      before: cursor === undefined ? undefined : toBatchId(cursor),
      ...batchFilterOf(query),
    });
    response.json({ data, nextCursor: next });
  });

  router.get('/batches/:asyncId', async (request, response) => {
    queryOf(request, []);
    await sendBatch(pool, request, response, request.params.asyncId);
  });

  router.get('/batches/:asyncId/results', (request, response) => answerResults(deps, request, response));

  // Many may open the page of a batch at the same time.
  const followed = new SharedFind<AsyncId[]>();
  router.get('/batches/:asyncId/events', async (request, response) => {
    queryOf(request, []);
    const batch = await requireView(pool, callerOf(request), request.params.asyncId);
    streams.add(callerOf(request), response);
    sendEvents(deps.watch, batch, request, response);
  });

  router.get('/events', async (request, response) => {
    const { batches, newest, paths } = queryOf(request, ['batches', 'newest', 'paths']);
    const caller = callerOf(request);
    const newestOf = oneOf('newest', newest, ['true', 'false']) === 'true' ? caller.tenant : undefined;
    const answers = liveAnswers.among(paths, caller);
    const asked = asyncIdsOf(batches ?? (newestOf === undefined && answers.length === 0 ? '' : undefined));
    const among = () => batchesAmong(pool, caller, asked);
    const found = new Set(asked.length > 0 ? await followed.get(`${caller.tenant} ${asked}`, among) : []);
    streams.add(caller, response);
    sendEventsOfMany(deps.watch, { asked, found, newestOf, answers }, request, response);
  });

  for (const [name, perform] of Object.entries({ cancel, pause, resume, repost }))
    router.post(`/batches/:asyncId/${name}`, async (request, response) => {
      const { asyncId } = request.params as { asyncId: string };
      queryOf(request, []);
      await readMembers(request, []);
      await perform(deps, callerOf(request), asyncId);
      await sendBatch(pool, request, response.status(202), asyncId);
    });

  router.delete('/batches/:asyncId', async (request, response) => {
    queryOf(request, []);
    await readMembers(request, []);
    await deleteBatch(deps, callerOf(request), request.params.asyncId);
    deps.purge.request();
    response.status(204).end();
  });

  router.post('/batches/:asyncId/restart', async (request, response) => {
    const { asyncId } = request.params;
    queryOf(request, []);
    const selection = selectionOf(await readSelectionBody(request, SELECTION, deps.bodyLimits));
    await restart(deps, callerOf(request), asyncId, selection);
    await sendBatch(pool, request, response.status(202), asyncId);
  });
  return router;
}

async function sendBatch(pool: Pool, request: Request, response: Response, asyncId: unknown): Promise<void> {
  response.json(await requireView(pool, callerOf(request), asyncId));
}

async function answerResults(deps: BatchRoutesDeps, request: Request, response: Response): Promise<void> {
  const { asyncId } = request.params;
  response.vary('Accept');
  const query = queryOf(request, ['status', 'errorCode', 'message', 'start', 'limit', 'cursor']);
  const filter = filterOf(query);
  const limit = pageLimit(query.limit);
  const place = placeOf(query);
  const batch = await requireBatch(deps.pool, callerOf(request), asyncId, 'resultsNotFound');
  const { id, tenant } = batch;
  const range = { filter, fromIndex: await firstIndex(deps.pool, batch, filter, place) };
  const [form = ''] = (request.accepts(FORMS) || '').split(';');
  let results: ResultStream;
  if (LINES.includes(form)) {
    response.type(form);
    results = new ResultStream(deps.pool, id, NDJSON, range);
  } else if (form === 'text/csv') {
    response.type('text/csv').attachment(`${toAsyncId(id)}.csv`);
    results = new ResultStream(deps.pool, id, CSV, range);
  } else {
    response.type('application/json');
    results = resultPage(deps.pool, id, { ...range, limit });
  }
  await sendResults(response, results, { turns: deps.resultTurns, tenant });
}

function batchFilterOf(query: { [name in (typeof BATCH_QUERY)[number]]?: string }): BatchFilter {
  const failed = oneOf('failed', query.failed, ['true', 'false']);
  return {
    state: oneOf('state', query.state, STATES),
    action: query.action,
    since: instant('since', query.since),
    until: instant('until', query.until),
    failed: failed === undefined ? undefined : failed === 'true',
    name: query.name,
    metadata: metadataOf(query),
  };
}

function metadataOf(query: object): Record<string, string> | undefined {
  const texts = Object.entries(query).filter(([name]) => name.startsWith(METADATA));
  if (texts.length === 0) return undefined;
  return Object.fromEntries(texts.map(([name, value]) => [name.slice(METADATA.length), value]));
}

function filterOf(query: { status?: string; errorCode?: string; message?: string }): ResultFilter {
  return {
    status: oneOf('status', query.status, RESULT_STATUSES),
    errorCode: wholeNumber('errorCode', query.errorCode, 400, 599),
    message: query.message,
  };
}

/** Where results begin: at an index, or at the n-th of those that are selected. */
function placeOf({
  start,
  cursor,
}: {
  start?: string;
  cursor?: string;
}): { index: number } | { nth: number } {
  if (start === undefined) return { index: indexOf(cursor) };
  if (cursor !== undefined)
    throw new BatchwrightError('badRequest', { message: 'start cannot be combined with cursor' });
  return { nth: wholeNumber('start', start, 0, MAX_INDEX) ?? 0 };
}
