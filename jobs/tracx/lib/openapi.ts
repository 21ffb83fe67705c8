/** The description of Tracx Connect's routes in `/openapi.json`. */
import type { JSONSchema, RouteDocument } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { participant } from '#schemas/lib/participant.ts';
import {
  ASYNC_ID,
  answer,
  COUNT,
  inPath,
  inQuery,
  json,
  listOf,
  record,
  ref,
  TEXT,
  TEXT_OR_NULL,
} from '../../lib/openapi.ts';
import { MAX_PER_PAGE } from './paging.ts';

const TIME = {
  type: 'string',
  pattern: '^\\d{4,}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d$',
} as const satisfies JSONSchema;
const NAMES = ['team_name', 'start_number', 'chip_code', 'country_code', 'gender', 'state'];

const schemas: Record<string, JSONSchema> = {
  'tracx.Error': record({
    data: record({
      error: { const: true },
      success: { const: false },
      message: TEXT,
      errors: listOf(record({ index: { type: ['integer', 'null'] }, field: TEXT_OR_NULL, message: TEXT })),
    }),
  }),
  'tracx.Event': record({ id: recordId, name: TEXT, created_at: TIME, updated_at: TIME }),
  'tracx.Race': record({ id: recordId, event_id: recordId, name: TEXT, created_at: TIME, updated_at: TIME }),
  'tracx.NewParticipant': participant,
  'tracx.Participant': record({
    id: recordId,
    unique_id: TEXT,
    event_id: recordId,
    race_id: recordId,
    first_name: TEXT,
    last_name: TEXT,
    full_name: TEXT,
    date_of_birth: { type: 'string', format: 'date' },
    ...Object.fromEntries(NAMES.map((name) => [name, TEXT_OR_NULL])),
    created_at: TIME,
    updated_at: TIME,
  }),
  'tracx.Page': record({ current_page: COUNT, per_page: COUNT, total: COUNT, last_page: COUNT }),
};

const John = {
  unique_id: '1',
  first_name: 'John',
  last_name: 'Doe',
  date_of_birth: '2001-01-01',
  race_id: 1,
  country_code: 'nl',
  team_name: null,
  start_number: '1',
  chip_code: '0000001',
  gender: 'male',
  state: 'before',
};
const times = { created_at: '2026-02-25 09:45:32', updated_at: '2026-02-25 09:45:32' };
const storedJohn = { id: 1, ...John, event_id: 1, full_name: 'John Doe', country_code: 'NL', ...times };

const errorOf = (description: string, message: string, errors: object[] = []) =>
  answer(description, json(ref('tracx.Error'), { data: { error: true, success: false, message, errors } }));

const refusals = {
  401: errorOf('The token is missing, unknown, revoked or expired.', 'The session token has expired'),
  403: errorOf('The token lacks the permission.', 'The token lacks the permission events.list'),
  default: errorOf('Any other error.', 'Too many requests'),
};
const unknownEvent = { 404: errorOf('There is no such event.', 'There is no event 7') };
const invalid = {
  422: errorOf('A field is wrong; nothing is stored.', 'One or more fields are invalid', [
    { index: 3, field: 'chip_code', message: 'must be exactly 7 characters' },
  ]),
};

const tags = ['tracx'];
const security = [{ 'tracx.token': [] }];
const pages = [
  inQuery('page', 'The page, from 1. Without it and `per_page`, everything is answered.', recordId),
  inQuery('per_page', `Entries of a page; ${MAX_PER_PAGE} at most.`, recordId),
];
const event = inPath('event', 'The id of the event.', recordId);

/** A list: `meta` is there only for a page. */
function items(name: string, example: object, { isPaged = false } = {}) {
  const meta = { current_page: 1, per_page: 100, total: 1, last_page: 1 };
  const schema: JSONSchema = {
    type: 'object',
    required: isPaged ? ['data', 'meta'] : ['data'],
    properties: { data: record({ items: listOf(ref(name)) }), meta: ref('tracx.Page') },
  };
  return answer('The list.', json(schema, { data: { items: [example] }, ...(isPaged ? { meta } : {}) }));
}

export const document: RouteDocument = {
  paths: {
    '/session-token': {
      post: {
        operationId: 'tracx.createSessionToken',
        tags,
        summary: 'Make a session token, valid for an hour, with a connect token (an API key)',
        security: [{ 'tracx.connectToken': [] }],
        responses: {
          200: answer(
            'The session token; `expires_at` is in seconds since 1970.',
            json(record({ data: record({ token: TEXT, expires_at: COUNT }) }), {
              data: { token: 'json.web.token', expires_at: 1_741_966_278 },
            }),
          ),
          ...refusals,
        },
      },
    },
    '/events': {
      get: {
        operationId: 'tracx.listEvents',
        tags,
        summary: 'List the events; the permission is `events.list`',
        security,
        parameters: pages,
        responses: {
          200: items('tracx.Event', { id: 1, name: 'City Run', ...times }),
          ...refusals,
          ...invalid,
        },
      },
    },
    '/races': {
      get: {
        operationId: 'tracx.listRaces',
        tags,
        summary: 'List the races of an event, or of all; the permission is `races.list`',
        security,
        parameters: [inQuery('event_id', 'The id of the event; all events without it.', recordId), ...pages],
        responses: {
          200: items('tracx.Race', { id: 1, event_id: 1, name: '10 km', ...times }),
          ...refusals,
          ...unknownEvent,
          ...invalid,
        },
      },
    },
    '/participant': {
      post: {
        operationId: 'tracx.storeParticipant',
        tags,
        summary: 'Insert or update one participant at once; the permission is `participants.store`',
        security,
        requestBody: { required: true, content: json(ref('tracx.NewParticipant'), John) },
        responses: {
          200: answer(
            'The participant as it is stored.',
            json(record({ data: ref('tracx.Participant') }), { data: storedJohn }),
          ),
          ...refusals,
          ...invalid,
        },
      },
    },
    '/events/{event}/participants': {
      parameters: [event],
      get: {
        operationId: 'tracx.listParticipants',
        tags,
        summary: 'List the participants of an event by unique_id; the permission is `participants.list`',
        security,
        parameters: pages,
        responses: {
          200: items('tracx.Participant', storedJohn, { isPaged: true }),
          ...refusals,
          ...unknownEvent,
          ...invalid,
        },
      },
      post: {
        operationId: 'tracx.importParticipants',
        tags,
        summary: 'Queue an import of participants; the permission is `participants.store-multiple`',
        description:
          'Each is inserted, or updated by its unique_id. `asyncId` is that of the batch that imports them.',
        security,
        requestBody: {
          required: true,
          content: json({ type: 'array', maxItems: 100_000, items: ref('tracx.NewParticipant') }, [John]),
        },
        responses: {
          200: answer(
            'The participants are queued.',
            json(
              record({
                data: record({
                  error: { const: false },
                  success: { const: true },
                  message: TEXT,
                  errors: { type: 'array', maxItems: 0 },
                  asyncId: ASYNC_ID,
                }),
              }),
              {
                data: {
                  error: false,
                  success: true,
                  message: 'Successfully queued participants for import',
                  errors: [],
                  asyncId: 'e35e06ee592d17a42dc9e6252a058617',
                },
              },
            ),
          ),
          ...refusals,
          ...unknownEvent,
          ...invalid,
        },
      },
    },
  },
  components: {
    schemas,
    securitySchemes: {
      'tracx.token': {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description: 'A session token (a JWT), or a connect token, without `Bearer`.',
      },
      'tracx.connectToken': {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description: 'A connect token: an API key, without `Bearer`.',
      },
    },
  },
};
