/** The description of OS1's routes in `/openapi.json`. */
import type { JSONSchema, RouteDocument } from 'batchwright/plugin';
import { changedParticipant, newParticipant } from '#schemas/os1/lib/participant.ts';
import {
  ASYNC_ID,
  answer,
  COUNT,
  inHeader,
  inPath,
  json,
  listOf,
  record,
  ref,
  TEXT,
  TEXT_OR_NULL,
} from '../../lib/openapi.ts';

const BATCH_ID = 'e35e06ee592d17a42dc9e6252a058617';
const PATH = '/core/api/v2/participants/cars/batch';
const nothing = { type: 'null' } as const;

const schemas: Record<string, JSONSchema> = {
  'os1.Request': {
    ...record({
      uri: TEXT,
      method: TEXT,
      queryString: TEXT,
      body: { anyOf: [{ type: 'object' }, nothing] },
    }),
    description: 'What was asked. The body is null unless it was JSON of at most 4 KiB.',
  },
  'os1.Error': record({
    error: record({ code: TEXT, description: TEXT, additionalInfo: listOf(TEXT) }),
    request: ref('os1.Request'),
  }),
  'os1.Accepted': record({ data: record({ batchId: ASYNC_ID }), request: ref('os1.Request') }),
  'os1.Callback': {
    anyOf: [
      { type: 'object', required: ['url'], additionalProperties: false, properties: { url: TEXT } },
      nothing,
    ],
  },
  'os1.Status': record({
    data: record({
      id: TEXT,
      status: { enum: ['in progress', 'success', 'partial success', 'failed'] },
      successCount: COUNT,
      failureCount: COUNT,
      totalCount: COUNT,
      successDetails: listOf(record({ uniqueCode: TEXT_OR_NULL, id: TEXT_OR_NULL })),
      failureDetails: listOf({
        type: 'object',
        required: ['uniqueCode', 'errors'],
        properties: {
          uniqueCode: TEXT_OR_NULL,
          id: { ...TEXT, description: 'The id of an update.' },
          index: { ...COUNT, description: 'The place of the item in the payload, from 0.' },
          line: { ...COUNT, description: 'The line of the item in its CSV file, from 1.' },
          errors: listOf(record({ message: TEXT, code: TEXT })),
        },
      }),
    }),
    request: ref('os1.Request'),
  }),
};

const asked = (method: string, body: object | null = null) => ({
  uri: PATH,
  method,
  queryString: '',
  body,
});
const errorOf = (description: string, code: string, text: string) =>
  answer(
    description,
    json(ref('os1.Error'), {
      error: { code, description: text, additionalInfo: [] },
      request: asked('POST'),
    }),
  );
const refusals = {
  400: errorOf('The request is wrong.', 'BAD_REQUEST', 'payload must be an array of participants'),
  401: errorOf(
    'The access token or the tenant is wrong.',
    'UNAUTHORIZED',
    'X-COREOS-ACCESS must be a valid API key, and X-COREOS-TID its tenant',
  ),
  default: errorOf('Any other error.', 'TOO_MANY_REQUESTS', 'Too many requests'),
};
const notAForm = {
  415: errorOf(
    'The body is not a form.',
    'UNSUPPORTED_MEDIA_TYPE',
    'Send a form (multipart/form-data) with the CSV file in the field "file"',
  ),
};

const tags = ['os1'];
const security = [{ 'os1.access': [], 'os1.tenant': [] }];
const requestId = inHeader('X-COREOS-REQUEST-ID', 'Repeated in the answer.');
const types = inPath('types', 'The plural name of the participant type, such as `cars`.', {
  type: 'string',
  pattern: '^[A-Za-z][A-Za-z0-9_-]{0,62}$',
});
const secret = inHeader(
  'X-COREOS-CALLBACK-SECRET',
  'A secret that the callback repeats in the header of the same name.',
);

const created = {
  uniqueCode: 'QK6A-JI6S-7ETR',
  name: 'car1',
  owner: 'worldlogistics',
  properties: { color: 'red' },
};
const changed = { id: 'car:d208e2b0-ab66-5738-8916-0d5271ec02a0', properties: { color: 'blue' } };

function accepted(method: string, body: object | null) {
  const example = { data: { batchId: BATCH_ID }, request: asked(method, body) };
  return answer('The batch is taken.', json(ref('os1.Accepted'), example));
}

/** A route that takes items as JSON. */
function takesJson(method: string, operationId: string, summary: string, item: JSONSchema, example: object) {
  const body = { payload: [example], callback: { url: 'https://example.com/hook' } };
  return {
    operationId,
    tags,
    summary,
    description: 'One item is one job. A wrong item fails in the status; the others are stored.',
    security,
    parameters: [secret],
    requestBody: {
      required: true,
      content: json(
        {
          type: 'object',
          required: ['payload'],
          additionalProperties: false,
          properties: {
            payload: { type: 'array', minItems: 1, items: item },
            callback: ref('os1.Callback'),
          },
        },
        body,
      ),
    },
    responses: { 202: accepted(method, body), ...refusals },
  };
}

/** A route that takes a form with a CSV file. */
function takesCsv(method: string, operationId: string, summary: string, columns: string) {
  return {
    operationId,
    tags,
    summary,
    description: `The columns are ${columns}. One row is one job.`,
    security,
    parameters: [secret],
    requestBody: {
      required: true,
      content: {
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: ['file'],
            properties: {
              file: { type: 'string', contentMediaType: 'text/csv' },
              callback: { ...TEXT, description: 'The address of the callback, or `{"url":"…"}` as text.' },
            },
          },
        },
      },
    },
    responses: { 202: accepted(method, null), ...refusals, ...notAForm },
  };
}

/** A route that shows the status of a batch. */
function showsStatus(operationId: string, parameters: object[]) {
  const example = {
    data: {
      id: BATCH_ID,
      status: 'partial success',
      successCount: 1,
      failureCount: 1,
      totalCount: 2,
      successDetails: [{ uniqueCode: created.uniqueCode, id: changed.id }],
      failureDetails: [
        {
          uniqueCode: 'QK6A-JI6S-7ETS',
          index: 1,
          errors: [{ message: 'owner must be string or null', code: 'INVALID' }],
        },
      ],
    },
    request: { ...asked('GET'), uri: `${PATH}/${BATCH_ID}` },
  };
  return {
    operationId,
    tags,
    summary: 'Show the status of a batch, and how each item ended',
    security,
    parameters,
    responses: {
      200: answer('The status.', json(ref('os1.Status'), example)),
      ...refusals,
      404: errorOf(
        'The participant type has no such batch.',
        'NOT_FOUND',
        'There is no such batch of the participant type car',
      ),
    },
  };
}

const NEW_COLUMNS = '`uniqueCode`, `name`, `owner` and `properties.…`';
const CHANGED_COLUMNS = '`id`, `name`, `owner` and `properties.…`';

export const document: RouteDocument = {
  paths: {
    '/{types}/batch': {
      parameters: [types, requestId],
      post: takesJson('POST', 'os1.createParticipants', 'Create participants', newParticipant, created),
      patch: takesJson('PATCH', 'os1.updateParticipants', 'Update participants', changedParticipant, changed),
      put: takesJson(
        'PUT',
        'os1.putParticipants',
        'Update participants, as PATCH does',
        changedParticipant,
        changed,
      ),
    },
    '/{types}/batch/upload': {
      parameters: [types, requestId],
      post: takesCsv('POST', 'os1.uploadNewParticipants', 'Create participants from a CSV file', NEW_COLUMNS),
      patch: takesCsv('PATCH', 'os1.uploadChanges', 'Update participants from a CSV file', CHANGED_COLUMNS),
      put: takesCsv(
        'PUT',
        'os1.putUpload',
        'Update participants from a CSV file, as PATCH does',
        CHANGED_COLUMNS,
      ),
    },
    '/{types}/batch/status': {
      parameters: [types, requestId],
      get: showsStatus('os1.getStatus', [
        { name: 'batchId', in: 'query', required: true, description: 'The id of the batch.', schema: TEXT },
      ]),
    },
    '/{types}/batch/{fileBatchId}': {
      parameters: [types, requestId],
      get: showsStatus('os1.getStatusById', [inPath('fileBatchId', 'The id of the batch.', TEXT)]),
    },
  },
  components: {
    schemas,
    securitySchemes: {
      'os1.access': {
        type: 'apiKey',
        in: 'header',
        name: 'X-COREOS-ACCESS',
        description: 'An API key.',
      },
      'os1.tenant': {
        type: 'apiKey',
        in: 'header',
        name: 'X-COREOS-TID',
        description: 'The tenant of the API key.',
      },
    },
  },
};
