import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['refusals', 'seconds'],
  additionalProperties: false,
  properties: {
    /** How many runs are refused. */
    refusals: { type: 'integer' },
    /** The pause that a refusal asks for. */
    seconds: { type: 'number' },
    /** The refusal is for all jobs that run together. */
    whole: { type: 'boolean' },
  },
} as const satisfies JSONSchema;
export type RefusedMany = FromSchema<typeof params>;
