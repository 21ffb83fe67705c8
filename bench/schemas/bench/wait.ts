import type { FromSchema, JSONSchema } from '../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: { n: { type: 'integer' }, ms: { type: 'integer', minimum: 0 } },
} as const satisfies JSONSchema;
export type Wait = FromSchema<typeof params>;
