/**
 * OS1's routes below `/core/api/v2/participants` (docs/systems.md, OS1):
 *
 * - `POST /{types}/batch` creates participants, `PATCH` and `PUT` update them: `{"payload": […], "callback": {"url"}}`
 * - `POST /{types}/batch/upload` and `PATCH` (or `PUT`) do so with a CSV file
 * - `GET /{types}/batch/status?batchId=` and `GET /{types}/batch/{fileBatchId}` return the status
 *
 * One participant is one job of an ordinary batch, whose asyncId is the batchId.
 */
import { defineRoutes, NonRetryableError, type RouteTools } from 'batchwright/plugin';
import type { Request, RequestHandler, Response } from 'express';
import { authenticate, callbackHeadersOf } from './lib/authenticate.ts';
import { badRequest, callbackUrlOf } from './lib/callback-url.ts';
import { csvJobs } from './lib/csv-items.ts';
import { BodyEcho, echoOf, errorEnvelope } from './lib/envelopes.ts';
import { type ItemAction, jsonJobs, parseItem } from './lib/json-items.ts';
import { participantTypeOf } from './lib/participant-type.ts';
import { isObject } from './lib/properties.ts';
import { send } from './lib/send.ts';
import { type ItemResult, statusBody } from './lib/status-body.ts';
import { readUpload } from './lib/upload.ts';

const BATCH = '/:types/batch';
const UPLOAD = '/:types/batch/upload';
const FIELDS = ['callback'];

const openapi = async () => (await import('./lib/openapi.ts')).document;

export default defineRoutes({
  prefix: '/core/api/v2/participants',
  authenticate,
  errorBody: errorEnvelope,
  openapi,
  routes(router, tools) {
    const takesJson = (action: ItemAction['action']): RequestHandler => {
      return async (request, response) => {
        const echo = new BodyEcho();
        const body = tools.readJsonArray(request, { array: 'payload', parse: parseItem });
        const { asyncId } = await tools.submit(request, {
          jobs: jsonJobs(body, { action, type: typeOf(request) }, echo),
          // Read after the last item: the callback may come after the payload.
          get callbackUrl() {
            return callbackUrlOf(body.members.callback);
          },
          callbackHeaders: callbackHeadersOf(request),
        });
        accepted(request, response, asyncId, echo.body(body.members));
      };
    };
    const takesCsv = (action: ItemAction['action']): RequestHandler => {
      return async (request, response) => {
        const of = { action, type: typeOf(request) };
        const { file, fields } = await readUpload(request);
        const { asyncId } = await tools.submit(request, {
          jobs: csvJobs(file, of),
          get callbackUrl() {
            return callbackFieldOf(fields);
          },
          callbackHeaders: callbackHeadersOf(request),
        });
        accepted(request, response, asyncId, null);
      };
    };
    router
      .route(BATCH)
      .post(takesJson('createParticipant'))
      .patch(takesJson('updateParticipant'))
      .put(takesJson('updateParticipant'));
    router
      .route(UPLOAD)
      .post(takesCsv('createParticipant'))
      .patch(takesCsv('updateParticipant'))
      .put(takesCsv('updateParticipant'));
    router.get('/:types/batch/status', async (request, response) => {
      const { batchId } = request.query;
      if (typeof batchId !== 'string' || batchId === '') throw badRequest('batchId is required in the query');
      await sendStatus(request, response, tools, batchId);
    });
    router.get('/:types/batch/:fileBatchId', async (request, response) => {
      await sendStatus(request, response, tools, String(request.params.fileBatchId));
    });
  },
});

function typeOf({ params }: Request): string {
  return participantTypeOf(String(params.types));
}

function accepted(request: Request, response: Response, batchId: string, body: unknown): void {
  response.status(202).json({ data: { batchId }, request: echoOf(request, body) });
}

/** The form's field `callback`: an address, or the JSON of a callback. */
function callbackFieldOf(fields: ReadonlyMap<string, string>): string | undefined {
  for (const name of fields.keys())
    if (!FIELDS.includes(name))
      throw badRequest(
        `The field "${name.slice(0, 100)}" of the form is not known: fields are file and callback`,
      );
  const text = fields.get('callback')?.trim();
  if (!text) return undefined;
  if (!text.startsWith('{')) return text;
  try {
    return callbackUrlOf(JSON.parse(text));
  } catch (error) {
    throw error instanceof NonRetryableError ? error : badRequest('The field "callback" is not valid JSON');
  }
}

async function sendStatus(
  request: Request,
  response: Response,
  tools: RouteTools,
  batchId: string,
): Promise<void> {
  const type = typeOf(request);
  const batch = await tools.batch(request, batchId);
  const read = () => tools.results(request, batchId);
  if (!batch || !(await isOfType(read, type)))
    throw new NonRetryableError(`There is no such batch of the participant type ${type}`, { errorCode: 404 });
  response.type('json');
  await send(response, statusBody({ ...batch, id: batchId }, read, echoOf(request)));
}

/** False as soon as the first item that has ended is another type's. */
async function isOfType(readResults: () => AsyncIterable<unknown>, type: string): Promise<boolean> {
  for await (const value of readResults()) {
    const { namespace, request } = value as ItemResult;
    return namespace === 'os1' && isObject(request) && request.type === type;
  }
  return true;
}
