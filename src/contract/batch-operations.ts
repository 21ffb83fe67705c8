/** The routes of batches, below `/v1`. */
import {
  asLines,
  asyncId,
  cursor,
  idempotencyKey,
  jobStatus,
  json,
  limit,
  type Operation,
  ofIntake,
  query,
} from './operation.ts';
import { ref } from './schemas.ts';

const accepted = { 202: { description: 'The batch.', content: json('Batch') } };
const ofErrors = [
  query('errorCode', 'Results with this errorCode only, of jobs that have not succeeded.', {
    type: 'integer',
    minimum: 400,
    maximum: 599,
  }),
  query('message', 'Likewise the message; of a long one the beginning, as `/errors` shows it.', {
    type: 'string',
  }),
];
const start = query(
  'start',
  'The first result by its position among those selected, from 0. Not with `cursor`.',
  {
    type: 'integer',
    minimum: 0,
  },
);
const ofCsv = [
  query('action', 'For CSV: the `namespace.action` whose params the rows are.', { type: 'string' }),
  query('map.*', 'For CSV: the param that a column is, or nothing to leave it out; `map.E-mail=email`.', {
    type: 'string',
  }),
  query('set.*', 'For CSV: a cell that all rows have for a param; `set.event=17`.', { type: 'string' }),
  query('delimiter', 'For CSV: found out from the first line when absent.', {
    enum: [',', ';', '\t', 'tab'],
  }),
];
const options = [
  query('callbackUrl', 'For lines and CSV: gets the results when the batch has ended.', { type: 'string' }),
  query('skipInvalid', 'For lines and CSV: an option of the batch.', { type: 'boolean' }),
  query('name', 'For lines and CSV: an option of the batch.', { type: 'string' }),
  query('metadata', 'For lines and CSV: an option of the batch, as JSON.', { type: 'string' }),
  query('concurrency', 'For lines and CSV: an option of the batch.', { type: 'integer', minimum: 1 }),
  query('rate', 'For lines and CSV: an option of the batch, as JSON.', { type: 'string' }),
  query('priority', 'For lines and CSV: an option of the batch.', {
    type: 'integer',
    minimum: -100,
    maximum: 100,
  }),
  query('startAt', 'For lines and CSV: an option of the batch.', { type: 'string', format: 'date-time' }),
  query('deadlineSeconds', 'For lines and CSV: an option of the batch.', { type: 'number' }),
  query('stopAfter', 'For lines and CSV: an option of the batch, as JSON.', { type: 'string' }),
  query('callbackHeaders', 'For lines and CSV: an option of the batch, as JSON.', { type: 'string' }),
  query('callbackOn', 'For lines and CSV: an option of the batch.', { enum: ['end', 'failure'] }),
];

export const batches: Operation[] = [
  {
    method: 'post',
    path: '/v1/batches',
    id: 'createBatch',
    tag: 'Batches',
    summary: 'Run a batch of jobs',
    parameters: [
      idempotencyKey,
      query('dryRun', 'Checks the batch and stores nothing.', { type: 'boolean' }),
      ...options,
      ...ofCsv,
    ],
    body: {
      required: true,
      content: {
        'application/json': ref('NewBatch'),
        ...asLines('One Job a line, in constant memory.'),
        'text/csv': {
          type: 'string',
          description:
            'One Job a row; the header names params of `action`, unless `map.*` in the query gives a column another one.',
        },
        'multipart/form-data': {
          type: 'object',
          required: ['file'],
          properties: { file: { type: 'string', description: 'The same in a form.' } },
        },
      },
    },
    answers: {
      200: { description: 'The batch is valid, and nothing is stored (`dryRun`).', content: json('Checked') },
      202: { description: 'The batch is stored.', content: json('Batch'), headers: ['Location'] },
    },
    errors: ofIntake,
  },
  {
    method: 'get',
    path: '/v1/batches',
    id: 'listBatches',
    tag: 'Batches',
    summary: 'List the batches, newest first',
    parameters: [
      query('state', 'Batches of this state only.', ref('BatchState')),
      query('action', 'Batches with a job of this `namespace.action` only.', { type: 'string' }),
      query('since', 'Batches taken at this time or later.', { type: 'string', format: 'date-time' }),
      query('until', 'Batches taken before this time.', { type: 'string', format: 'date-time' }),
      query('failed', 'Batches with failed jobs only, or those without.', { type: 'boolean' }),
      query('name', 'Batches of this name only.', { type: 'string' }),
      query('metadata.*', 'Batches with this text in their metadata only; `metadata.order=17`.', {
        type: 'string',
      }),
      limit,
      cursor,
    ],
    answers: { 200: { description: 'A page of batches.', content: json('BatchPage') } },
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}',
    id: 'getBatch',
    tag: 'Batches',
    summary: 'Show a batch',
    parameters: [asyncId],
    answers: { 200: { description: 'The batch.', content: json('Batch') } },
    errors: ['batchNotFound'],
  },
  {
    method: 'delete',
    path: '/v1/batches/{asyncId}',
    id: 'deleteBatch',
    tag: 'Batches',
    summary: 'Delete an ended batch with its results',
    parameters: [asyncId],
    answers: { 204: { description: 'The batch is gone.' } },
    errors: ['batchNotFound', 'notCompleted'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/results',
    id: 'listResults',
    tag: 'Batches',
    summary: 'List the results, in the order of the jobs',
    parameters: [asyncId, jobStatus, ...ofErrors, start, limit, cursor],
    answers: {
      200: {
        description: 'A page of results; all of them as lines or as CSV, by the Accept header.',
        content: {
          ...json('ResultPage'),
          ...asLines('One Result a line.'),
          'text/csv': { type: 'string', description: 'RFC 4180, with a header line.' },
        },
      },
    },
    errors: ['resultsNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/events',
    id: 'followBatch',
    tag: 'Batches',
    summary: 'Follow a batch by server-sent events',
    parameters: [asyncId],
    answers: {
      200: {
        description: 'Events `progress` with the batch, at most four a second; `finished` is the last one.',
        content: { 'text/event-stream': { type: 'string' } },
      },
      204: { description: 'The client has seen the last event already.' },
    },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/callbacks',
    id: 'listDeliveryAttempts',
    tag: 'Batches',
    summary: 'List the attempts to deliver the callback',
    parameters: [asyncId],
    answers: { 200: { description: 'The attempts, first to last.', content: json('DeliveryAttempts') } },
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/cancel',
    id: 'cancelBatch',
    tag: 'Batches',
    summary: 'Start no further job of the batch',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/pause',
    id: 'pauseBatch',
    tag: 'Batches',
    summary: 'Start no further job of the batch before it is resumed',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/resume',
    id: 'resumeBatch',
    tag: 'Batches',
    summary: 'Let a paused batch go on',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/restart',
    id: 'restartBatch',
    tag: 'Batches',
    summary: 'Run again what has not succeeded',
    parameters: [asyncId],
    body: { content: json('Selection') },
    answers: accepted,
    errors: ['batchNotFound'],
  },
  {
    method: 'post',
    path: '/v1/batches/{asyncId}/repost',
    id: 'repostBatch',
    tag: 'Batches',
    summary: 'Send the callback again',
    parameters: [asyncId],
    answers: accepted,
    errors: ['batchNotFound'],
  },
];
