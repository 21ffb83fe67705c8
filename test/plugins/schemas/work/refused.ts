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
    /** How many runs fail after that. */
    failures: { type: 'integer' },
  },
} as const satisfies JSONSchema;
export type Refused = FromSchema<typeof params>;
