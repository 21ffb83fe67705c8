/** The routes for pages about batches, below `/v1`. */
import { asyncId, inPath, json, type Operation, query } from './operation.ts';

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
];
