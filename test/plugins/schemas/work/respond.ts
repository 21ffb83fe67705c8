import type { FromSchema, JSONSchema } from 'batchwright/plugin';

export const params = {
  type: 'object',
  required: ['kind'],
  additionalProperties: false,
  properties: {
    kind: {
      enum: [
        'undefined',
        'null',
        'number',
        'date',
        'nul',
        'surrogate',
        'function',
        'bigint',
        'circular',
        'largest',
        'larger',
        'wide',
        'digits',
        'inherited',
        'nested',
        'deep',
      ],
    },
  },
} as const satisfies JSONSchema;
export type Respond = FromSchema<typeof params>;
