import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: {
    n: { type: 'integer' },
    /** How many runs end with an Error in the job's place. */
    failures: { type: 'integer' },
    /** A NonRetryableError in the job's place. */
    fatal: { type: 'boolean' },
    /** What its presence does to all jobs that run together. */
    spoils: { enum: ['throws', 'length', 'changes'] },
  },
} as const satisfies JSONSchema;
export type Many = FromSchema<typeof params>;
