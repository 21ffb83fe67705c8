/** JSON Schemas of jobs of a batch, and of how they depend on each other. */
import { arrayOf, described, object, ref, type Schema, text } from '../schema-parts.ts';

export const jobSchemas: Record<string, Schema> = {
  Job: object(
    {
      namespace: text,
      action: text,
      params: described('By the schema of the action.', { type: 'object' }),
      id: described('A name of the caller; unique in the batch.', { type: ['string', 'number'] }),
      dependsOn: described(
        'The job starts when all of these are met: the id of a job that must succeed, or an object.',
        arrayOf(ref('Dependency')),
      ),
      group: described('A name that jobs share, for jobs that wait for all of them.', text),
      bind: described(
        'By place in the params, a JSON Pointer: the value that comes there before the job runs. The job waits for the other.',
        { type: 'object', additionalProperties: ref('BoundValue') },
      ),
    },
    'id',
    'dependsOn',
    'group',
    'bind',
  ),
  BoundValue: object(
    {
      job: described('The id of the other job.', { type: ['string', 'number'] }),
      at: described("The place of the value in that job's response, a JSON Pointer.", text),
      default: described('The value when there is nothing at that place. Any JSON.', {}),
    },
    'default',
  ),
  Dependency: {
    anyOf: [
      { type: ['string', 'number'] },
      object({ job: { type: ['string', 'number'] }, when: ref('When') }, 'when'),
      object({ group: text, when: ref('When') }, 'when'),
    ],
  },
  When: described('How the job must have ended; `finished` is any end.', {
    enum: ['succeeded', 'failed', 'finished'],
  }),
  JobStatus: { type: 'string', enum: ['succeeded', 'failed', 'cancelled', 'skipped'] },
};
