/** JSON Schemas of results. */
import {
  anything,
  arrayOf,
  count,
  described,
  object,
  orNull,
  ref,
  type Schema,
  time,
} from '../schema-parts.ts';

export const resultSchemas: Record<string, Schema> = {
  Result: object(
    {
      index: described('The position of the job in the request, from 0.', count),
      id: { type: ['string', 'number'] },
      namespace: described('As sent: any JSON for a job that skipInvalid let pass.', anything),
      action: described('As sent.', anything),
      request: described('The params as sent, with the values that were bound.', anything),
      response: described('What the action returned; an Error when the job failed.', anything),
      status: ref('JobStatus'),
      attempts: described('Runs; 0 for a job that never ran.', count),
      startedAt: orNull('string', { format: 'date-time' }),
      finishedAt: time,
    },
    'id',
  ),
  ResultPage: object({ data: arrayOf(ref('Result')), nextCursor: orNull('string') }),
  BatchResults: object({
    asyncId: ref('AsyncId'),
    results: arrayOf(ref('Result')),
    meta: object({ totalResults: count, start: count, perPage: count, count }),
  }),
};
