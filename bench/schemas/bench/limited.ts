import type { FromSchema, JSONSchema } from '../../../src/plugin/index.ts';

export const params = {
  type: 'object',
  required: ['n', 'bucket'],
  additionalProperties: false,
  properties: { n: { type: 'integer' }, bucket: { type: 'integer' } },
} as const satisfies JSONSchema;
export type Limited = FromSchema<typeof params>;
