import type { FromSchema, JSONSchema } from '../../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: {
    n: { type: 'integer' },
    ms: { type: 'integer', minimum: 0 },
    file: { type: 'string' },
    bytes: { type: 'integer', minimum: 0 },
    padding: { type: 'string' },
  },
} as const satisfies JSONSchema;
export type Note = FromSchema<typeof params>;
