import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: {
    n: { type: 'integer' },
    /** How many runs return an Error for the job. */
    failures: { type: 'integer' },
    /** Returns a NonRetryableError for the job. */
    fatal: { type: 'boolean' },
    /** How it affects all jobs that run together. */
    spoils: { enum: ['throws', 'length', 'changes'] },
  },
} as const satisfies JSONSchema;
export type Many = FromSchema<typeof params>;
