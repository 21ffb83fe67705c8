/** The routes for pages about batches, below `/v1`. */
import { asyncId, cursor, inPath, json, limit, type Operation, query } from './operation.ts';

export const views: Operation[] = [
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/errors',
    id: 'listErrors',
    tag: 'Batches',
    summary: 'Group the failed jobs by the code and the message of their error',
    parameters: [asyncId],
    answers: {
      200: { description: 'At most 100 errors, the most frequent first.', content: json('ErrorGroups') },
    },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/timeline',
    id: 'getTimeline',
    tag: 'Batches',
    summary: 'Count the jobs by the time of their end',
    parameters: [
      asyncId,
      query('buckets', 'The largest number of periods.', {
        type: 'integer',
        minimum: 10,
        maximum: 500,
        default: 120,
      }),
    ],
    answers: { 200: { description: 'All periods, without gaps.', content: json('Timeline') } },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/jobs',
    id: 'listOpenJobs',
    tag: 'Batches',
    summary: 'List the jobs that have not ended, in the order of the request',
    parameters: [
      asyncId,
      query('status', 'Jobs of this status only.', { enum: ['pending', 'waiting', 'running'] }),
      limit,
      cursor,
    ],
    answers: {
      200: {
        description: 'A page of jobs; it may have few or none, and a `nextCursor`, where most have ended.',
        content: json('OpenJobPage'),
      },
    },
    errors: ['batchNotFound'],
  },
  {
    method: 'get',
    path: '/v1/batches/{asyncId}/jobs/{index}',
    id: 'getJob',
    tag: 'Batches',
    summary: 'Show a job, whether it has ended or not',
    parameters: [
      asyncId,
      inPath('index', 'The position of the job in the request, from 0.', { type: 'integer', minimum: 0 }),
    ],
    answers: { 200: { description: 'The job.', content: json('BatchJob') } },
    errors: ['batchNotFound', 'notFound'],
  },
  {
    method: 'get',
    path: '/v1/callbacks',
    id: 'listOpenCallbacks',
    tag: 'Batches',
    summary: 'List the callbacks that are not delivered, of all ended batches, newest batch first',
    parameters: [
      query('state', 'Callbacks that wait for an attempt, or that have had their last one.', {
        enum: ['pending', 'failed'],
      }),
      limit,
      cursor,
    ],
    answers: { 200: { description: 'A page of callbacks.', content: json('OpenCallbacks') } },
  },
  {
    method: 'get',
    path: '/v1/events',
    id: 'followBatches',
    tag: 'Batches',
    summary: 'Follow several batches by server-sent events',
    parameters: [
      query('batches', 'Up to 100 asyncIds, separated by commas. Needed without `newest` and `paths`.', {
        type: 'string',
      }),
      query('newest', 'Also the 50 newest batches of the tenant, and those that are taken from now on.', {
        type: 'boolean',
      }),
      query(
        'paths',
        'Up to 20 paths with their queries, separated by commas, whose answers to a GET are sent too, now and when they have changed: `/v1/limits`, `/v1/system`, `/v1/callbacks`, and below `/v1/batches/{asyncId}` `errors`, `timeline`, `callbacks`, `jobs` and `jobs/{index}`.',
        { type: 'string' },
      ),
    ],
    answers: {
      200: {
        description:
          'Events `answer` with `path`, `status` and `answer`; `progress` with a batch, at most four a second for each; `finished` with it at its end; `gone` with the asyncId of one that is not there.',
        content: { 'text/event-stream': { type: 'string' } },
      },
    },
  },
  {
    method: 'get',
    path: '/v1/me',
    id: 'getOwnKey',
    tag: 'Keys',
    summary: 'Show the key of the request, and what it may do',
    answers: { 200: { description: 'The key.', content: json('OwnKey') } },
  },
];
