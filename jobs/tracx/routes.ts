/**
 * Tracx Connect at `/v1/connect` (docs/systems.md, Tracx Connect; the README of this folder says how a client is
 * pointed at it). A connect token is one of our API keys. The routes store nothing themselves: they call the actions
 * of `event` and `participants`, and submit an import as an ordinary batch.
 */
import { defineRoutes, NonRetryableError, type RouteTools } from 'batchwright/plugin';
import type { Request, RequestHandler } from 'express';
import { raceIds, unknownEvent } from '../lib/events.ts';
import { authenticate, requireConnectToken } from './lib/authenticate.ts';
import { errorBody, FieldErrors } from './lib/envelope.ts';
import { fieldErrors } from './lib/field-errors.ts';
import { jobsOf, MAX_PARTICIPANT_BYTES, parseParticipant, readParticipants } from './lib/import.ts';
import { type Collection, sendAll, sendPage } from './lib/lists.ts';
import { FIRST_PAGE, pageOf, wholeNumber } from './lib/paging.ts';
import { PERMISSION_ALIASES, type PermissionName, permissionsOf } from './lib/permissions.ts';
import { raceExists } from './lib/race-rows.ts';
import { eventRecords, raceRecords } from './lib/records.ts';
import { sessionSecret } from './lib/session-secret.ts';
import { signSession } from './lib/session-token.ts';
import { Turns } from './lib/turns.ts';

const PARTICIPANTS = '/events/:event/participants';
/** Imports of a tenant that are read at once in a process, and how long others wait for them. */
const IMPORTS_AT_ONCE = 2;
const MAX_WAIT_MS = 10_000;

const openapi = async () => (await import('./lib/openapi.ts')).document;

export default defineRoutes({
  prefix: '/v1/connect',
  authenticate,
  errorBody,
  permissionAliases: PERMISSION_ALIASES,
  openapi,
  routes(router, tools) {
    const permitted = (name: PermissionName): RequestHandler => {
      return (request, _response, next) => {
        if (permissionsOf(tools.callerOf(request)).includes(name)) return next();
        throw new NonRetryableError(`The token lacks the permission ${name}`, { errorCode: 403 });
      };
    };

    const imports = new Turns({ atOnce: IMPORTS_AT_ONCE, maxWaitMs: MAX_WAIT_MS });

    router.post('/session-token', async (request, response) => {
      requireConnectToken(request);
      const caller = tools.callerOf(request);
      const { tenant, keyId } = caller;
      const session = { tenant, keyId, permissions: permissionsOf(caller) };
      response.json({ data: await signSession(await sessionSecret(tools.sql), session) });
    });

    router.get('/events', permitted('events.list'), async (request, response) => {
      const page = pageOf(request);
      const records = eventRecords(tools, request);
      await (page ? sendPage(response, page, records) : sendAll(response, records));
    });

    router.get('/races', permitted('races.list'), async (request, response) => {
      const page = pageOf(request);
      const { event_id } = request.query;
      const eventId = event_id === undefined ? undefined : wholeNumber('event_id', event_id);
      const records = raceRecords(tools, request, eventId);
      await (page ? sendPage(response, page, records) : sendAll(response, records));
    });

    router.post('/participant', permitted('participants.store'), async (request, response) => {
      const participant = await tools.readJson(request, { maxBytes: MAX_PARTICIPANT_BYTES });
      await requireValid(tools, request, participant);
      response.json({ data: await tools.call(request, 'participants.store', participant) });
    });

    router.get(PARTICIPANTS, permitted('participants.list'), async (request, response) => {
      const event_id = eventOf(request);
      await sendPage(response, pageOf(request) ?? FIRST_PAGE, async (start, perPage) => {
        const params = { event_id, start, perPage };
        return (await tools.call(request, 'participants.list', params)) as Collection;
      });
    });

    router.post(PARTICIPANTS, permitted('participants.store-multiple'), async (request, response) => {
      const eventId = eventOf(request);
      const { tenant } = tools.callerOf(request);
      const races = await raceIds(tools.sql, tenant, eventId);
      const { asyncId } = await imports.take(tenant, async () => {
        const { elements } = tools.readJsonArray(request, { array: null, parse: parseParticipant });
        const participants = await readParticipants(elements, eventId, races);
        return tools.submit(request, { jobs: jobsOf(eventId, participants) });
      });
      const message = 'Successfully queued participants for import';
      response.json({ data: { error: false, success: true, message, errors: [], asyncId } });
    });
  },
});

/** The event of the path. Throws 404 for a text that is no id. */
function eventOf({ params }: Request): number {
  const text = String(params.event);
  const id = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (id < 1 || !Number.isSafeInteger(id)) throw unknownEvent(text.slice(0, 100));
  return id;
}

/** Throws 422 for a participant that breaks a field rule, or whose race does not exist. */
async function requireValid(tools: RouteTools, request: Request, participant: unknown): Promise<void> {
  const errors = new FieldErrors();
  for (const error of fieldErrors(participant)) errors.add({ index: 0, ...error });
  errors.throwIfAny();
  const { race_id } = participant as { race_id: number };
  if (await raceExists(tools.sql, tools.callerOf(request).tenant, race_id)) return;
  errors.add({ index: 0, field: 'race_id', message: 'is not a race of an event' });
  errors.throwIfAny();
}
