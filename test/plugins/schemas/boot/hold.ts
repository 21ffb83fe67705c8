import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['started', 'until'],
  additionalProperties: false,
  properties: {
    /** A file that gets a line for each run. */
    started: { type: 'string' },
    /** The run ends when this file exists. */
    until: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Hold = FromSchema<typeof params>;
