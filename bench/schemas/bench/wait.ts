import type { FromSchema, JSONSchema } from '../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: { n: { type: 'integer' } },
} as const satisfies JSONSchema;
export type Wait = FromSchema<typeof params>;
