import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    /** Called by the job. */
    url: { type: 'string' },
    account: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Call = FromSchema<typeof params>;
