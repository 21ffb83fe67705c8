import type { FromSchema, JSONSchema } from '../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n', 's'],
  additionalProperties: false,
  properties: { n: { type: 'integer' }, s: { type: 'string', minLength: 40, maxLength: 40 } },
} as const satisfies JSONSchema;
export type Echo = FromSchema<typeof params>;
