/** The description of the routes of RedJade's imports in `/openapi.json`; `openapi-actions.ts` has those of actions. */
import type { JSONSchema, RouteDocument } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { externalEventId, options } from '#schemas/redjade/lib/options.ts';
import { participant } from '#schemas/redjade/lib/participant.ts';
import { answer, COUNT, inPath, inQuery, json, listOf, record, ref, TEXT } from '../../lib/openapi.ts';
import { MAX_ROWS } from './receive-rows.ts';

const PARTICIPANT_ERROR = {
  type: 'object',
  required: ['message'],
  properties: { message: TEXT, field: TEXT },
} as const;
const TIME = { type: 'string', format: 'date-time' } as const satisfies JSONSchema;
const COUNTS = {
  external_event_id: { type: ['string', 'integer'] },
  row_count: COUNT,
  valid_count: COUNT,
  invalid_count: COUNT,
  matched_count: COUNT,
  duplicate_count: COUNT,
} as const;

const OPTIONS = Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'boolean' }] as const));

const schemas: Record<string, JSONSchema> = {
  'redjade.Errors': record({ errors: { ...listOf(PARTICIPANT_ERROR), minItems: 1 } }),
  'redjade.Import': record({ id: recordId, created_at: TIME, updated_at: TIME, ...COUNTS }),
  'redjade.ImportAction': record({
    id: recordId,
    participant_import_id: recordId,
    created_at: TIME,
    updated_at: TIME,
    success_count: COUNT,
    status: { enum: ['pending', 'started', 'completed', 'failed'] },
    created_by_type: { enum: ['ApiKey', 'Batch'] },
    created_by_id: TEXT,
    ...OPTIONS,
    attempt_count: COUNT,
    created_count: COUNT,
    updated_count: COUNT,
    destroyed_count: COUNT,
    skipped_count: COUNT,
    ignored_demographics_count: COUNT,
    asyncId: TEXT,
    errors: listOf({
      ...PARTICIPANT_ERROR,
      properties: { ...PARTICIPANT_ERROR.properties, index: COUNT },
    }),
  }),
  'redjade.Page': record({ totalResults: COUNT, start: COUNT, perPage: COUNT, count: COUNT }),
  'redjade.ParserReport': record({
    participant_import_id: recordId,
    parsed_at: TIME,
    ...COUNTS,
    missing_categories: listOf(TEXT),
    start: COUNT,
    count: COUNT,
    rows: listOf(
      record({
        index: COUNT,
        status: { enum: ['valid', 'invalid'] },
        errors: listOf(PARTICIPANT_ERROR),
        match: {
          anyOf: [
            record({ participant_id: recordId, by: { enum: ['external_id', 'email'] } }),
            { type: 'null' },
          ],
        },
        duplicate_of: { type: ['integer', 'null'] },
        participant: { description: 'As it was understood; when it is invalid, as it was sent.' },
      }),
    ),
  }),
};

const times = { created_at: '2026-02-25T09:45:32.000Z', updated_at: '2026-02-25T09:45:32.000Z' };
const counts = {
  external_event_id: 77,
  row_count: 1,
  valid_count: 1,
  invalid_count: 0,
  matched_count: 0,
  duplicate_count: 0,
};
const anImport = { id: 24, ...times, ...counts };
const ada = { external_id: 'P-1', email: 'ada@example.com', first_name: 'Ada', demographics: { Age: 36 } };

const errorOf = (description: string, message: string, field?: string) =>
  answer(
    description,
    json(ref('redjade.Errors'), { errors: [{ message, ...(field === undefined ? {} : { field }) }] }),
  );

/** The errors that every route of RedJade may answer. */
export const refusals = {
  401: errorOf('The key is missing, unknown, revoked or expired.', 'The API key is missing or not valid'),
  403: errorOf('The key lacks the permission.', 'The API key lacks redjade.createImport'),
  404: errorOf('There is no such event, import or action.', 'There is no participant import 7'),
  422: errorOf(
    'A member or a name of the query is missing, wrong or not known. Nothing is stored.',
    'external_event_id is required',
    'external_event_id',
  ),
  default: errorOf('Any other error.', 'Too many requests'),
};
export const tags = ['redjade'];
export const pages = [
  inQuery('start', 'The first entry, from 0.', COUNT),
  inQuery('perPage', 'How many entries; 1,000 at most.', recordId),
];
const id = inPath('id', 'The id of the import.', recordId);

export const document: RouteDocument = {
  paths: {
    '': {
      post: {
        operationId: 'redjade.createImport',
        tags,
        summary: 'Check the participants of an import, and with act_if_valid apply it at once',
        description: 'The body may also be wrapped: `{"participant_import":{…}}`.',
        requestBody: {
          required: true,
          content: json(
            {
              type: 'object',
              required: ['external_event_id', 'participants'],
              additionalProperties: false,
              properties: {
                external_event_id: externalEventId,
                act_if_valid: { type: 'boolean' },
                ...options,
                participants: { type: 'array', maxItems: MAX_ROWS, items: participant },
              },
            },
            { external_event_id: 77, act_if_valid: false, participants: [ada] },
          ),
        },
        responses: {
          201: answer(
            'The import; with act_if_valid its action too.',
            json(
              {
                type: 'object',
                required: ['participant_import'],
                properties: {
                  participant_import: ref('redjade.Import'),
                  participant_import_action: ref('redjade.ImportAction'),
                },
              },
              { participant_import: anImport },
            ),
          ),
          ...refusals,
        },
      },
      get: {
        operationId: 'redjade.listImports',
        tags,
        summary: 'List the imports of an event',
        parameters: [
          {
            name: 'external_event_id',
            in: 'query',
            required: true,
            description: "The event's externalEventId, or its id where it has none.",
            schema: externalEventId,
          },
          ...pages,
        ],
        responses: {
          200: answer(
            'The imports, by id.',
            json(record({ participant_imports: listOf(ref('redjade.Import')), meta: ref('redjade.Page') }), {
              participant_imports: [anImport],
              meta: { totalResults: 1, start: 0, perPage: 1000, count: 1 },
            }),
          ),
          ...refusals,
        },
      },
    },
    '/lookup': {
      get: {
        operationId: 'redjade.lookUpColumns',
        tags,
        summary: 'Show the columns of a row and the options of an action, with their JSON Schemas',
        responses: {
          200: answer(
            'The columns, the JSON Schema of a row, and those of the options.',
            json(
              record({
                columns: listOf(
                  record({
                    name: TEXT,
                    required: { type: 'boolean' },
                    unique: { type: 'boolean' },
                    description: TEXT,
                    schema: { type: 'object' },
                  }),
                ),
                schema: { type: 'object' },
                options: { type: 'object' },
              }),
            ),
          ),
          ...refusals,
        },
      },
    },
    '/{id}': {
      parameters: [id],
      get: {
        operationId: 'redjade.getImport',
        tags,
        summary: 'Show an import',
        responses: {
          200: answer(
            'The import.',
            json(record({ participant_import: ref('redjade.Import') }), { participant_import: anImport }),
          ),
          ...refusals,
        },
      },
      delete: {
        operationId: 'redjade.deleteImport',
        tags,
        summary: 'Delete an import with its rows and actions; participants stay',
        responses: { 204: { description: 'The import is deleted.' }, ...refusals },
      },
    },
    '/{id}/parser': {
      parameters: [id],
      get: {
        operationId: 'redjade.getParserReport',
        tags,
        summary: 'Show how each row of an import was understood',
        parameters: pages,
        responses: {
          200: answer(
            'The report; without perPage it has all rows.',
            json(ref('redjade.ParserReport'), {
              participant_import_id: 24,
              parsed_at: times.updated_at,
              ...counts,
              missing_categories: ['Age'],
              start: 0,
              count: 1,
              rows: [
                { index: 0, status: 'valid', errors: [], match: null, duplicate_of: null, participant: ada },
              ],
            }),
          ),
          ...refusals,
        },
      },
    },
    '/{id}/export': {
      parameters: [id],
      get: {
        operationId: 'redjade.exportImport',
        tags,
        summary: 'Download the rows of an import as CSV',
        responses: {
          200: answer('The rows, with a header line.', {
            'text/csv': {
              schema: TEXT,
              example:
                'external_id,email,first_name,last_name,locale,demographics.Age\r\nP-1,ada@example.com,Ada,,,36\r\n',
            },
          }),
          ...refusals,
        },
      },
    },
  },
  components: { schemas },
};
