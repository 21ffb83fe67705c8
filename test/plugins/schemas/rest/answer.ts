import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['bytes'],
  additionalProperties: false,
  properties: {
    /** The size of the response, with its quotes. */
    bytes: { type: 'integer', minimum: 2 },
    /** Makes the request large. */
    text: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Answer = FromSchema<typeof params>;
